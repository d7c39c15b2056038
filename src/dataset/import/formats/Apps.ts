/**
 * APPS (Hendrycks et al. 2021): the released folders, one a problem, or the rows of codeparrot/apps.
 *
 * Solutions are passing attempts, the first that a sandbox can run is the task's reference. Graded programs that
 * CodeRL put beside them (gen_solutions.json, baseline_solutions.json) are labelled attempts.
 */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { Attempt } from "../../../domain/Attempt.ts";
import type { Task } from "../../../domain/Task.ts";
import type { Outcome } from "../../../domain/Verdict.ts";
import * as Format from "../Format.ts";
import type { Flaw } from "../Problem.ts";
import * as AppsFolder from "./AppsFolder.ts";
import * as InputOutput from "./InputOutput.ts";
import * as JsonField from "./JsonField.ts";
import * as PythonImports from "./PythonImports.ts";
import * as SplitName from "./SplitName.ts";
import * as TaskLimits from "./TaskLimits.ts";
import * as TestSize from "./TestSize.ts";

const Row = Schema.Struct({
  /** `problem_id` in the data set's viewer, `id` in its files; of a folder its name. */
  problem_id: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  id: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  split: Schema.optionalKey(Schema.Literals(["train", "validation", "test"])),
  question: Schema.NonEmptyString,
  input_output: Schema.optionalKey(Schema.Unknown),
  solutions: Schema.optionalKey(Schema.Unknown),
  starter_code: Schema.optionalKey(Schema.NullOr(Schema.String)),
  difficulty: Schema.optionalKey(Schema.NullOr(Schema.String)),
  url: Schema.optionalKey(Schema.NullOr(Schema.String)),
  /** metadata.json of a folder, which holds difficulty and url. */
  metadata: Schema.optionalKey(Schema.Unknown),
  gen_solutions: Schema.optionalKey(Schema.Unknown),
  baseline_solutions: Schema.optionalKey(Schema.Unknown),
});
type Row = typeof Row.Type;

const Metadata = Schema.Struct({
  difficulty: Schema.optionalKey(Schema.String),
  url: Schema.optionalKey(Schema.String),
});

