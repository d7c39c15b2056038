/**
 * Judging a JavaScript program's answer: is the value it returned the expected plain data?
 *
 * The program's value crosses out of its runtime as a `JsAnswer` (written by sandbox-images/node/guest/plain.js, where every
 * value that is not plain data has become an `x`). The expected value never goes in. Rules:
 *
 * - numbers: equal, or within 1e-9 relative of an expected non-integer or of a non-integer answer; -0 equals 0; NaN equals nothing.
 * - strings, booleans and null: identical. undefined, bigint, holes, functions, class instances: equal to nothing.
 * - arrays: same length, no holes, each element equal. Objects: the same set of keys, each value equal.
 */
import type * as Schema from "effect/Schema";

/** Version of these rules; part of the sandbox's identity and so of the verdict cache's key. */
export const JUDGE_VERSION = "js-judge-1";

/** Relative (and, near zero, absolute) tolerance where a number is not an integer. */
export const FLOAT_TOLERANCE = 1e-9;

/** A value as it crosses out of the runtime. `o` is an object's own enumerable entries, `i` a bigint's digits, `x` anything that is not plain data. */
export type JsAnswer =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<JsAnswer>
  | { readonly o: ReadonlyArray<readonly [string, JsAnswer]> }
  | { readonly n: "NaN" | "Infinity" | "-Infinity" | "-0" | "undefined" }
  | { readonly i: string }
  | { readonly x: string };

export const closeEnough = (expected: number, actual: number): boolean => {
  if (expected === actual) return true;
  if (Number.isInteger(expected) && Number.isInteger(actual)) return false;
  const scale = Math.max(1, Math.abs(expected), Math.abs(actual));
  return Math.abs(expected - actual) <= FLOAT_TOLERANCE * scale;
};

/** Whether an answer is the expected value. Total: a malformed answer is simply not equal. */
export const equals = (expected: Schema.Json, answer: JsAnswer): boolean => {
  if (typeof answer === "number") return typeof expected === "number" && closeEnough(expected, answer);
  if (answer === null || typeof answer === "boolean" || typeof answer === "string") {
    return expected === answer;
  }
  if (Array.isArray(answer)) {
    return (
      Array.isArray(expected) &&
      expected.length === answer.length &&
      expected.every((element, index) => equals(element, answer[index] as JsAnswer))
    );
  }
  if ("n" in answer) return answer.n === "-0" && expected === 0;
  if ("o" in answer) {
    if (typeof expected !== "object" || expected === null || Array.isArray(expected)) return false;
    const record = expected as { readonly [key: string]: Schema.Json };
    if (!Array.isArray(answer.o) || Object.keys(record).length !== answer.o.length) return false;
    const seen = new Set<unknown>();
    return answer.o.every((entry) => {
      if (!Array.isArray(entry)) return false;
      const [key, value] = entry as [unknown, JsAnswer];
      if (typeof key !== "string" || seen.has(key) || !Object.hasOwn(record, key)) return false;
      seen.add(key);
      return equals(record[key], value);
    });
  }
  return false;
};

/** JSON as it crosses into a runtime. */
export const encode = (json: Schema.Json): JsAnswer => {
  if (typeof json === "number") return Object.is(json, -0) ? { n: "-0" } : json;
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return json.map(encode);
  return { o: Object.entries(json).map(([key, value]) => [key, encode(value)] as const) };
};

/** One short line for a person. */
export const show = (answer: unknown, width = 80): string => {
  const text = render(answer);
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
};

/** A forged one may be anything, say an object whose `toString` is a number. */
const word = (text: unknown): string => (typeof text === "string" ? text : "?");

/** Total, and bounded: a forged answer may be of any shape and depth. */
const render = (answer: unknown, depth = 0): string => {
  if (answer === null || typeof answer !== "object") return JSON.stringify(answer) ?? "";
  if (depth > 8) return "…";
  const list = (items: ReadonlyArray<unknown>, one: (item: unknown) => string): string =>
    items.slice(0, 50).map(one).join(", ");
  if (Array.isArray(answer)) return `[${list(answer, (item) => render(item, depth + 1))}]`;
  if ("n" in answer) return word(answer.n).slice(0, 20);
  if ("i" in answer) return `${word(answer.i).slice(0, 100)}n`;
  if ("o" in answer && Array.isArray(answer.o)) {
    return `{${list(answer.o, (entry) => (Array.isArray(entry) ? `${JSON.stringify(entry[0])}: ${render(entry[1], depth + 1)}` : "…"))}}`;
  }
  return "x" in answer ? `<${word(answer.x).slice(0, 60)}>` : "<unreadable>";
};
