/**
 * APPS' comparison of a call's answer (problems with `fn_name`): Python's `==`, lenient about tuples and about expected
 * values that are wrapped in a list.
 *
 * Source: hendrycks/apps, eval/testing_util.py, `run_test` (call-based). Values are tagged plain data of Python.
 */
import type * as Schema from "effect/Schema";
import * as PythonText from "./PythonText.ts";
import * as PythonValue from "./PythonValue.ts";

/** A test's arguments as they are passed: a first one with keys of digits gets ints for keys, and is then the only one. */
export const encodeArguments = (encoded: ReadonlyArray<Schema.Json>): ReadonlyArray<Schema.Json> => {
  const first = withIntKeys(encoded[0]);
  return first === undefined ? encoded : [first];
};

export const equals = (expected: unknown, answer: unknown): boolean => {
  const truth = truthOf(expected);
  const first = Array.isArray(truth) ? truth[0] : undefined;
  // Expected sequences are lists, never tuples.
  const output = PythonValue.asList(answer);
  if (PythonValue.equals(output, truth)) return true;
  if (first === undefined) return false;
  if (PythonValue.equals(output, first)) return true;
  if (!Array.isArray(output) || PythonValue.typeOf(output[0]) !== "tuple") return false;
  return PythonValue.equals(output.map(listOf), first);
};

/** JSON has no int keys: a dict whose keys all are ints in text gets them back, and is wrapped in a list. */
const truthOf = (expected: unknown): unknown => {
  const dict = withIntKeys(expected);
  if (dict !== undefined) return [dict];
  const inner = Array.isArray(expected) ? withIntKeys(expected[0]) : undefined;
  return inner === undefined ? expected : [inner];
};

const withIntKeys = (value: unknown): Schema.Json | undefined => {
  const pairs = PythonValue.pairs(value);
  if (pairs === undefined) return undefined;
  const byKey = new Map<bigint, Schema.Json>();
  for (const [key, item] of pairs) {
    const int = typeof key === "string" ? PythonText.int(key) : undefined;
    if (int === undefined) return undefined;
    byKey.set(int, item as Schema.Json);
  }
  return { d: Array.from(byKey, ([key, item]) => [PythonValue.ofInt(key), item]) };
};

/** `list(value)` of what a sequence may hold beside tuples. */
const listOf = (value: unknown): unknown =>
  typeof value === "string"
    ? Array.from(value)
    : (PythonValue.items(value) ?? PythonValue.pairs(value)?.map(([key]) => key) ?? { x: "not iterable" });
