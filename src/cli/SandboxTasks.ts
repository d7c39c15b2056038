/** Tasks for `drydock sandbox run` and `bench`, from a dataset directory or a benchmark's own file. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Zlib from "node:zlib";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as Dataset from "../dataset/Dataset.ts";
import { DatasetError } from "../dataset/DatasetError.ts";
import * as HumanEval from "../dataset/import/formats/HumanEval.ts";
import * as MbppImport from "../dataset/MbppImport.ts";
import type { Task } from "../domain/Task.ts";
import { ROOT } from "./Configs.ts";

export const SHIPPED = Path.join(ROOT, "datasets", "js-compose");

const decodeRow = Schema.decodeUnknownEffect(Schema.fromJsonString(HumanEval.Row));

const readText = (path: string): Effect.Effect<string, DatasetError> =>
  Effect.try({
    try: () => {
      const bytes = Fs.readFileSync(path);
      return (path.endsWith(".gz") ? Zlib.gunzipSync(bytes) : bytes).toString("utf8");
    },
    catch: (error) =>
      new DatasetError({
        path,
        reason: `it cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
        remedy: "Name a dataset directory, mbpp.jsonl or HumanEval.jsonl(.gz).",
      }),
  });

/** The rows of HumanEval.jsonl, or of its .gz. */
export const humanEvalRows = Effect.fn("SandboxTasks.humanEvalRows")(function* (path: string) {
  const lines = (yield* readText(path)).split("\n");
  const rows: Array<HumanEval.Row> = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    rows.push(
      yield* decodeRow(line).pipe(
        Effect.mapError(
          (error) =>
            new DatasetError({
              path,
              line: index + 1,
              reason: `not a row of HumanEval: ${error.message}.`,
              remedy: "Name a dataset directory, mbpp.jsonl or HumanEval.jsonl(.gz).",
            }),
        ),
      ),
    );
  }
  return rows;
});

/** Every task of a dataset directory, of mbpp.jsonl or of HumanEval.jsonl(.gz). */
export const load = Effect.fn("SandboxTasks.load")(function* (
  path: string,
): Effect.fn.Return<ReadonlyArray<Task>, DatasetError> {
  const isFolder = Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isFolder) return (yield* Dataset.load(path, { part: "none" })).tasks;
  const first = (yield* readText(path)).split("\n", 1)[0] ?? "";
  if (/"canonical_solution"/.test(first)) return (yield* humanEvalRows(path)).map(HumanEval.toTask);
  const { tasks, shots } = yield* MbppImport.load({ mbpp: path, labelled: [], references: false });
  return [...tasks, ...shots];
});
