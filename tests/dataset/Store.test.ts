/** The Arrow form of a dataset: what is written is read back, and nothing that is half-done is taken for whole. */
import * as fs from "node:fs";
import * as path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import * as Dataset from "../../src/dataset/Dataset.ts";
import type { DatasetError } from "../../src/dataset/DatasetError.ts";
import * as DatasetReader from "../../src/dataset/DatasetReader.ts";
import * as DatasetWriter from "../../src/dataset/DatasetWriter.ts";
import * as Columns from "../../src/dataset/store/Columns.ts";
import * as MappedFile from "../../src/dataset/store/MappedFile.ts";
import * as Segment from "../../src/dataset/store/Segment.ts";
import * as Records from "./Records.ts";

const { sample, withDirectory, write } = Records;

const check = <A>(property: fc.IAsyncProperty<A>, runs: number): Effect.Effect<void> =>
  Effect.promise(() => fc.assert(property, { numRuns: runs }));

describe("a dataset in Arrow segments", () => {
  it.effect("is read back as it was written, whatever its records and segments", () =>
    check(
      fc.asyncProperty(
        Records.records,
        fc.record({ rows: fc.integer({ min: 1, max: 5 }), bytes: fc.constantFrom(1, 100_000) }),
        (records, segment) =>
          Effect.runPromise(
            withDirectory((parent) =>
              Effect.gen(function* () {
                const directory = path.join(parent, "small");
                const manifest = yield* write(directory, records, { segment });
                assert.deepStrictEqual(fs.readdirSync(parent), ["small"]);
                const loaded = yield* Dataset.load(directory);
                assert.deepStrictEqual(loaded, { manifest, ...records });
                yield* Effect.scoped(
                  Effect.gen(function* () {
                    const reader = yield* DatasetReader.open(directory);
                    const backwards = records.tasks.map((_, i) =>
                      reader.tasks.at(records.tasks.length - 1 - i),
                    );
                    assert.deepStrictEqual(backwards.reverse(), records.tasks);
                    assert.deepStrictEqual(Array.from(reader.attempts), records.attempts);
                    assert.throws(() => reader.attempts.at(records.attempts.length), RangeError);
                  }),
                );
              }),
            ),
          ),
      ),
      25,
    ),
  );

  it("is the same mapped and read", () => {
    const rows = sample().attempts.map(Columns.attempts.cells);
    const bytes = Segment.encode(Columns.attempts.columns, rows);
    const file = path.join(fs.mkdtempSync(path.join(import.meta.dirname, ".mapped-")), "0.arrow");
    try {
      fs.writeFileSync(file, bytes);
      for (const mapped of [true, false]) {
        const open = MappedFile.open(file, mapped);
        const segment = Segment.decode(Columns.attempts.columns, open.bytes);
        for (let time = 0; time < 2; time++) {
          assert.deepStrictEqual(
            rows.map((_, row) => segment.cells(row)),
            rows,
          );
          // It can be read again.
          open.release();
        }
        open.close();
        open.release();
      }
    } finally {
      fs.rmSync(path.dirname(file), { recursive: true });
    }
  });

  it.effect("refuses records that it could not give back, and work that is not its own", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const [task] = sample().tasks;
        const directory = path.join(parent, "data");
        const refusal = (
          body: (writer: DatasetWriter.DatasetWriter) => Effect.Effect<unknown, DatasetError>,
          options: Partial<DatasetWriter.Options> = {},
        ) =>
          Effect.scoped(
            DatasetWriter.make(directory, { resume: false, overwrite: false, ...options }).pipe(
              Effect.flatMap(body),
              Effect.flip,
              Effect.map(({ message }) => message),
            ),
          );
        const attempt = { taskId: task.id, program: "", origin: "x" };
        const cases: ReadonlyArray<
          readonly [RegExp, (writer: DatasetWriter.DatasetWriter) => Effect.Effect<unknown, DatasetError>]
        > = [
          [/half a surrogate pair/, (w) => w.task({ ...task, statement: "\ud800" })],
          [/occurs twice/, (w) => Effect.andThen(w.task(task), w.task(task))],
          [/has no tests/, (w) => w.task({ ...task, tests: { kind: "assert", setup: "", asserts: [] } })],
          [/not in the dataset/, (w) => w.attempt(attempt)],
          [
            /"testsPassed" has 4294967296/,
            (w) => Effect.andThen(w.task(task), w.attempt({ ...attempt, testsPassed: 2 ** 32 })),
          ],
          [
            /"cpuSeconds" is Infinity/,
            (w) =>
              Effect.andThen(w.task(task), w.attempt({ ...attempt, cpuSeconds: Number.POSITIVE_INFINITY })),
          ],
        ];
        for (const [message, body] of cases) {
          assert.match(yield* refusal(body), message);
          assert.deepStrictEqual(fs.readdirSync(parent), []);
        }
        // A second writer while the first is at work, and one that knows nothing of the first's commit.
        const locked = yield* refusal(() => write(directory, sample()));
        assert.match(locked, new RegExp(`process ${process.pid} is writing this dataset`));
        yield* Effect.scoped(
          Effect.flatMap(DatasetWriter.make(directory, { resume: false, overwrite: false }), (w) =>
            w.commit(1),
          ),
        );
        assert.match(yield* refusal(() => Effect.void), /interrupted command.*--resume.*--overwrite/);
      }),
    ),
  );

  it.effect("is not opened where a file is cut short, missing, another one or of a newer format", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const records = sample();
        const good = path.join(parent, "good");
        yield* write(good, records, { segment: { rows: 3, bytes: 1e9 } });
        const spoil = Effect.fnUntraced(function* (body: (directory: string) => void) {
          const directory = path.join(parent, "bad");
          fs.rmSync(directory, { recursive: true, force: true });
          fs.cpSync(good, directory, { recursive: true });
          body(directory);
          const { message } = yield* Effect.flip(Dataset.load(directory));
          return message;
        });
        const first = "attempts/00000.arrow";
        const cut = yield* spoil((d) => fs.truncateSync(path.join(d, first), 100));
        assert.match(cut, /00000\.arrow: the file has 100 bytes, dataset\.json says \d+/);
        const missing = yield* spoil((d) => fs.rmSync(path.join(d, "attempts/00001.arrow")));
        assert.match(missing, /00001\.arrow: no such file/);
        const other = yield* spoil((d) => {
          const file = path.join(d, first);
          fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size, "x"));
        });
        assert.match(other, /00000\.arrow: not a segment of this dataset/);
        const swapped = yield* spoil((d) => {
          const file = path.join(d, first);
          const tasks = fs.readFileSync(path.join(d, "tasks/00000.arrow"));
          fs.writeFileSync(file, tasks);
          const manifest = path.join(d, "dataset.json");
          const size = fs.statSync(path.join(good, first)).size;
          fs.writeFileSync(
            manifest,
            fs.readFileSync(manifest, "utf8").replaceAll(`"bytes": ${size}`, `"bytes": ${tasks.length}`),
          );
        });
        assert.match(swapped, /00000\.arrow: not a segment of this dataset: it has no column "taskId"/);
        const newer = yield* spoil((d) => {
          const manifest = path.join(d, "dataset.json");
          const text = fs.readFileSync(manifest, "utf8");
          fs.writeFileSync(manifest, text.replace('"formatVersion": 1', '"formatVersion": 2'));
        });
        assert.match(newer, /dataset\.json: formatVersion is 2: a newer Drydock wrote it/);
      }),
    ),
  );

  it.effect("opens without reading rows, and notices damage in those that are asked for", () =>
    withDirectory((parent) =>
      Effect.gen(function* () {
        const directory = path.join(parent, "data");
        const [task] = sample().tasks;
        const statement = "a statement that occurs once";
        yield* write(directory, {
          tasks: [{ ...task, tests: { kind: "assert", setup: "", asserts: [statement] } }],
          attempts: [],
        });
        const file = path.join(directory, "tasks/00000.arrow");
        const bytes = fs.readFileSync(file);
        bytes.write("]", bytes.indexOf(`"${statement}"`));
        fs.writeFileSync(file, bytes);
        yield* Effect.scoped(
          Effect.gen(function* () {
            const reader = yield* DatasetReader.open(directory);
            assert.throws(() => reader.tasks.at(0), /00000\.arrow: record 0 is damaged.*drydock data check/);
          }),
        );
        const { message } = yield* Effect.flip(Dataset.load(directory));
        assert.match(message, /record 0 is damaged/);
      }),
    ),
  );
});
