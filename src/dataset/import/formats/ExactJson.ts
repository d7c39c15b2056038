/**
 * JSON as Python reads it, for tests whose numbers JavaScript would change: 1.0 is a float, 2 ** 60 an int of its own,
 * NaN and Infinity are allowed.
 *
 * Where nothing would change, plain JSON comes out. Else every value is tagged plain data of Python (plain.py of the
 * supervisor), as `"values": "python"` of call-style tests says.
 */
import type * as Schema from "effect/Schema";

export interface Exact {
  readonly value: Schema.Json;
  /** "python": `value` is tagged plain data. */
  readonly values: "json" | "python";
}

/** What begins a string, or a number or a special float outside of one. */
const TOKEN = /"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g;

/** The numbers outside of strings. By hand round the strings: an expression for a whole one overflows at some megabytes. */
function* numbers(text: string): Generator<{ readonly token: string; readonly index: number }> {
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

/** Begins the strings that stand for numbers while JSON.parse runs; a private character that no dataset has. */
const MARK = "\uE0D7";

/** Throws a SyntaxError where the text is not JSON as Python writes it. */
export const parse = (text: string): Exact => {
  if (!changes(text)) return { value: JSON.parse(text) as Schema.Json, values: "json" };
  const marked: Array<string> = [];
  let at = 0;
  for (const { token, index } of numbers(text)) {
    marked.push(text.slice(at, index), `"${MARK}${token}"`);
    at = index + token.length;
  }
  marked.push(text.slice(at));
  return { value: tagged(JSON.parse(marked.join("")) as Schema.Json), values: "python" };
};

/** Whether JSON.parse would lose a number's type or digits, or refuse it. */
const changes = (text: string): boolean => {
  if (text.includes(MARK)) return false;
  for (const { token } of numbers(text)) {
    if (!/^-?\d+$/.test(token)) {
      // A float that is no whole number stays a float on the way through a double.
      if (!/[.eE]/.test(token) || Number.isInteger(Number(token)) || !Number.isFinite(Number(token)))
        return true;
    } else if (token.length > 15 && !Number.isSafeInteger(Number(token))) return true;
  }
  return false;
};

const tagged = (value: Schema.Json): Schema.Json => {
  if (typeof value === "string") return value.startsWith(MARK) ? number(value.slice(MARK.length)) : value;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => tagged(item as Schema.Json));
  return { d: Object.entries(value).map(([key, item]) => [key, tagged(item)]) };
};

const number = (token: string): Schema.Json => {
  if (token === "NaN") return { f: "nan" };
  if (token.endsWith("Infinity")) return { f: token.startsWith("-") ? "-inf" : "inf" };
  if (!/^-?\d+$/.test(token)) return { f: token.toLowerCase() };
  const int = BigInt(token);
  if (Number.isSafeInteger(Number(int))) return Number(int) + 0;
  return { i: int < 0n ? `-0x${(-int).toString(16)}` : `0x${int.toString(16)}` };
};
