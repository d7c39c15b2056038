/** Whether what a program printed is what it should have: the rules that a stdio task may name. Total and linear. */
import type { StdioComparison } from "../../domain/Task.ts";
import * as AppsStdio from "./AppsStdio.ts";
import * as CodeContestsStdio from "./CodeContestsStdio.ts";
import * as PythonText from "./PythonText.ts";

export type Matches = (printed: string, expected: string) => boolean;

/** The same lines, blanks at the end of each and empty lines at the end of all left aside. */
export const exact: Matches = (printed, expected) => trimmed(printed) === trimmed(expected);

const trimmed = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trimEnd();

/**
 * APPS, strictly: as many lines, each the same without blanks around it, or as many exactly equal decimal numbers.
 *
 * Source: LiveCodeBench, lcb_runner/evaluation/testing_util.py, `grade_stdio` with `get_stripped_lines` and
 * `convert_line_to_decimals`, which replaced APPS' lenient chain there.
 */
export const appsStrict: Matches = (printed, expected) => {
  const [a, b] = [strippedLines(printed), strippedLines(expected)];
  return a.length === b.length && a.every((line, index) => sameLine(line, b[index] ?? ""));
};

const strippedLines = (text: string): ReadonlyArray<string> =>
  PythonText.strip(text).split("\n").map(PythonText.strip);

const sameLine = (a: string, b: string): boolean => {
  if (a === b) return true;
  const [x, y] = [a, b].map((line) => PythonText.words(line).map(PythonText.decimal));
  if (x === undefined || y === undefined || x.length !== y.length) return false;
  return x.every((value, index) => value !== undefined && value === y[index]);
};

export const judges: Readonly<Record<StdioComparison, Matches>> = {
  exact,
  tokens: CodeContestsStdio.matches,
  apps: AppsStdio.matches,
  "apps-strict": appsStrict,
};
