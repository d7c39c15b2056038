/**
 * EvalPlus' oracles of single tasks, whose right answers are more than one: what an answer may be beside what the
 * reference answers.
 *
 * Source: evalplus 0.3.1, evalplus/eval/__init__.py, `unsafe_execute`, and evalplus/eval/_special_oracle.py. Where an
 * oracle raises there, as for an answer of another type, the test is not passed. 0.3.1 passes no answer to HumanEval/32, as
 * it leaves the loop before it notes one; the condition is what later versions judge by.
 */
import type { EvalPlusOracle } from "../../domain/Task.ts";
import * as PythonValue from "./PythonValue.ts";

export interface Test {
  /** Tagged plain data of Python. */
  readonly args: ReadonlyArray<unknown>;
  readonly expected: unknown;
  /** The absolute tolerance before this test: that of a float which it expects comes after the oracle. */
  readonly atol: number;
}

/** "no": the ordinary comparison still decides whether floats are close. */
export type Said = "passed" | "failed" | "no";

/** What an oracle says of an answer, tagged plain data or anything at all. */
export const ask = (oracle: EvalPlusOracle, { args, expected, atol }: Test, answer: unknown): Said => {
  const equal = PythonValue.equals(answer, expected);
  switch (oracle) {
    case "any":
      return "passed";
    case "or-zero":
      return equal || PythonValue.equals(answer, 0) ? "passed" : "no";
    case "set": {
      const [given, wanted] = [PythonValue.asSet(answer), PythonValue.asSet(expected)];
      if (given === undefined || wanted === undefined) return "failed";
      return given.size === wanted.size && [...given].every((key) => wanted.has(key)) ? "passed" : "no";
    }
    case "not-none":
      return (typeof answer === "boolean" ? answer : answer !== null) === expected ? "passed" : "no";
    case "surface-area": {
      if (equal) return "passed";
      const [area, number] = [surfaceArea(args), PythonValue.numeric(answer)];
      if (area === undefined || number === undefined) return "failed";
      // A rounded area is an int.
      const far = number.kind === "int" ? Number(number.value - BigInt(area)) : distance(number, area);
      return Math.abs(far) <= atol ? "passed" : "no";
    }
    case "digit-distance": {
      if (equal) return "passed";
      const sum = digitDistance(args);
      if (sum === undefined) return "failed";
      return PythonValue.equals(answer, sum) ? "passed" : "no";
    }
    case "root": {
      const value = polynomial(args, answer);
      return value !== undefined && Math.abs(value) <= atol ? "passed" : "failed";
    }
  }
};

/** A bool, int or float as JavaScript's number; undefined where Python's would overflow, too. */
const real = (value: unknown): number | undefined => {
  const number = PythonValue.numeric(value);
  if (number === undefined || number.kind === "complex") return undefined;
  if (number.kind === "float") return number.value;
  const float = Number(number.value);
  return Number.isFinite(float) ? float : undefined;
};

const distance = (number: Exclude<PythonValue.Numeric, { readonly kind: "int" }>, area: number): number =>
  number.kind === "float" ? number.value - area : Math.hypot(number.value[0] - area, number.value[1]);

/** x ** 2, of an int exactly and then as a float. */
const square = (value: unknown): number | undefined => {
  const number = PythonValue.numeric(value);
  if (number?.kind === "int") return Number(number.value * number.value);
  const float = real(value);
  return float === undefined ? undefined : float * float;
};

/** Python's `round`: halves go to the even neighbour. */
const round = (value: number): number => {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
};

/** Of a square pyramid, by the length of its base and its perpendicular height (Mbpp/581). */
const surfaceArea = ([base, height]: ReadonlyArray<unknown>): number | undefined => {
  const [edge, baseArea, heights] = [real(base), square(base), square(height)];
  if (edge === undefined || baseArea === undefined || heights === undefined) return undefined;
  const slant = Math.sqrt((edge / 2) ** 2 + heights);
  const area = round(baseArea + (4 * (edge * slant)) / 2);
  return Number.isFinite(area) ? area : undefined;
};

const DIGITS = /^\d+$/;

/** The sum of the differences of two numbers' digits, the shorter one with zeros before it (Mbpp/558). */
const digitDistance = ([one, other]: ReadonlyArray<unknown>): number | undefined => {
  const [a, b] = [one, other].map((value) => {
    const number = typeof value === "boolean" ? undefined : PythonValue.numeric(value);
    return number?.kind === "int" ? String(number.value) : "";
  });
  if (!DIGITS.test(a) || !DIGITS.test(b)) return undefined;
  const length = Math.max(a.length, b.length);
  const [long, short] = [a.padStart(length, "0"), b.padStart(length, "0")];
  let sum = 0;
  for (let i = 0; i < length; i++) sum += Math.abs(Number(long[i]) - Number(short[i]));
  return sum;
};

/** The polynomial of the coefficients at the answer (HumanEval/32). */
const polynomial = ([coefficients]: ReadonlyArray<unknown>, answer: unknown): number | undefined => {
  const factors = PythonValue.items(coefficients)?.map(real);
  if (factors?.length === 0) return 0;
  const x = real(answer);
  if (x === undefined || factors === undefined) return undefined;
  let sum = 0;
  for (const [power, factor] of factors.entries()) {
    if (factor === undefined) return undefined;
    const term = factor * x ** power;
    if (Number.isFinite(x) && !Number.isFinite(x ** power)) return undefined;
    sum += term;
  }
  return sum;
};
