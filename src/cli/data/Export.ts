/** `drydock data export`: a dataset for other programs. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as DatasetReader from "../../dataset/DatasetReader.ts";
import * as Export from "../../dataset/export/Export.ts";
import { json, print, table } from "../Output.ts";
import * as ProgressLine from "../ProgressLine.ts";

export const exportData = Command.make(
  "export",
  {
    directory: Argument.String("dataset").pipe(Argument.withDescription("The dataset directory")),
    format: Flag.Literals("format", Export.FORMATS).pipe(
      Flag.withDescription(
        "jsonl: tasks and attempts, a dataset directory; parquet: tasks.parquet and attempts.parquet; prompts: prompt, completion and reward of each labelled attempt",
      ),
      Flag.withDefault("jsonl" as const),
    ),
    out: Flag.String("out").pipe(Flag.withDescription("Directory to write; of prompts, the file")),
    gzip: Flag.Boolean("gzip").pipe(
      Flag.withDescription("Pack JSON lines of a directory; of prompts, name the file .jsonl.gz"),
      Flag.withDefault(false),
    ),
    overwrite: Flag.Boolean("overwrite").pipe(
      Flag.withDescription("Replace what is there"),
      Flag.withDefault(false),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const reader = yield* DatasetReader.open(options.directory);
    const line = ProgressLine.make();
    const summary = yield* Export.run(reader, options.out, {
      format: options.format,
      gzip: options.gzip,
      overwrite: options.overwrite,
      onProgress: (done, total) => line.draw(`exporting: ${done} of ${total} records`, done === total),
    });
    yield* print(options.json, { out: options.out, format: options.format, ...summary }, ({ files }) =>
      table(
        ["file", "records"],
        files.map(({ file, records }) => [file, String(records)]),
      ),
    );
  }, Effect.scoped),
).pipe(
  Command.withDescription("Write a dataset as JSON lines, parquet or prompts with rewards"),
  Command.withExamples([
    {
      command: "drydock data export datasets/mine --format parquet --out mine-parquet",
      description: "tasks.parquet and attempts.parquet, for pyarrow, pandas, DuckDB",
    },
    {
      command: "drydock data export datasets/mine --format prompts --out mine.jsonl",
      description: "prompt, completion and reward a line, for trl",
    },
  ]),
);
