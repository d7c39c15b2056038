/** HumanEval (Chen et al. 2021): openai/human-eval `HumanEval.jsonl.gz`, or the rows of openai_humaneval. */
import * as Schema from "effect/Schema";
import type { Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import * as CheckTests from "./CheckTests.ts";

export const Row = Schema.Struct({
  task_id: Schema.NonEmptyString,
  prompt: Schema.String,
  canonical_solution: Schema.String,
  test: Schema.String,
  entry_point: Schema.NonEmptyString,
});
export type Row = typeof Row.Type;

/** The task of a row: the statement is the prompt, which a completion goes on from. */
export const toTask = (row: Row): Task => {
  const reference = Format.unixLines(row.prompt + row.canonical_solution);
  return {
    id: row.task_id,
    source: "humaneval",
    split: "test",
    language: "python",
    statement: Format.unixLines(row.prompt),
    entryPoint: row.entry_point,
    reference,
    tests: CheckTests.python(Format.unixLines(row.test), row.entry_point, reference),
  };
};

export const humanEval = Format.make({
  name: "humaneval",
  title: "HumanEval",
  licence: "MIT",
  url: "https://github.com/openai/human-eval",
  gives: "tasks",
  row: Row,
  looksLike: (record) =>
    typeof record["task_id"] === "string" &&
    record["task_id"].startsWith("HumanEval/") &&
    "test" in record &&
    "canonical_solution" in record &&
    !("plus_input" in record) &&
    !("buggy_solution" in record),
  convert: (row) =>
    row.canonical_solution.trim() === ""
      ? { flaws: [{ kind: "empty program", reason: `${row.task_id} has an empty canonical_solution` }] }
      : { tasks: [toTask(row)] },
});
