/**
 * Tests as LiveCodeBench writes them, a list of `{"input", "output", "testtype"}`: text for standard input, or for a
 * function a line of JSON for each argument and one for its answer.
 */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { CallTests, StdioTests } from "../../../domain/Task.ts";
import type { Flaw } from "../Problem.ts";
import * as ExactJson from "./ExactJson.ts";
import type { Found } from "./InputOutput.ts";

export const Metadata = Schema.Struct({ func_name: Schema.optionalKey(Schema.NullOr(Schema.String)) });

export const Cases = Schema.Array(
  Schema.Struct({
    input: Schema.String,
    output: Schema.String,
    testtype: Schema.optionalKey(Schema.Literals(["stdin", "stdin_stdout", "functional"])),
    /** Sets of prompts say here what LiveCodeBench says once for all. */
    metadata: Schema.optionalKey(Schema.NullOr(Metadata)),
  }),
);
export type Cases = typeof Cases.Type;

/** Tests of one task, compared as LiveCodeBench does; `func` is the function that its metadata names. */
export const tests = (
  cases: Cases,
  visible: number,
  func: string | null | undefined,
): Result.Result<Found, Flaw> => {
  if (cases.length === 0) return Result.fail({ kind: "no tests", reason: "no test of any kind" });
  const functional = cases.filter(({ testtype }) => testtype === "functional").length;
  if (functional === 0) return Result.succeed({ name: undefined, tests: stdio(cases, visible) });
  if (functional < cases.length) {
    return Result.fail({
      kind: "unsupported",
      reason: "tests by standard input and tests by calls in one task",
    });
  }
  const name = func ?? cases[0]?.metadata?.func_name;
  if (!name)
    return Result.fail({ kind: "missing field", reason: "no metadata.func_name, and tests of a function" });
  return Result.map(calls(cases, visible), (found) => ({ name, tests: found }));
};

const stdio = (cases: Cases, visible: number): StdioTests => ({
  kind: "stdio",
  comparison: "apps-strict",
  visible,
  cases: cases.map(({ input, output }) => ({ input, output })),
});

const calls = (cases: Cases, visible: number): Result.Result<CallTests, Flaw> =>
  Result.try({
    try: () => {
      const each = cases.map(({ input, output }) => `[[${input.split("\n").join(",")}],${output}]`);
      const { value, values } = ExactJson.parse(`[${each.join(",")}]`);
      const pairs = value as ReadonlyArray<
        readonly [args: ReadonlyArray<Schema.Json>, expected: Schema.Json]
      >;
      return {
        kind: "call" as const,
        visible,
        cases: pairs.map(([args, expected]) => ({ args, expected })),
        ...(values === "python" ? { values } : {}),
      };
    },
    catch: (cause) => ({
      kind: "does not parse" as const,
      reason: `a test of a function has not a line of JSON for each argument: ${cause instanceof Error ? cause.message : String(cause)}`,
    }),
  });
