/** Small tasks for the sandbox tests. */
import type * as Schema from "effect/Schema";
import type { Limits, Task } from "../../../src/domain/Task.ts";

type Case = readonly [args: ReadonlyArray<Schema.Json>, expected: Schema.Json];

/** A task whose entry point is `f`. */
export const call = (language: Task["language"], cases: ReadonlyArray<Case>, limits?: Limits): Task => ({
  id: `test/${language}`,
  source: "test",
  split: "test",
  language,
  statement: "",
  entryPoint: "f",
  tests: { kind: "call", visible: 0, cases: cases.map(([args, expected]) => ({ args, expected })) },
  ...(limits === undefined ? {} : { limits }),
});

/** A Python task with MBPP's style of tests. */
export const asserts = (lines: ReadonlyArray<string>, setup = "", limits?: Limits): Task => ({
  id: "test/asserts",
  source: "test",
  split: "test",
  language: "python",
  statement: "",
  entryPoint: "f",
  tests: { kind: "assert", setup, asserts: lines },
  ...(limits === undefined ? {} : { limits }),
});
