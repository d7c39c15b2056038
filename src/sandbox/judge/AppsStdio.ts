/**
 * APPS' own comparison of printed text: a chain of ever more lenient rules, the first that holds accepts.
 *
 * Source: hendrycks/apps, eval/testing_util.py, `run_test` (standard input) with `custom_compare_`. Of its rules those
 * are left out that can only hold where an earlier one does. It is lenient indeed: at its end the order and number of
 * lines, and of words in a line, do not matter, so `1 2 2` is `2 1`. "apps-strict" is not.
 */
import * as PythonText from "./PythonText.ts";

export const matches = (printed: string, expected: string): boolean => {
  const output = PythonText.lines(printed);
  // custom_compare_: the text as a whole, then line by line without the blanks around them.
  const whole = PythonText.strip(expected);
  if (PythonText.strip(output.join("\n")) === whole) return true;
  if (PythonText.strip(output.map(PythonText.strip).join("\n")) === whole) return true;

  // Without empty lines, the expected ones without blanks around them.
  const truth = expected
    .split("\n")
    .filter((line) => line !== "")
    .map(PythonText.strip);
  const filled = output.filter((line) => line !== "");
  if (same(output, truth) || same(filled, truth)) return true;

  // One number a line, nearly equal.
  if (filled.length === truth.length) {
    const [a, b] = [filled.map(PythonText.float), truth.map(PythonText.float)];
    if (a.every((value, index) => allClose(value, b[index]))) return true;
  }

  // Lines as sets of words, the lines as a set of those.
  const printedWords = filled.map(PythonText.words).filter((words) => words.length > 0);
  const truthWords = truth.map(PythonText.words);
  return setOf(printedWords, textKey) === setOf(truthWords, textKey) || sameNumbers(printedWords, truthWords);
};

const same = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((line, index) => line === b[index]);

/** numpy.allclose with its defaults: 1e-5 relative to the second, 1e-8 absolute. */
const allClose = (a: number | undefined, b: number | undefined): boolean => {
  if (a === undefined || b === undefined) return false;
  return a === b || (Number.isFinite(b) && Math.abs(a - b) <= 1e-8 + 1e-5 * Math.abs(b));
};

type Key = (word: string) => string | undefined;

/** A text that is the same for the same set of sets; undefined where a word has no key. */
const setOf = (lines: ReadonlyArray<ReadonlyArray<string>>, key: Key): string | undefined => {
  const sets = new Set<string>();
  for (const words of lines) {
    const keys = words.map(key);
    if (keys.includes(undefined)) return undefined;
    sets.add([...new Set(keys)].sort().join(" "));
  }
  return [...sets].sort().join("\n");
};

const textKey: Key = (word) => word;

/** All words are numbers, rounded to three places. NaN equals nothing. */
const numberKey: Key = (word) => {
  const value = PythonText.float(word);
  return value === undefined || Number.isNaN(value) ? undefined : String(PythonText.round3(value) + 0);
};

const sameNumbers = (
  a: ReadonlyArray<ReadonlyArray<string>>,
  b: ReadonlyArray<ReadonlyArray<string>>,
): boolean => {
  const [x, y] = [setOf(a, numberKey), setOf(b, numberKey)];
  return x !== undefined && x === y;
};
