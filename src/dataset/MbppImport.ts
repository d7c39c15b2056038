/**
 * Imports MBPP (Austin et al. 2021) and labelled attempts at it.
 *
 * Tasks come from `mbpp.jsonl` (974 problems); the hand-checked wording and tests of `sanitized-mbpp.json`
 * replace the original's where that file is given. The standard split by task number: 1-10 few-shot prompts
 * (kept apart), 11-510 test, 511-600 validation, 601-974 train.
 *
 * Labelled attempts come from result files of EvalPlus: `eval[task id][sample]` with `solution` and
 * `base_status`, the result on MBPP's own tests. Only attempts at training tasks are kept.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Attempt } from "../domain/Attempt.ts";
import type { Outcome } from "../domain/Verdict.ts";
import type { Split, Task } from "../domain/Task.ts";
import * as nodePath from "node:path";
import * as Contamination from "./Contamination.ts";
import { DatasetError } from "./DatasetError.ts";
import * as Jsonl from "./Jsonl.ts";
import * as MbppPrompt from "./MbppPrompt.ts";

/** One line of mbpp.jsonl. */
const Row = Schema.Struct({
  task_id: Schema.Int,
  text: Schema.NonEmptyString,
  code: Schema.String,
  test_setup_code: Schema.String,
  test_list: Schema.Array(Schema.String),
});

/** One element of sanitized-mbpp.json. */
const SanitizedRow = Schema.Struct({
  task_id: Schema.Int,
  prompt: Schema.NonEmptyString,
  code: Schema.String,
  test_imports: Schema.Array(Schema.String),
  test_list: Schema.Array(Schema.String),
});

/** An EvalPlus result file. */
const Results = Schema.Struct({
  eval: Schema.Record(
    Schema.String,
    Schema.Array(
      Schema.Struct({
        task_id: Schema.String,
        solution: Schema.String,
        base_status: Schema.Literals(["pass", "fail", "timeout"]),
      }),
    ),
  ),
});

export interface Files {
  /** mbpp.jsonl, all 974 problems. */
  readonly mbpp: string;
  /** sanitized-mbpp.json: its wording and tests replace those of its problems. */
  readonly sanitized?: string;
  /** EvalPlus result files. */
  readonly labelled: ReadonlyArray<string>;
  /** Whether the reference solutions of training tasks are passing attempts. Default true. */
  readonly references?: boolean;
}

export interface Mbpp {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
  /** Tasks 2, 3 and 4, for the prompt. */
  readonly shots: ReadonlyArray<Task>;
  /**
   * What was left out: training tasks whose statement is that of a validation or test task; attempts at tasks
   * that are not for training, or that do not define the entry point.
   */
  readonly leftOut: {
    readonly repeatedTasks: ReadonlyArray<string>;
    readonly otherSplits: number;
    readonly otherEntryPoint: number;
  };
}

/** The standard split; undefined for the few-shot tasks. */
export const splitOf = (taskNumber: number): Split | undefined =>
  taskNumber <= 10 ? undefined : taskNumber <= 510 ? "test" : taskNumber <= 600 ? "validation" : "train";

export const taskId = (taskNumber: number): string => `mbpp/${taskNumber}`;

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The function that the tests call: defined in the code and called in the first test. */
const entryPoint = (code: string, tests: ReadonlyArray<string>): string | undefined =>
  Array.from(code.matchAll(/^\s*(?:def|class)\s+(\w+)/gm), ([, name]) => name).find((name) =>
    new RegExp(`\\b${escaped(name)}\\s*\\(`).test(tests[0] ?? ""),
  );

const unixLines = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");

interface Problem {
  readonly number: number;
  readonly statement: string;
  readonly code: string;
  readonly setup: string;
  readonly asserts: ReadonlyArray<string>;
}

const toTask = (
  path: string,
  line: number | undefined,
  problem: Problem,
): Effect.Effect<Task, DatasetError> => {
  const at = line === undefined ? { path } : { path, line };
  if (problem.asserts.length === 0) {
    return Effect.fail(
      new DatasetError({
        ...at,
        reason: `problem ${problem.number} has no tests.`,
        remedy: "Add asserts to its test_list, or remove it.",
      }),
    );
  }
  const reference = unixLines(problem.code);
  const name = entryPoint(reference, problem.asserts);
  if (name === undefined) {
    return Effect.fail(
      new DatasetError({
        ...at,
        reason: `problem ${problem.number}: no function of its code is called in its first test.`,
        remedy: "Correct its code or its test_list, or remove it.",
      }),
    );
  }
  return Effect.succeed({
    id: taskId(problem.number),
    source: "mbpp",
    split: splitOf(problem.number) ?? "train",
    language: "python",
    statement: unixLines(problem.statement),
    entryPoint: name,
    reference,
    tests: { kind: "assert", setup: unixLines(problem.setup), asserts: problem.asserts.map(unixLines) },
  });
};

