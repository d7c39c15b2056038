/**
 * JSON as Python writes it, with numbers that JavaScript would not keep: 1.0 (not 1), 2**60, NaN, Infinity.
 *
 * Such a number becomes a text that begins with a private mark and its tag of Python's plain data (sandbox/docker's
 * `plain.py`); `tagged` makes tagged plain data of the whole.
 */
import type * as Schema from "effect/Schema";

/** A character for private use. */
const MARK = "\ue0f5";

/** What begins a string, or a number or a special float outside of one. */
const TOKEN = /"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g;

/** The numbers outside of strings. By hand round the strings: an expression for a whole one overflows at some megabytes. */
export function* numbers(text: string): Generator<{ readonly token: string; readonly index: number }> {
  const pattern = new RegExp(TOKEN);
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    if (found[0] === '"') pattern.lastIndex = stringEnd(text, found.index + 1);
    else yield { token: found[0], index: found.index };
  }
}

/** The place after the quote that ends a string. */
const stringEnd = (text: string, from: number): number => {
  for (let quote = text.indexOf('"', from); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
  return text.length;
};

/** Throws a SyntaxError where the text is not JSON as Python writes it. */
export const parse = (text: string): Schema.Json => {
  const pieces: Array<string> = [];
  let at = 0;
  for (const { token, index } of numbers(text)) {
    const mark = marked(token);
    if (mark === undefined) continue;
    pieces.push(text.slice(at, index), mark);
    at = index + token.length;
  }
  pieces.push(text.slice(at));
  return JSON.parse(pieces.join("")) as Schema.Json;
};

/** The text that stands for a number; undefined of a small int, which stays itself. */
const marked = (token: string): string | undefined => {
  if (/^-?\d{1,15}$/.test(token)) return undefined;
  if (/^-?\d+$/.test(token)) {
    const value = BigInt(token);
    return `"${MARK}i${value < 0n ? "-" : ""}0x${(value < 0n ? -value : value).toString(16)}"`;
  }
  return `"${MARK}f${token.replace("Infinity", "inf").replace("NaN", "nan").toLowerCase()}"`;
};

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
