/**
 * Reasoning before a program, as comment lines: the whole is a program that runs as it is, and what a policy
 * writes can be taken apart again. Comment lines at the beginning of a program are its reasoning.
 */
import type { Language } from "../domain/Task.ts";

const MARK: Record<Language, string> = { javascript: "//", python: "#", cpp: "//" };

/** What ends a comment in any of the languages. */
const LINE_END = /\r\n|[\n\r\u2028\u2029]/;

/** The program with its reasoning in front, a comment a line; the program alone where the reasoning is blank. */
export const render = (language: Language, reasoning: string, program: string): string => {
  if (reasoning.trim() === "") return program;
  const lines = reasoning.trim().split(LINE_END);
  return `${lines.map((line) => `${MARK[language]} ${line}`.trimEnd()).join("\n")}\n${program}`;
};

/** The reasoning that a text begins with, up to the end of its last comment line, and the rest of the text. */
export const split = (
  language: Language,
  text: string,
): { readonly reasoning: string; readonly program: string } => {
  const lines = text.split(/(?<=\n)/);
  let end = 0;
  for (const [i, line] of lines.entries()) {
    const trimmed = line.trim();
    if (trimmed.startsWith(MARK[language])) end = i + 1;
    else if (trimmed !== "") break;
  }
  return { reasoning: lines.slice(0, end).join(""), program: lines.slice(end).join("") };
};
