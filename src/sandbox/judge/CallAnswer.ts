/** How the answers of call-style tests are judged: by the language's rules, or by those that the task names. */
import type * as Schema from "effect/Schema";
import type { CallTests } from "../../domain/Task.ts";
import * as AppsAnswer from "./AppsAnswer.ts";
import * as EvalPlusAnswer from "./EvalPlusAnswer.ts";
import * as EvalPlusOracle from "./EvalPlusOracle.ts";
import * as PythonAnswer from "./PythonAnswer.ts";
import * as PythonValue from "./PythonValue.ts";

/** A language's own rules, total over untrusted answers. */
export interface Rules {
  readonly equals: (expected: Schema.Json, answer: unknown) => boolean;
  /** One short line for a person. */
  readonly show: (answer: unknown) => string;
}

/** What is wrong with the answer to the task's test `index`; undefined where nothing is. */
export type Judge = (index: number, answer: unknown) => string | undefined;

export const judge = (rules: Rules, tests: CallTests): Judge => {
  const equals = equality(rules, tests);
  return (index, answer) => {
    const expected = tests.cases[index]?.expected ?? null;
    return equals(index, answer)
      ? undefined
      : `expected ${(JSON.stringify(expected) ?? "").slice(0, 80)}, got ${rules.show(answer)}`;
  };
};

const equality = (rules: Rules, tests: CallTests): ((index: number, answer: unknown) => boolean) => {
  const { cases, comparison, values } = tests;
  if (comparison === undefined && values === undefined) {
    return (index, answer) => rules.equals(cases[index]?.expected ?? null, answer);
  }
  const expected = cases.map((one) =>
    values === undefined ? PythonAnswer.encode(one.expected) : one.expected,
  );
  if (comparison === undefined) return (index, answer) => PythonValue.equals(expected[index], answer);
  if (comparison === "apps") return (index, answer) => AppsAnswer.equals(expected[index], answer);
  const atol = EvalPlusAnswer.tolerances(expected, comparison.atol);
  return (index, answer) => {
    // Expected values in plain JSON have lists where the original has tuples.
    const given = values === undefined ? PythonValue.withLists(answer) : answer;
    const { oracle } = comparison;
    if (oracle === undefined) return EvalPlusAnswer.equals(expected[index], given, atol[index] ?? 0);
    const test = {
      args: cases[index]?.args ?? [],
      expected: expected[index],
      atol: index === 0 ? comparison.atol : (atol[index - 1] ?? 0),
    };
    const said = EvalPlusOracle.ask(oracle, test, given);
    return (
      said === "passed" || (said === "no" && EvalPlusAnswer.isClose(test.expected, given, atol[index] ?? 0))
    );
  };
};

/** A test's arguments as they cross into the slot; `encode` is the language's. */
export const encodeArguments = (
  tests: CallTests,
  args: ReadonlyArray<Schema.Json>,
  encode: (value: Schema.Json) => Schema.Json,
): ReadonlyArray<Schema.Json> => {
  const encoded = tests.values === undefined ? args.map(encode) : args;
  return tests.comparison === "apps" ? AppsAnswer.encodeArguments(encoded) : encoded;
};
