/**
 * Judging a Python program's answer to a call-style test: is it the expected JSON value, by Python's own rules?
 *
 * Answers are tagged plain data (the tags are described in sandbox-images/supervisor/drydock_sandbox/plain.py).
 * Rules: 1 == 1.0 == True as in Python; a float may differ by 1e-9 relative; NaN equals nothing; a tuple counts as a
 * list, since JSON has no tuples; an expected object needs a dict with just those string keys; sets, bytes, complex
 * numbers, iterators and opaque values equal nothing in JSON. Total: malformed answers are not equal.
 */
import type * as Schema from "effect/Schema";
import { closeEnough } from "./JsAnswer.ts";

/** Version of these rules, and of all that judge a slot's runs; part of the sandbox's identity. */
export const JUDGE_VERSION = "python-judge-2";

/** A JSON argument as tagged plain data. */
export const encode = (value: Schema.Json): Schema.Json => {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return Object.is(value, -0) ? 0 : value;
    return Number.isInteger(value) && Math.abs(value) < 1e21
      ? { i: hex(BigInt(value)) }
      : { f: String(value) };
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(encode);
  return { d: Object.entries(value).map(([key, item]) => [key, encode(item)]) };
};

const hex = (value: bigint): string =>
  value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

/** Whether `answer` (parsed JSON, from an untrusted process) is the expected value. */
export const equals = (expected: Schema.Json, answer: unknown): boolean => {
  if (typeof expected === "number") return equalsNumber(expected, answer);
  // Python: True == 1 and False == 0, whichever side is the bool.
  if (typeof expected === "boolean") return answer === expected || equalsNumber(expected ? 1 : 0, answer);
  if (expected === null || typeof expected === "string") return answer === expected;
  if (Array.isArray(expected)) {
    const items = Array.isArray(answer) ? answer : tagged(answer, "t");
    return (
      Array.isArray(items) &&
      items.length === expected.length &&
      expected.every((item, index) => equals(item as Schema.Json, items[index]))
    );
  }
  const pairs = tagged(answer, "d");
  if (!Array.isArray(pairs)) return false;
  const record = expected as { readonly [key: string]: Schema.Json };
  if (pairs.length !== Object.keys(record).length) return false;
  const seen = new Set<string>();
  return pairs.every((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) return false;
    const [key, item] = pair as [unknown, unknown];
    if (typeof key !== "string" || seen.has(key) || !Object.hasOwn(record, key)) return false;
    seen.add(key);
    return equals(record[key], item);
  });
};

const equalsNumber = (expected: number, answer: unknown): boolean => {
  if (typeof answer === "number") return closeEnough(expected, answer);
  if (typeof answer === "boolean") return expected === (answer ? 1 : 0);
  const float = tagged(answer, "f");
  if (typeof float === "string") return closeEnough(expected, parseFloatRepr(float));
  const big = tagged(answer, "i");
  if (
    typeof big === "string" &&
    /^-?0x[0-9a-f]+$/.test(big) &&
    big.length < 400 &&
    Number.isInteger(expected)
  ) {
    return BigInt(expected) === (big.startsWith("-") ? -BigInt(big.slice(1)) : BigInt(big));
  }
  return false;
};

/** Python's repr of a float: never equal to anything where it is not one. */
const parseFloatRepr = (text: string): number =>
  /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;

/** The body of an object with this one tag. */
const tagged = (value: unknown, tag: string): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.length === 1 && entries[0]?.[0] === tag ? entries[0][1] : undefined;
};

/** One short line for a person. */
export const show = (answer: unknown, width = 80): string => {
  const text = JSON.stringify(answer) ?? "nothing";
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
};
