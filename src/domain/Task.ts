/**
 * A task: a programming problem with its tests.
 *
 * Plain data, decoded at every boundary. Tests hold expected values and are never sent into the
 * process that runs a candidate program.
 */
import * as Schema from "effect/Schema";

export const Language = Schema.Literals(["javascript", "python"]);
export type Language = typeof Language.Type;

export const Split = Schema.Literals(["train", "validation", "test"]);
export type Split = typeof Split.Type;

/** Call-style tests: apply `entryPoint` to plain JSON `args`, compare with `expected`. */
export const CallTests = Schema.Struct({
  kind: Schema.Literal("call"),
  cases: Schema.Array(Schema.Struct({ args: Schema.Array(Schema.Json), expected: Schema.Json })),
  /** How many of the first cases are shown in the statement; the rest are hidden. */
  visible: Schema.Int,
});
export type CallTests = typeof CallTests.Type;

/** Assert-style tests (MBPP): statements that call the entry point; run by a checker, never by the program. */
export const AssertTests = Schema.Struct({
  kind: Schema.Literal("assert"),
  /** Source run by the checker before the asserts (imports, helpers). */
  setup: Schema.String,
  asserts: Schema.Array(Schema.String),
});
export type AssertTests = typeof AssertTests.Type;

export const Tests = Schema.Union([CallTests, AssertTests]);
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
  tests.kind === "call" ? tests.cases.length : tests.asserts.length;
