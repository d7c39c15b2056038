/** Drydock's own JSON lines: tasks and attempts as docs/datasets.md describes them; `drydock data export` writes them. */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import { Attempt } from "../../../domain/Attempt.ts";
import { Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";

const Row = Schema.Record(Schema.String, Schema.Unknown);
type Row = typeof Row.Type;

const decodeTask = Schema.decodeUnknownResult(Task);
const decodeAttempt = Schema.decodeUnknownResult(Attempt);

/** An attempt names its task; what does not is a task. */
const convert = (row: Row): Format.Converted => {
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

export const jsonl = Format.make({
  name: "jsonl",
  title: "Drydock's tasks and attempts",
  licence: "as the data says",
  url: "docs/datasets.md",
  gives: "tasks and attempts",
  row: Row,
  looksLike: (record) =>
    ("taskId" in record && "program" in record && "origin" in record) ||
    ("id" in record && "split" in record && "entryPoint" in record && "tests" in record),
  convert,
});