const readProblems = Effect.fnUntraced(function* (path: string) {
  const { lines } = yield* Jsonl.read(path, Row);
  const tasks = new Map<number, Task>();
  for (const { line, value: row } of lines) {
    if (tasks.has(row.task_id)) {
      return yield* new DatasetError({
        path,
        line,
        reason: `problem ${row.task_id} occurs twice.`,
        remedy: "Remove one of the two lines.",
      });
    }
    const problem = {
      number: row.task_id,
      statement: row.text,
      code: row.code,
      setup: row.test_setup_code,
      asserts: row.test_list,
    };
    tasks.set(row.task_id, yield* toTask(path, line, problem));
  }
  return tasks;
});

/** Reads a JSON file that is one document. */
const readDocument = Effect.fnUntraced(function* <A>(
  path: string,
  schema: Schema.Decoder<A>,
  what: string,
): Effect.fn.Return<A, DatasetError> {
  const text = yield* Jsonl.readText(path);
  const fail = (reason: string) =>
    new DatasetError({
      path,
      reason: `${reason}.`,
      remedy: `Expected ${what}; docs/datasets.md names the source.`,
    });
  const json = yield* Effect.try({
    try: () => JSON.parse(text) as unknown,
    catch: (cause) => fail(`not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`),
  });
  return yield* Effect.mapError(Schema.decodeUnknownEffect(schema)(json), (error) =>
    fail(error.message.replace(/\s*\n\s*/g, " ")),
  );
});

const outcomes: Record<"pass" | "fail" | "timeout", Outcome> = {
  pass: "Passed",
  // EvalPlus does not say how a program failed.
  fail: "WrongAnswer",
  timeout: "TimedOut",
};

/** Reads MBPP and attempts at its training tasks. */
export const load = Effect.fn("MbppImport.load")(function* (
  files: Files,
): Effect.fn.Return<Mbpp, DatasetError> {
  const byNumber = yield* readProblems(files.mbpp);
  if (files.sanitized !== undefined) {
    const rows = yield* readDocument(files.sanitized, Schema.Array(SanitizedRow), "sanitized-mbpp.json");
    for (const row of rows) {
      const problem = {
        number: row.task_id,
        statement: row.prompt,
        code: row.code,
        setup: row.test_imports.join("\n"),
        asserts: row.test_list,
      };
      byNumber.set(row.task_id, yield* toTask(files.sanitized, undefined, problem));
    }
  }
  const shots: Array<Task> = [];
  for (const number of MbppPrompt.SHOT_IDS) {
    const shot = byNumber.get(number);
    if (shot === undefined) {
      return yield* new DatasetError({
        path: files.mbpp,
        reason: `problem ${number}, one of the three of the prompt (2, 3, 4), is missing.`,
        remedy: "Use the full mbpp.jsonl with 974 problems.",
      });
    }
    shots.push(shot);
  }
  const all = Array.from(byNumber)
    .filter(([number]) => splitOf(number) !== undefined)
    .sort(([a], [b]) => a - b)
    .map(([, task]) => task);
  const repeated = new Set(
    Contamination.overlap(
      all.filter((task) => task.split === "train"),
      all.filter((task) => task.split !== "train"),
    ).map(({ trained }) => trained.id),
  );
  const tasks = all.filter((task) => !repeated.has(task.id));
  const training = new Map(tasks.flatMap((task) => (task.split === "train" ? [[task.id, task]] : [])));

  const attempts: Array<Attempt> = [];
  let otherSplits = 0;
  let otherEntryPoint = 0;
  for (const path of files.labelled) {
    const results = yield* readDocument(path, Results, "an EvalPlus result file");
    const origin = nodePath.basename(path, ".json").replace(/^mbpp-/, "");
    for (const sample of Object.values(results.eval).flat()) {
      const number = /^Mbpp\/(\d+)$/.exec(sample.task_id)?.[1];
      if (number === undefined || !byNumber.has(Number(number))) {
        return yield* new DatasetError({
          path,
          reason: `attempt at "${sample.task_id}", which is not in ${nodePath.basename(files.mbpp)} (expected "Mbpp/NUMBER").`,
          remedy: "Give the result file of an MBPP evaluation, or the full mbpp.jsonl.",
        });
      }
      const task = training.get(taskId(Number(number)));
      if (task === undefined) {
        otherSplits++;
      } else if (!new RegExp(`\\b${escaped(task.entryPoint)}\\b`).test(sample.solution)) {
        otherEntryPoint++;
      } else {
        attempts.push({
          taskId: task.id,
          program: unixLines(sample.solution),
          origin,
          outcome: outcomes[sample.base_status],
          labelSource: "dataset",
        });
      }
    }
  }
  if (files.references !== false) {
    for (const task of training.values()) {
      if (task.reference === undefined) continue;
      attempts.push({
        taskId: task.id,
        program: task.reference,
        origin: "reference",
        outcome: "Passed",
        labelSource: "dataset",
      });
    }
  }
  return { tasks, attempts, shots, leftOut: { repeatedTasks: [...repeated], otherSplits, otherEntryPoint } };
});
