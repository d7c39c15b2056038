/** Whether what a program printed is what it should have: the rules that a stdio task may name. Total and linear. */
import type { StdioComparison } from "../../domain/Task.ts";
import * as AppsStdio from "./AppsStdio.ts";
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
 * CodeContests: as many tokens, each the same in lower case, or both numbers that differ by less than 1e-5.
 *
 * Source: google-deepmind/code_contests, execution/tester_sandboxer.cc, `OutputsMatch` with `SplitAndLowercase` and
 * `ValuesMatch`. As there, integers are compared as doubles too, and infinity in a text that is not the same differs
 * from itself. (There a crash after the right output passes; here no crash does.)
 */
export const tokens: Matches = (printed, expected) => {
  const [a, b] = [asciiTokens(printed), asciiTokens(expected)];
  if (a.length !== b.length) return false;
  return (
    a.every((token, index) => token === b[index]) || a.every((token, index) => near(token, b[index] ?? ""))
  );
};

const asciiTokens = (text: string): ReadonlyArray<string> =>
  text
    .split(/[ \n\t\r\v]+/)
    .filter((token) => token !== "")
    .map((token) => token.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()));

const near = (a: string, b: string): boolean => {
  const [x, y] = [toDouble(a), toDouble(b)];
  return x === undefined || y === undefined ? a === b : Math.abs(x - y) < 1e-5;
};

/** absl::SimpleAtod of a token in lower case: decimal only, blanks around it (here form feeds) allowed. */
const toDouble = (token: string): number | undefined => {
  const bare = token.replace(/^\f+|\f+$/g, "");
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/.test(bare)) return Number(bare);
  const special = /^([+-]?)(?:(inf|infinity)|nan(?:\([0-9a-z_]*\))?)$/.exec(bare);
  if (special === null) return undefined;
  if (special[2] === undefined) return Number.NaN;
  return special[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
};

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
  tokens,
  apps: AppsStdio.matches,
  "apps-strict": appsStrict,
};
