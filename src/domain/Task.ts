/**
 * A task: a programming problem with its tests.
 *
 * Plain data, decoded at every boundary. Tests hold expected values and are never sent into the
 * process that runs a candidate program.
 */
import * as Schema from "effect/Schema";
import { SideFiles } from "./SideFile.ts";

export const Language = Schema.Literals(["javascript", "python", "cpp"]);
export type Language = typeof Language.Type;

export const Split = Schema.Literals(["train", "validation", "test"]);
export type Split = typeof Split.Type;

/** What tests of every kind may say. */
const common = {
  /** Put into the jail's /tmp before the program starts. */
  files: Schema.optionalKey(SideFiles),
  /** Run every test and count, rather than stop at the first failure. */
  counts: Schema.optionalKey(Schema.Boolean),
};

/**
 * EvalPlus' oracles of single tasks (`sandbox/judge/EvalPlusOracle`): any answer ("any": are_equivalent), zero too
 * (sum_div), the same set, whether it is None, a formula's value too (surface_Area, digit_distance_nums), or a root of
 * the polynomial that the arguments are (find_zero).
 */
export const EvalPlusOracle = Schema.Literals([
  "any",
  "or-zero",
  "set",
  "not-none",
  "surface-area",
  "digit-distance",
  "root",
]);
export type EvalPlusOracle = typeof EvalPlusOracle.Type;

/**
 * How an answer is compared, where not by the language's own rules: as EvalPlus does, with a task's absolute
 * tolerance (`sandbox/judge/EvalPlusAnswer`), or as APPS does (`sandbox/judge/AppsAnswer`).
 */
export const CallComparison = Schema.Union([
  Schema.Literal("apps"),
  Schema.Struct({
    kind: Schema.Literal("evalplus"),
    atol: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)),
    oracle: Schema.optionalKey(EvalPlusOracle),
  }),
]);
export type CallComparison = typeof CallComparison.Type;

/** Call-style tests: apply `entryPoint` to plain JSON `args`, compare with `expected`. */
export const CallTests = Schema.Struct({
  kind: Schema.Literal("call"),
  cases: Schema.Array(Schema.Struct({ args: Schema.Array(Schema.Json), expected: Schema.Json })),
  /**
   * "python": `args` and `expected` are tagged plain data of Python (plain.py of the supervisor), for what JSON cannot
   * say: tuples, sets, floats that are whole numbers, large ints. Compared exactly where `comparison` is absent.
   */
  values: Schema.optionalKey(Schema.Literal("python")),
  /** Default: the language's own rules. For Python's values. */
  comparison: Schema.optionalKey(CallComparison),
  /** How many of the first cases are shown in the statement; the rest are hidden. */
  visible: Schema.Int,
  ...common,
});
export type CallTests = typeof CallTests.Type;

/** Assert-style tests (MBPP): statements that call the entry point; run by a checker, never by the program. */
export const AssertTests = Schema.Struct({
  kind: Schema.Literal("assert"),
  /** Source run by the checker before the asserts (imports, helpers). */
  setup: Schema.String,
  asserts: Schema.Array(Schema.String),
  ...common,
});
export type AssertTests = typeof AssertTests.Type;

/**
 * How printed text is compared with the expected one (`sandbox/judge/StdioAnswer`): "exact" but for blanks at the ends
 * of lines and of the text; "tokens" as CodeContests does; "apps" as APPS does, leniently; "apps-strict" line by line.
 */
export const StdioComparison = Schema.Literals(["exact", "tokens", "apps", "apps-strict"]);
export type StdioComparison = typeof StdioComparison.Type;

/** Stdio tests (APPS, CodeContests): the program as a whole reads `input` and prints; what it printed is compared. */
export const StdioTests = Schema.Struct({
  kind: Schema.Literal("stdio"),
  cases: Schema.Array(Schema.Struct({ input: Schema.String, output: Schema.String })),
  comparison: StdioComparison,
  /** How many of the first cases are shown in the statement; the rest are hidden. */
  visible: Schema.Int,
  ...common,
});
export type StdioTests = typeof StdioTests.Type;

export const Tests = Schema.Union([CallTests, AssertTests, StdioTests]);
export type Tests = typeof Tests.Type;

/** Per-run limits. Seconds and bytes. */
export const Limits = Schema.Struct({
  cpuSeconds: Schema.Number,
  wallSeconds: Schema.Number,
  memoryBytes: Schema.Int,
  outputBytes: Schema.Int,
});
export type Limits = typeof Limits.Type;

export const Task = Schema.Struct({
  id: Schema.NonEmptyString,
  source: Schema.String,
  split: Split,
  language: Language,
  statement: Schema.String,
  /** The function that tests call, in Python also the method of a class Solution; of stdio tests a name without use. */
  entryPoint: Schema.NonEmptyString,
  /** A reference solution, where the dataset has one. */
  reference: Schema.optionalKey(Schema.String),
  tests: Tests,
  limits: Schema.optionalKey(Limits),
  /** Free facts of the source; `difficulty`, or else `steps`, is the level that figures are split by. */
  meta: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
});
export type Task = typeof Task.Type;

/** The level of difficulty that figures are split by: meta.difficulty, or else meta.steps; null where it has none. */
export const difficulty = ({ meta }: Task): string | null => {
  const level = meta?.["difficulty"] ?? meta?.["steps"];
  return typeof level === "string" || typeof level === "number" ? String(level) : null;
};

/** Number of test cases of a task. */
export const testCount = (tests: Tests): number =>
  tests.kind === "assert" ? tests.asserts.length : tests.cases.length;
