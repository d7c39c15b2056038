/**
 * Drydock's own tasks and attempts as docs/datasets.md describes them: JSON lines, or the parquet files that
 * `drydock data export` writes, where what has no fixed shape is JSON text.
 */
import * as Path from "node:path";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import { Attempt } from "../../../domain/Attempt.ts";
import { Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import type { Flaw } from "../Problem.ts";
import * as JsonField from "./JsonField.ts";

const Row = Schema.Record(Schema.String, Schema.Unknown);
type Row = typeof Row.Type;

const decodeTask = Schema.decodeUnknownResult(Task);
const decodeAttempt = Schema.decodeUnknownResult(Attempt);

/** Columns of a table that hold JSON text. */
const JSON_TEXT = ["tests", "limits", "meta", "datasetLabel"];

const parsed = (row: Row): Result.Result<Row, Flaw> => {
  let out = row;
  for (const name of JSON_TEXT) {
    if (typeof row[name] !== "string") continue;
    const value = JsonField.read(name, row[name], Schema.Unknown, undefined);
    if (Result.isFailure(value)) return Result.fail(value.failure);
    out = { ...out, [name]: value.success };
  }
  return Result.succeed(out);
};

/** An attempt names its task; what does not is a task. */
const convert = (record: Row): Format.Converted => {
  const read = parsed(record);
  if (Result.isFailure(read)) return { flaws: [read.failure] };
  const row = read.success;
  if ("taskId" in row) {
    const attempt = decodeAttempt(row);
    return Result.isSuccess(attempt)
      ? { attempts: [attempt.success] }
      : { flaws: [Format.schemaFlaw(attempt.failure.issue, row)] };
  }
  const task = decodeTask(row);
  return Result.isSuccess(task)
    ? { tasks: [task.success] }
    : { flaws: [Format.schemaFlaw(task.failure.issue, row)] };
};

/** Of a dataset's directory the tasks, and then the attempts at them. */
const files = (paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const called = (name: string) => paths.filter((path) => Path.basename(path).startsWith(`${name}.`));
  const own = [...called("tasks"), ...called("attempts")];
  return own.length > 0 ? own : paths;
};

export const jsonl = Format.make({
  name: "jsonl",
  title: "Drydock's tasks and attempts",
  licence: "as the data says",
  url: "docs/datasets.md",
  gives: "tasks and attempts",
  row: Row,
  files,
  looksLike: (record) =>
    ("taskId" in record && "program" in record && "origin" in record) ||
    ("id" in record && "split" in record && "entryPoint" in record && "tests" in record),
  convert,
});
