/**
 * Tests as APPS writes them, which TACO and many sets of prompts took over: `{"inputs": [...], "outputs": [...]}`, with
 * `fn_name` where a function is called, and as JSON in a string or as a value.
 */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { CallTests, StdioTests } from "../../../domain/Task.ts";
import { type Flaw, shown } from "../Problem.ts";
import * as ExactJson from "./ExactJson.ts";

export interface Found {
  /** The function that is called; undefined where the program reads and prints. */
  readonly name: string | undefined;
  readonly tests: CallTests | StdioTests;
}

const decode = Schema.decodeUnknownResult(
  Schema.Struct({
    inputs: Schema.Array(Schema.Json),
    outputs: Schema.Array(Schema.Json),
    fn_name: Schema.optionalKey(Schema.NullOr(Schema.String)),
  }),
);

/** The tests that a field holds, compared as APPS does. */
export const tests = (field: unknown): Result.Result<Found, Flaw> => {
  if (field === undefined || field === null || field === "") return bad("no tests", "input_output is empty");
  return Result.flatMap(parse(field), ({ value, values }) => {
    const decoded = decode(values === "python" ? outer(value) : value);
    if (Result.isFailure(decoded)) {
      const found = decoded.failure.message.replace(/\s*\n\s*/g, " ");
      return bad("wrong type", `input_output: expected {"inputs": [...], "outputs": [...]}, ${found}`);
    }
    const { inputs, outputs, fn_name: name } = decoded.success;
    if (inputs.length === 0) return bad("no tests", "input_output has no inputs");
    if (inputs.length !== outputs.length) {
      return bad("wrong type", `input_output has ${inputs.length} inputs and ${outputs.length} outputs`);
    }
    return name === undefined || name === null || name === ""
      ? Result.succeed(stdio(inputs, outputs))
      : calls(name, inputs, outputs, values);
  });
};

const bad = (kind: Flaw["kind"], reason: string): Result.Result<Found, Flaw> => Result.fail({ kind, reason });

const parse = (field: unknown): Result.Result<ExactJson.Exact, Flaw> =>
  Result.try({
    try: () => ExactJson.parse(typeof field === "string" ? field : JSON.stringify(field)),
    catch: (cause) => ({
      kind: "does not parse" as const,
      reason: `input_output is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    }),
  });

/** The document round tagged values: a dict as an object. */
const outer = (value: unknown): unknown => {
  const pairs = typeof value === "object" && value !== null && "d" in value ? value.d : undefined;
  return Array.isArray(pairs)
    ? Object.fromEntries(pairs as ReadonlyArray<readonly [string, unknown]>)
    : value;
};

const stdio = (inputs: ReadonlyArray<Schema.Json>, outputs: ReadonlyArray<Schema.Json>): Found => ({
  name: undefined,
  tests: {
    kind: "stdio",
    comparison: "apps",
    visible: 0,
    cases: inputs.map((input, index) => ({ input: printed(input), output: printed(outputs[index] ?? "") })),
  },
});

/** A text, or a list of lines; a lone number or the like as JSON has it. */
const printed = (value: Schema.Json): string =>
  typeof value === "string"
    ? value
    : Array.isArray(value)
      ? value.map(printed).join("\n")
      : JSON.stringify(value);

const calls = (
  name: string,
  inputs: ReadonlyArray<Schema.Json>,
  outputs: ReadonlyArray<Schema.Json>,
  values: ExactJson.Exact["values"],
): Result.Result<Found, Flaw> => {
  const cases: Array<CallTests["cases"][number]> = [];
  for (const [index, args] of inputs.entries()) {
    if (!Array.isArray(args)) {
      return bad("wrong type", `input_output: the arguments of a call are a list, found ${shown(args)}`);
    }
    cases.push({ args: args as ReadonlyArray<Schema.Json>, expected: outputs[index] ?? null });
  }
  const tagged = values === "python" ? { values } : {};
  return Result.succeed({ name, tests: { kind: "call", comparison: "apps", visible: 0, cases, ...tagged } });
};
