/**
 * A dataset for other programs, record by record: memory does not grow with the dataset.
 *
 * `jsonl`: a dataset directory of JSON lines, which Drydock reads too. `parquet`: tasks.parquet and attempts.parquet.
 * `prompts`: one file of prompt, completion and reward a line, as trl reads it, of the labelled attempts.
 */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import { reward } from "../../domain/Reward.ts";
import { DatasetError } from "../DatasetError.ts";
import type { DatasetReader } from "../DatasetReader.ts";
import * as Manifest from "../Manifest.ts";
import * as Columns from "../store/Columns.ts";
import * as ParquetFile from "./ParquetFile.ts";
import * as TextFile from "./TextFile.ts";

export const FORMATS = ["jsonl", "parquet", "prompts"] as const;
export type Format = (typeof FORMATS)[number];

export interface Options {
  readonly format: Format;
  readonly overwrite: boolean;
  /** Packs JSON lines. */
  readonly gzip: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Exported {
  readonly files: ReadonlyArray<{ readonly file: string; readonly records: number }>;
}

/** Records at a time between two turns of the event loop. */
const SLICE = 500;

/** Writes `out`, a directory or, of `prompts`, a file. Whatever fails, what was there stays as it was. */
export const run = Effect.fn("Export.run")(function* (
  reader: DatasetReader,
  out: string,
  options: Options,
): Effect.fn.Return<Exported, DatasetError> {
  const target = nodePath.resolve(out);
  if (fs.existsSync(target) && !options.overwrite) {
    return yield* new DatasetError({
      path: out,
      reason: "there is something of this name already.",
      remedy: "Choose another name, or replace it with --overwrite.",
    });
  }
  const partial = `${target}.exporting`;
  const total = reader.attempts.length + (options.format === "prompts" ? 0 : reader.tasks.length);
  let done = 0;
  const records = <A>(items: Iterable<A>, write: (item: A) => void) =>
    slices(out, items, write, (count) => {
      done += count;
      options.onProgress?.(done, total);
    });
  const exported = yield* Effect.gen(function* () {
    yield* attempt(out, () => {
      fs.rmSync(partial, { recursive: true, force: true });
      fs.mkdirSync(options.format === "prompts" ? nodePath.dirname(partial) : partial, { recursive: true });
    });
    switch (options.format) {
      case "jsonl":
        return yield* jsonl(reader, out, partial, options.gzip, records);
      case "parquet":
        return yield* parquet(reader, out, partial, records);
      case "prompts":
        return yield* prompts(reader, out, partial, nodePath.basename(target), records);
    }
  }).pipe(
    Effect.onError(() => Effect.sync(() => fs.rmSync(partial, { recursive: true, force: true }))),
    Effect.onInterrupt(() => Effect.sync(() => fs.rmSync(partial, { recursive: true, force: true }))),
  );
  yield* attempt(out, () => {
    if (options.overwrite) fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(partial, target);
  });
  return exported;
});

type Records = <A>(items: Iterable<A>, write: (item: A) => void) => Effect.Effect<number, DatasetError>;

const attempt = <A>(path: string, body: () => A): Effect.Effect<A, DatasetError> =>
  Effect.try({
    try: body,
    catch: (cause) =>
      cause instanceof DatasetError
        ? cause
        : new DatasetError({
            path,
            reason: `cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
            remedy: "Check the directory, its permissions and the free space.",
          }),
  });

/** Writes all items, others' turns between; how many there were. */
const slices = Effect.fnUntraced(function* <A>(
  path: string,
  items: Iterable<A>,
  write: (item: A) => void,
  progress: (count: number) => void,
): Effect.fn.Return<number, DatasetError> {
  const iterator = items[Symbol.iterator]();
  let count = 0;
  for (let more = true; more; ) {
    more = yield* attempt(path, () => {
      for (let i = 0; i < SLICE; i++) {
        const next = iterator.next();
        if (next.done === true) {
          progress(i);
          return false;
        }
        write(next.value);
        count += 1;
      }
      progress(SLICE);
      return true;
    });
    yield* Effect.yieldNow;
  }
  return count;
});

const jsonl = Effect.fnUntraced(function* (
  reader: DatasetReader,
  out: string,
  directory: string,
  gzip: boolean,
  records: Records,
): Effect.fn.Return<Exported, DatasetError> {
  const write = Effect.fnUntraced(function* (name: "tasks" | "attempts") {
    const file = `${name}.jsonl${gzip ? ".gz" : ""}`;
    const text = yield* attempt(out, () => TextFile.open(nodePath.join(directory, file)));
    const items: Iterable<unknown> = reader[name];
    const count = yield* records(items, (item) => text.line(JSON.stringify(item))).pipe(
      Effect.onError(() => Effect.sync(text.abandon)),
    );
    return { file, records: count, sha256: yield* attempt(out, text.finish) };
  });
  const [tasks, attempts] = [yield* write("tasks"), yield* write("attempts")];
  // A corpus for pre-training has no reader: it stays behind.
  const { tasks: _, attempts: __, ...corpus } = reader.manifest.files;
  const manifest: Manifest.Manifest = { ...reader.manifest, files: { tasks, attempts } };
  yield* attempt(out, () =>
    fs.writeFileSync(nodePath.join(directory, Manifest.MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
      flush: true,
    }),
  );
  if (Object.keys(corpus).length > 0)
    yield* Effect.logWarning(`${out}: the corpus for pre-training is not exported`);
  return { files: [tasks, attempts] };
});

const parquet = Effect.fnUntraced(function* (
  reader: DatasetReader,
  out: string,
  directory: string,
  records: Records,
): Effect.fn.Return<Exported, DatasetError> {
  const write = Effect.fnUntraced(function* <R>(table: Columns.Table<R>, items: Iterable<R>) {
    const file = `${table.name}.parquet`;
    const parquetFile = yield* attempt(out, () =>
      ParquetFile.open(nodePath.join(directory, file), table.columns),
    );
    const count = yield* records(items, (item) => {
      const cells = table.cells(item);
      parquetFile.row(cells, Columns.size(cells));
    }).pipe(Effect.onError(() => Effect.sync(parquetFile.abandon)));
    yield* attempt(out, parquetFile.finish);
    return { file, records: count };
  });
  return {
    files: [yield* write(Columns.tasks, reader.tasks), yield* write(Columns.attempts, reader.attempts)],
  };
});

const prompts = Effect.fnUntraced(function* (
  reader: DatasetReader,
  out: string,
  file: string,
  name: string,
  records: Records,
): Effect.fn.Return<Exported, DatasetError> {
  const statements = new Map<string, string>();
  yield* attempt(out, () => {
    for (const { id, statement } of reader.tasks) statements.set(id, statement);
  });
  const text = yield* attempt(out, () => TextFile.open(file));
  let labelled = 0;
  yield* records(reader.attempts, ({ taskId, program, outcome }) => {
    if (outcome === undefined) return;
    labelled += 1;
    text.line(
      JSON.stringify({
        prompt: statements.get(taskId) ?? "",
        completion: program,
        reward: reward(outcome),
        task_id: taskId,
      }),
    );
  }).pipe(Effect.onError(() => Effect.sync(text.abandon)));
  yield* attempt(out, text.finish);
  return { files: [{ file: name, records: labelled }] };
});
