/**
 * Programs that certainly do not compile, told without a sandbox.
 *
 * Only what no parser could read otherwise: for Python a bracket that is not closed or closes another one, and a string
 * that does not end. That is what a program cut off by a limit of tokens looks like. Where JavaScript's strings and
 * brackets end depends on its grammar (regular expressions, templates), C++'s on macros: there the sandbox decides.
 *
 * Source: The Python Language Reference 3.11, 2.4.1 (string and bytes literals) and 2.1.6 (implicit line joining).
 * Since 3.12 an f-string may hold its own quotes; the sandbox's image has 3.11.
 */
import type { Language } from "../domain/Task.ts";

const CLOSES: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** Where the string that begins at `at` (its first quote) has ended; -1 where it does not end. */
const endOfString = (source: string, at: number): number => {
  const quote = source[at];
  const triple = source.startsWith(quote.repeat(3), at);
  const end = triple ? quote.repeat(3) : quote;
  for (let i = at + end.length; i < source.length; i++) {
    if (source[i] === "\\") {
      // In raw strings too a backslash keeps the quote after it from ending the string. "\r\n" is one newline.
      i += source.startsWith("\r\n", i + 1) ? 2 : 1;
    } else if (source.startsWith(end, i)) return i + end.length;
    else if (!triple && (source[i] === "\n" || source[i] === "\r")) return -1;
  }
  return -1;
};

const inPython = (source: string): string | null => {
  const open: Array<string> = [];
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === "#") {
      while (i + 1 < source.length && source[i + 1] !== "\n" && source[i + 1] !== "\r") i++;
    } else if (char === "'" || char === '"') {
      const end = endOfString(source, i);
      if (end === -1) return "a string that does not end";
      i = end - 1;
    } else if (char === "(" || char === "[" || char === "{") open.push(char);
    else if (CLOSES[char] !== undefined && open.pop() !== CLOSES[char]) return `"${char}" closes nothing`;
  }
  const last = open.at(-1);
  return last === undefined ? null : `"${last}" is not closed`;
};

/** Why the program cannot compile; null where that is for the sandbox to say. */
export const reason = (language: Language, source: string): string | null =>
  language === "python" ? inPython(source) : null;
