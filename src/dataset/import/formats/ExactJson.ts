/**
 * JSON as Python reads it, for tests whose numbers JavaScript would change: 1.0 is a float, 2 ** 60 an int of its own,
 * NaN and Infinity are allowed.
 *
 * Where nothing would change, plain JSON comes out. Else every value is tagged plain data of Python (plain.py of the
 * supervisor), as `"values": "python"` of call-style tests says.
 */
import type * as Schema from "effect/Schema";
import * as PythonJson from "../source/PythonJson.ts";

export interface Exact {
  readonly value: Schema.Json;
  /** "python": `value` is tagged plain data. */
  readonly values: "json" | "python";
}

/** Throws a SyntaxError where the text is not JSON as Python writes it. */
export const parse = (text: string): Exact =>
  changes(text)
    ? { value: PythonJson.tagged(PythonJson.parse(text)), values: "python" }
    : { value: JSON.parse(text) as Schema.Json, values: "json" };

/** Whether JSON.parse would lose a number's type or digits, or refuse it. */
const changes = (text: string): boolean => {
  for (const { token } of PythonJson.numbers(text)) {
    const value = Number(token);
    const isInt = /^-?\d+$/.test(token);
    // A float that is no whole number stays a float on the way through a double.
    if (isInt ? !Number.isSafeInteger(value) : Number.isInteger(value) || !Number.isFinite(value))
      return true;
  }
  return false;
};