/** What CodeRL's grader says: true, false (a wrong answer), -1 (raised or took too long), -2 (did not load). */
const Graded = Schema.Struct({
  code: Schema.String,
  result: Schema.Union([Schema.Boolean, Schema.Int]),
  error_type: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
type Graded = typeof Graded.Type;

const SYNTAX = new Set(["syntaxerror", "indentationerror", "taberror"]);

const outcomeOf = ({ result, error_type: error }: Graded): Outcome | undefined => {
  if (result === true || result === 1) return "Passed";
  if (result === false || result === 0) return "WrongAnswer";
  if (error === "timeoutexception") return "TimedOut";
  if (error === "memoryerror") return "OutOfMemory";
  if (result === -1) return "RuntimeError";
  // A program that raises while it loads is to the grader one that does not compile.
  if (result === -2) return error && !SYNTAX.has(error) ? "RuntimeError" : "CompileError";
  return undefined;
};

/** The grader's own text round a program (baseline_solutions.json has it): imports, and `def code():`. */
export const unwrapped = (program: string): string => {
  const [head, body] = program.split(/^stdin = sys\.stdin\nstdout = sys\.stdout\ndef code\(\):\n/m);
  if (head === undefined || body === undefined) return program;
  const own = head.split(/^from heapq import \*\n/m)[1] ?? "";
  return own + body.replace(/^\t/gm, "");
};

/** A program as it runs by itself, without the grader's imports and its function round everything. */
export const runnable = (program: string, called: boolean): string => {
  const text = Format.unixLines(program);
  return PythonImports.complete(called ? text : PythonImports.whole(text), PythonImports.APPS);
};

/** Whether a sandbox, which has no packages, may run it. */
export const selfContained = (program: string): boolean =>
  !/^[ \t]*(?:import|from)[ \t]+(?:numpy|scipy|sympy|networkx|numba|pandas|sortedcontainers)\b/m.test(
    program,
  );

/** The statement, with the code that a solution begins with, or else the function's name. */
export const statement = (question: string, starter: string, name: string | undefined): string => {
  const text = Format.unixLines(question).trim();
  const begun = Format.unixLines(starter).trimEnd();
  if (begun !== "") return `${text}\n\nBegin with:\n${PythonImports.complete(begun, PythonImports.TYPING)}`;
  return name === undefined || text.includes(name) ? text : `${text}\n\nWrite a function ${name}.`;
};

/** Solutions that pass, by the dataset's word; blank ones are flaws. */
export const passing = (
  taskId: string,
  programs: ReadonlyArray<string>,
): { readonly attempts: ReadonlyArray<Attempt>; readonly flaws: ReadonlyArray<Flaw> } => ({
  attempts: programs
    .filter((program) => program.trim() !== "")
    .map((program) => ({
      taskId,
      program,
      origin: "solution",
      outcome: "Passed",
      labelSource: "dataset",
    })),
  flaws: programs
    .filter((program) => program.trim() === "")
    .map(() => ({ kind: "empty program", reason: `${taskId}: a solution is empty` })),
});

/** A problem's number in four digits, as the folders have it. */
const numbered = (id: string | number | undefined): string => String(id ?? "").padStart(4, "0");

const convert = (row: Row, context: Format.Context): Format.Converted => {
  const fields = Result.gen(function* () {
    return {
      found: yield* InputOutput.tests(row.input_output),
      solutions: yield* JsonField.read("solutions", row.solutions, Schema.Array(Schema.String), []),
      metadata: yield* JsonField.read("metadata", row.metadata, Metadata, {}),
      generated: yield* JsonField.read("gen_solutions", row.gen_solutions, Schema.Array(Graded), []),
      baseline: yield* JsonField.read("baseline_solutions", row.baseline_solutions, Schema.Array(Graded), []),
    };
  });
  if (Result.isFailure(fields)) return { flaws: [fields.failure] };
  const { found, metadata, generated, baseline } = fields.success;
  const number = row.problem_id ?? row.id;
  if (number === undefined)
    return { flaws: [{ kind: "missing field", reason: 'the field "problem_id" is missing' }] };

  const called = found.name !== undefined;
  const { tests, cut } = TestSize.bounded(found.tests, context.options.testBytes);
  const split = context.options.split ?? row.split ?? SplitName.of(context.file) ?? "train";
  const id = `apps/${split}/${numbered(number)}`;
  const solutions = fields.success.solutions.map((program) => runnable(program, called));
  const reference = solutions.find((program) => program.trim() !== "" && selfContained(program));
  const task: Task = {
    id,
    source: "apps",
    split,
    language: "python",
    statement: statement(row.question, row.starter_code ?? "", found.name),
    entryPoint: found.name ?? "main",
    ...(reference === undefined ? {} : { reference }),
    tests,
    // The grader gives each test 4 seconds; the limits of calls are for all of them together.
    limits: TaskLimits.limits({ seconds: called ? 10 : 4, memoryBytes: TaskLimits.DEFAULT_MEMORY }),
    meta: Format.facts({ difficulty: row.difficulty ?? metadata.difficulty, url: row.url ?? metadata.url }),
  };
  const solved = passing(id, solutions);
  const graded = [
    ...generated.map((one) => ({ one, origin: "generated" })),
    ...baseline.map((one) => ({
      one: { ...one, code: unwrapped(Format.unixLines(one.code)) },
      origin: "baseline",
    })),
  ];
  const attempts = graded.flatMap(({ one, origin }): ReadonlyArray<Attempt> => {
    const outcome = outcomeOf(one);
    if (one.code.trim() === "") return [];
    const failed = typeof one.result === "number" && one.result < 0;
    return [
      {
        taskId: id,
        program: runnable(one.code, called),
        origin,
        ...(outcome === undefined ? {} : { outcome, labelSource: "dataset" as const }),
        ...(one.error_type && failed ? { meta: { error: one.error_type } } : {}),
      },
    ];
  });
  const empty = graded.filter(({ one }) => one.code.trim() === "");
  return {
    tasks: [task],
    attempts: [...solved.attempts, ...attempts],
    flaws: [
      ...solved.flaws,
      ...empty.map(
        ({ origin }): Flaw => ({ kind: "empty program", reason: `${id}: a ${origin} program is empty` }),
      ),
    ],
    leftOut: Array.from({ length: cut }, () => TestSize.CUT),
  };
};

export const apps = Format.make({
  name: "apps",
  title: "APPS",
  licence: "MIT",
  url: "https://github.com/hendrycks/apps",
  gives: "tasks and attempts",
  row: Row,
  looksLike: (record) =>
    "question" in record &&
    "input_output" in record &&
    "starter_code" in record &&
    !("Expected Time Complexity" in record) &&
    !("raw_tags" in record),
  folder: AppsFolder.folder,
  convert,
});
