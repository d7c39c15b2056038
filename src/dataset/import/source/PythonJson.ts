/**
 * JSON as Python writes it, with numbers that JavaScript would not keep: 1.0 (not 1), 2**60, NaN, Infinity.
 *
 * Such a number becomes a text that begins with a private mark and its tag of Python's plain data (sandbox/docker's
 * `plain.py`); `tagged` makes tagged plain data of the whole.
 */
import type * as Schema from "effect/Schema";

/** A character for private use. */
const MARK = "\ue0f5";

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g;

export const parse = (text: string): Schema.Json =>
  JSON.parse(
    text.replaceAll(TOKEN, (token) => {
      if (token.startsWith('"')) return token;
      if (/^-?\d{1,15}$/.test(token)) return token;
      if (/^-?\d+$/.test(token)) {
        const value = BigInt(token);
        return `"${MARK}i${value < 0n ? "-" : ""}0x${(value < 0n ? -value : value).toString(16)}"`;
      }
      return `"${MARK}f${token.replace("Infinity", "inf").replace("NaN", "nan")}"`;
    }),
  ) as Schema.Json;

/** A number of the parsed JSON as JavaScript has it. */
export const number = (value: unknown): number =>
  typeof value === "string" && value.startsWith(MARK)
    ? Number(value.slice(2).replace("inf", "Infinity"))
    : Number(value);

/** Plain data of Python: the marked numbers with their tags, objects as dictionaries. */
export const tagged = (value: Schema.Json): Schema.Json => {
  if (typeof value === "string") {
    return value.startsWith(MARK) ? { [value.charAt(1)]: value.slice(2) } : value;
  }
  if (isArray(value)) return value.map(tagged);
  if (typeof value !== "object" || value === null) return value;
  return { d: Object.entries(value).map(([key, item]) => [key, tagged(item)]) };
};

/** `Array.isArray` does not narrow readonly arrays. */
export const isArray = (value: Schema.Json): value is ReadonlyArray<Schema.Json> => Array.isArray(value);
