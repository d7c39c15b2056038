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
import type { Task } from "../domain/Task.ts";
import * as nodePath from "node:path";
import * as Contamination from "./Contamination.ts";
import { DatasetError } from "./DatasetError.ts";
import * as Format from "./import/Format.ts";
import * as Mbpp from "./import/formats/Mbpp.ts";
import * as Samples from "./import/formats/Samples.ts";
import * as Jsonl from "./Jsonl.ts";
import * as MbppPrompt from "./MbppPrompt.ts";

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

export interface Imported {
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

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The task of a problem; few-shot tasks are told apart by their number. */
const toTask = (
  path: string,
  line: number | undefined,
  problem: Mbpp.Problem,
): Effect.Effect<Task, DatasetError> => {
  const made = Mbpp.toTask(problem);
  return "kind" in made
    ? Effect.fail(
        new DatasetError({
          path,
          ...(line === undefined ? {} : { line }),
          reason: `${made.reason}.`,
          remedy: made.remedy ?? "Correct it, or remove it.",
        }),
      )
    : Effect.succeed(made);
};

const readProblems = Effect.fnUntraced(function* (path: string) {
  const { lines } = yield* Jsonl.read(path, Mbpp.Row);
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
    tasks.set(row.task_id, yield* toTask(path, line, Mbpp.problem(row)));
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

/** Reads MBPP and attempts at its training tasks. */
export const load = Effect.fn("MbppImport.load")(function* (
  files: Files,
): Effect.fn.Return<Imported, DatasetError> {
  const byNumber = yield* readProblems(files.mbpp);
  if (files.sanitized !== undefined) {
    const rows = yield* readDocument(files.sanitized, Schema.Array(Mbpp.SanitizedRow), "sanitized-mbpp.json");
    for (const row of rows) {
      byNumber.set(row.task_id, yield* toTask(files.sanitized, undefined, Mbpp.sanitizedProblem(row)));
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
    .filter(([number]) => Mbpp.splitOf(number) !== undefined)
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
    const results = yield* readDocument(path, Samples.Results, "an EvalPlus result file");
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
      const task = training.get(Mbpp.taskId(Number(number)));
      if (task === undefined) {
        otherSplits++;
      } else if (!new RegExp(`\\b${escaped(task.entryPoint)}\\b`).test(sample.solution)) {
        otherEntryPoint++;
      } else {
        attempts.push({
          taskId: task.id,
          program: Format.unixLines(sample.solution),
          origin,
          ...Samples.baseLabel(sample),
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
