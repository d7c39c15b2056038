/**
 * MBPP (Austin et al. 2021): google-research `mbpp/mbpp.jsonl` and `sanitized-mbpp.json`, or their rows on the hub.
 *
 * The standard split by number: 1 to 10 for few-shot prompts (here of the training split, marked in `meta.fewShot`),
 * 11 to 510 test, 511 to 600 validation, 601 to 974 train.
 */
import * as Schema from "effect/Schema";
import type { Split, Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import type { Flaw } from "../Problem.ts";

/** One line of mbpp.jsonl. */
export const Row = Schema.Struct({
  task_id: Schema.Int,
  text: Schema.NonEmptyString,
  code: Schema.String,
  test_setup_code: Schema.String,
  test_list: Schema.Array(Schema.String),
});
export type Row = typeof Row.Type;

/** One element of sanitized-mbpp.json. */
export const SanitizedRow = Schema.Struct({
  task_id: Schema.Int,
  prompt: Schema.NonEmptyString,
  code: Schema.String,
  test_imports: Schema.Array(Schema.String),
  test_list: Schema.Array(Schema.String),
});
export type SanitizedRow = typeof SanitizedRow.Type;

/** What both files say. */
export interface Problem {
  readonly number: number;
  readonly statement: string;
  readonly code: string;
  readonly setup: string;
  readonly asserts: ReadonlyArray<string>;
}

export const problem = (row: Row): Problem => ({
  number: row.task_id,
  statement: row.text,
  code: row.code,
  setup: row.test_setup_code,
  asserts: row.test_list,
});

export const sanitizedProblem = (row: SanitizedRow): Problem => ({
  number: row.task_id,
  statement: row.prompt,
  code: row.code,
  setup: row.test_imports.join("\n"),
  asserts: row.test_list,
});

/** The standard split; undefined for the few-shot tasks. */
export const splitOf = (taskNumber: number): Split | undefined =>
  taskNumber <= 10 ? undefined : taskNumber <= 510 ? "test" : taskNumber <= 600 ? "validation" : "train";

export const taskId = (taskNumber: number): string => `mbpp/${taskNumber}`;

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The function that the tests call: defined in the code and called in the first test. */
const entryPoint = (code: string, tests: ReadonlyArray<string>): string | undefined =>
  Array.from(code.matchAll(/^\s*(?:def|class)\s+(\w+)/gm), ([, name]) => name).find((name) =>
    new RegExp(`\\b${escaped(name)}\\s*\\(`).test(tests[0] ?? ""),
  );

/** The task of a problem, or what is wrong with it. */
export const toTask = (one: Problem): Task | Flaw => {
  if (one.asserts.length === 0) {
    return {
      kind: "no tests",
      reason: `problem ${one.number} has no tests`,
      remedy: "Add asserts to its test_list, or remove it.",
    };
  }
  const reference = Format.unixLines(one.code);
  if (reference.trim() === "") {
    return { kind: "empty program", reason: `problem ${one.number} has an empty code` };
  }
  const name = entryPoint(reference, one.asserts);
  if (name === undefined) {
    return {
      kind: "unsupported",
      reason: `problem ${one.number}: no function of its code is called in its first test`,
      remedy: "Correct its code or its test_list, or remove it.",
    };
  }
  const split = splitOf(one.number);
  return {
    id: taskId(one.number),
    source: "mbpp",
    split: split ?? "train",
    language: "python",
    statement: Format.unixLines(one.statement),
    entryPoint: name,
    reference,
    tests: {
      kind: "assert",
      setup: Format.unixLines(one.setup),
      asserts: one.asserts.map(Format.unixLines),
    },
    ...(split === undefined ? { meta: { fewShot: true } } : {}),
  };
};

const convert = (one: Problem, source: string): Format.Converted => {
  const made = toTask(one);
  return "kind" in made ? { flaws: [made] } : { tasks: [{ ...made, source }] };
};

const isNumber = (value: unknown): boolean => typeof value === "number";

export const mbpp = Format.make({
  name: "mbpp",
  title: "MBPP",
  licence: "CC-BY-4.0",
  url: "https://github.com/google-research/google-research/tree/master/mbpp",
  gives: "tasks",
  row: Row,
  looksLike: (record) => isNumber(record["task_id"]) && "text" in record && "test_setup_code" in record,
  convert: (row) => convert(problem(row), "mbpp"),
});

export const mbppSanitized = Format.make({
  name: "mbpp-sanitized",
  title: "MBPP, the hand-checked problems",
  licence: "CC-BY-4.0",
  url: "https://github.com/google-research/google-research/tree/master/mbpp",
  gives: "tasks",
  row: SanitizedRow,
  looksLike: (record) => isNumber(record["task_id"]) && "prompt" in record && "test_imports" in record,
  convert: (row) => convert(sanitizedProblem(row), "mbpp-sanitized"),
});
