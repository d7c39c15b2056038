/** Exports: what other programs read is what the dataset has. */
import * as fs from "node:fs";
import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import * as Check from "../../src/dataset/Check.ts";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as DatasetReader from "../../src/dataset/DatasetReader.ts";
import * as Export from "../../src/dataset/export/Export.ts";
import * as Python from "../support/Python.ts";
import * as Records from "./Records.ts";

const pyarrow = await Python.has("pyarrow");

const records = Records.sample();

/** The sample as a dataset in small segments, exported. */
const exported = (
  parent: string,
  options: Pick<Export.Options, "format"> & Partial<Export.Options>,
  name = "out",
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const directory = path.join(parent, "data");
      if (!fs.existsSync(directory)) {
        yield* Records.write(directory, records, { segment: { rows: 4, bytes: 1e9 } });
      }
      const out = path.join(parent, name);
      const reader = yield* DatasetReader.open(directory);
      yield* Export.run(reader, out, { overwrite: false, gzip: false, ...options });
      return out;
    }),
  );

/** JSON columns are text; integers of 64 bits are BigInts. */
const plain = (rows: ReadonlyArray<Record<string, unknown>>) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row)
        .filter(([, value]) => value !== null && value !== undefined)
        .map(([name, value]) => {
          if (typeof value === "bigint") return [name, Number(value)];
          const text = ["tests", "limits", "meta", "datasetLabel"].includes(name);
          return [name, text && typeof value === "string" ? (JSON.parse(value) as unknown) : value];
        }),
    ),
  );

/** hyparquet's reader drops a byte order mark at a text's beginning; the file has it, as pyarrow shows. */
const withoutMarks = (rows: ReadonlyArray<object>) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]): [string, unknown] => [
        name,
        typeof value === "string" ? value.replace(/^\ufeff/, "") : value,
      ]),
    ),
  );

describe("an exported dataset", () => {
  for (const gzip of [false, true]) {
    it.effect(`of JSON lines is a dataset that is loaded again, gzip ${gzip}`, () =>
      Records.withDirectory((parent) =>
        Effect.gen(function* () {
          const out = yield* exported(parent, { format: "jsonl", gzip });
          const { tasks, attempts } = yield* Dataset.load(out);
          assert.deepStrictEqual({ tasks, attempts }, records);
          const checked = yield* Check.run(out);
          assert.deepStrictEqual(checked, {
            tasks: records.tasks.length,
            attempts: records.attempts.length,
            hashes: 2,
            unhashed: 0,
          });
          const again = yield* Effect.flip(exported(parent, { format: "jsonl", gzip }));
          assert.match(again.message, /something of this name already.*--overwrite/);
          assert.deepStrictEqual(fs.readdirSync(parent).sort(), ["data", "out"]);
        }),
      ),
    );
  }

  it.effect("of parquet is read by hyparquet", () =>
    Records.withDirectory((parent) =>
      Effect.gen(function* () {
        const out = yield* exported(parent, { format: "parquet" });
        for (const name of ["tasks", "attempts"] as const) {
          const rows = yield* Effect.promise(async () =>
            parquetReadObjects({ file: await asyncBufferFromFile(path.join(out, `${name}.parquet`)) }),
          );
          assert.deepStrictEqual<unknown>(plain(rows), withoutMarks(records[name]));
        }
      }),
    ),
  );

  it.effect("of prompts has a line with a reward for each labelled attempt", () =>
    Records.withDirectory((parent) =>
      Effect.gen(function* () {
        const out = yield* exported(parent, { format: "prompts" }, "out.jsonl");
        const lines = fs.readFileSync(out, "utf8").trimEnd().split("\n");
        const statements = new Map(records.tasks.map(({ id, statement }) => [id, statement]));
        const expected = records.attempts
          .filter(({ outcome }) => outcome !== undefined)
          .map(({ taskId, program, outcome }) => ({
            prompt: statements.get(taskId),
            completion: program,
            reward: outcome === "Passed" ? 1 : 0,
            task_id: taskId,
          }));
        assert.isAbove(expected.length, 1);
        assert.deepStrictEqual<unknown>(
          lines.map((line) => JSON.parse(line) as unknown),
          expected,
        );
      }),
    ),
  );

  it.skipIf(!pyarrow)("and its segments are read by pyarrow", () =>
    Effect.runPromise(
      Records.withDirectory((parent) =>
        Effect.gen(function* () {
          const out = yield* exported(parent, { format: "parquet" });
          const script = path.join(import.meta.dirname, "readWithPyarrow.py");
          const read = yield* Effect.promise(() => Python.json(script, path.join(parent, "data"), out));
          const found = read as Record<
            "arrow" | "parquet",
            Record<"tasks" | "attempts", Array<Record<string, unknown>>>
          >;
          for (const form of ["arrow", "parquet"] as const) {
            assert.deepStrictEqual<unknown>(plain(found[form].tasks), records.tasks);
            assert.deepStrictEqual<unknown>(plain(found[form].attempts), records.attempts);
          }
        }),
      ),
    ),
  );
});

describe("drydock data check", () => {
  it.effect("finds a byte that changed", () =>
    Records.withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = path.join(parent, "data");
        yield* Records.write(directory, records);
        const found = yield* Check.run(directory);
        assert.deepStrictEqual([found.hashes, found.unhashed], [2, 0]);
        const file = path.join(directory, "attempts/00000.arrow");
        const bytes = fs.readFileSync(file);
        // Padding: no reader looks at it.
        const at = bytes.indexOf(Buffer.alloc(4), bytes.length >> 1);
        bytes[at + 3] = 1;
        fs.writeFileSync(file, bytes);
        const { message } = yield* Effect.flip(Check.run(directory));
        assert.match(message, /00000\.arrow: .*(damaged|not a segment)/);
      }),
    ),
  );
});
