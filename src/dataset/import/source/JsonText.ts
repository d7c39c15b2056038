/** A record's text, from bytes to a value; what is wrong with it otherwise. */
import { isUtf8 } from "node:buffer";
import type { Flaw } from "../Problem.ts";
import * as PythonJson from "./PythonJson.ts";

export type Dialect = "plain" | "python";

export type Parsed = { readonly value: unknown } | { readonly flaw: Flaw };

/** Parses JSON in UTF-8. */
export const parse = (bytes: Buffer, dialect: Dialect): Parsed => {
  const flaw = encodingFlaw(bytes);
  if (flaw !== undefined) return { flaw };
  const text = bytes.toString("utf8");
  try {
    return { value: dialect === "python" ? PythonJson.parse(text) : JSON.parse(text) };
  } catch (cause) {
    const why = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ").slice(0, 160);
    return { flaw: { kind: "does not parse", reason: `not valid JSON: ${why}` } };
  }
};

/** Undefined where the bytes are UTF-8; otherwise which byte, from 1, is not. */
export const encodingFlaw = (bytes: Buffer): Flaw | undefined => {
  if (isUtf8(bytes)) return undefined;
  // A prefix is as good as its whole characters; what is cut off its end is three bytes at most.
  const good = (end: number): boolean =>
    [0, 1, 2, 3].some((back) => isUtf8(bytes.subarray(0, Math.max(0, end - back))));
  let [low, high] = [0, bytes.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (good(middle)) low = middle;
    else high = middle;
  }
  const last =
    [0, 1, 2, 3].map((back) => low - back).find((end) => end >= 0 && isUtf8(bytes.subarray(0, end))) ?? low;
  const byte = (bytes[last] ?? 0).toString(16).toUpperCase().padStart(2, "0");
  return {
    kind: "not UTF-8",
    reason: `byte ${last + 1} (0x${byte}) is not UTF-8, perhaps Latin-1 or Windows-1252`,
    remedy: "Convert the file first: iconv -f WINDOWS-1252 -t UTF-8 FILE.",
  };
};

/** What is told of a record that is longer than may be held. */
export const tooLong = (length: number | undefined, limit: number): Flaw => ({
  kind: "line too long",
  reason: `a record of ${length === undefined ? "more" : `${length} bytes, more`} than the ${limit} bytes that are held in memory`,
  remedy: "If that is right, allow more with --max-record.",
});

/** Only blanks: spaces, tabs, carriage returns, line ends. */
export const isBlank = (text: Buffer): boolean => {
  for (const byte of text) if (byte !== 32 && byte !== 9 && byte !== 13 && byte !== 10) return false;
  return true;
};
