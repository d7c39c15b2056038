/**
 * Checkpoints: a directory written under a temporary name, synced and renamed, then recorded with its event.
 *
 * A crash before the record leaves a directory that no row names; it is removed when the run is next opened.
 * The last two are kept, and every one that was asked to be.
 */
import * as Fs from "node:fs/promises";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Semaphore from "effect/Semaphore";
import { attempt, type Database, type Row } from "./Database.ts";
import * as Durable from "./Durable.ts";
import type { Journal } from "./Journal.ts";
import { type CheckpointRecord, StoreError } from "./RunStore.ts";

const KEEP_LAST = 2;

type Saved = Omit<CheckpointRecord, "directory"> & { readonly keep: boolean };

const rootOf = (runDirectory: string): string => Path.join(runDirectory, "checkpoints");

const fromRow = (row: Row, root: string): CheckpointRecord => ({
  id: String(row["id"]),
  stage: Number(row["stage"]),
  done: Number(row["done"]),
  state: JSON.parse(String(row["state"])) as unknown,
  directory: Path.join(root, String(row["folder"])),
});

/** Every recorded checkpoint, oldest first. */
export const list = (db: Database, runDirectory: string): ReadonlyArray<CheckpointRecord> =>
  db.all("SELECT * FROM checkpoints ORDER BY seq").map((row) => fromRow(row, rootOf(runDirectory)));

const remove = (path: string): Effect.Effect<void, StoreError> =>
  Durable.io(() => Fs.rm(path, { recursive: true, force: true }));

export const make = Effect.fnUntraced(function* (journal: Journal, runDirectory: string) {
  const root = rootOf(runDirectory);
  const one = yield* Semaphore.make(1);

  const rows = (sql: string, values: ReadonlyArray<string | number> = []) =>
    attempt(() => journal.db.all(sql, values));
  const there = (record: CheckpointRecord): Effect.Effect<boolean> =>
    Effect.promise(() =>
      Fs.access(record.directory).then(
        () => true,
        () => false,
      ),
    );

  /** Removes directories that no row names. */
  const sweep = Effect.gen(function* () {
    yield* Durable.io(() => Fs.mkdir(root, { recursive: true }));
    const known = new Set(
      (yield* rows("SELECT folder FROM checkpoints")).map((row) => String(row["folder"])),
    );
    const found = yield* Durable.io(() => Fs.readdir(root));
    yield* Effect.forEach(
      found.filter((name) => !known.has(name)),
      (name) => remove(Path.join(root, name)),
      { discard: true },
    );
  });
  yield* sweep;

  /** A name under `checkpoints` that is not taken: the id, or the id and a number where it is saved again. */
  const folderFor = (id: string): Effect.Effect<string, StoreError> =>
    Effect.gen(function* () {
      const found = new Set(yield* Durable.io(() => Fs.readdir(root)));
      let name = id;
      for (let n = 2; found.has(name); n++) name = `${id}~${n}`;
      return name;
    });

  /** Records a checkpoint whose directory is in place; gives the folders that no row names any more. */
  const recorded = (record: Saved, folder: string): Effect.Effect<ReadonlyArray<string>, StoreError> =>
    journal.commit((tx) => {
      const seq = tx.nextSeq();
      tx.emit({ _tag: "CheckpointSaved", id: record.id, stage: record.stage, done: record.done });
      const before = tx.db
        .all("DELETE FROM checkpoints WHERE id = ? RETURNING folder", [record.id])
        .map((row) => String(row["folder"]));
      tx.db.all(
        "INSERT INTO checkpoints (id, stage, done, state, folder, keep, seq) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
          record.id,
          record.stage,
          record.done,
          JSON.stringify(record.state ?? null),
          folder,
          record.keep ? 1 : 0,
          seq,
        ],
      );
      const old = tx.db.all(
        `DELETE FROM checkpoints WHERE keep = 0 AND id NOT IN (SELECT id FROM checkpoints ORDER BY seq DESC LIMIT ?)
         RETURNING folder`,
        [KEEP_LAST],
      );
      return [...before, ...old.map((row) => String(row["folder"]))];
    });

  const save = Effect.fn("Checkpoints.save")(function* <E>(
    record: Saved,
    write: (directory: string) => Effect.Effect<void, E>,
  ) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/.test(record.id)) {
      return yield* new StoreError({
        reason: `${JSON.stringify(record.id)} cannot name a checkpoint`,
        remedy: "use letters, digits, dots, dashes and underscores",
      });
    }
    const folder = yield* folderFor(record.id);
    const temporary = Path.join(root, `${Durable.TEMPORARY}${folder}`);
    yield* remove(temporary);
    const dropped = yield* Effect.gen(function* () {
      yield* Durable.io(() => Fs.mkdir(temporary));
      yield* write(temporary);
      yield* Durable.syncTree(temporary);
      yield* Durable.io(() => Fs.rename(temporary, Path.join(root, folder)));
      yield* Durable.syncPath(root);
      return yield* recorded(record, folder);
    }).pipe(
      Effect.onExit((exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : Effect.ignore(Effect.andThen(remove(temporary), remove(Path.join(root, folder)))),
      ),
    );
    // No row names them any more: what cannot be removed now is swept when the run is next opened.
    yield* Effect.forEach(dropped, (name) => Effect.ignore(remove(Path.join(root, name))), { discard: true });
    return {
      id: record.id,
      stage: record.stage,
      done: record.done,
      state: record.state,
      directory: Path.join(root, folder),
    } satisfies CheckpointRecord;
  });

  const latest = Effect.gen(function* () {
    for (const row of yield* rows("SELECT * FROM checkpoints ORDER BY seq DESC")) {
      const record = fromRow(row, root);
      if (yield* there(record)) return record;
    }
    return null;
  });

  const get = Effect.fnUntraced(function* (id: string) {
    const row = (yield* rows("SELECT * FROM checkpoints WHERE id = ?", [id]))[0];
    const record = row === undefined ? null : fromRow(row, root);
    if (record === null || !(yield* there(record))) {
      return yield* new StoreError({
        reason: `checkpoint ${JSON.stringify(id)} is not in ${root}`,
        remedy: "checkpoints that were not kept by name are removed after a while; use a later one",
      });
    }
    return record;
  });

  return {
    save: <E>(record: Saved, write: (directory: string) => Effect.Effect<void, E>) =>
      one.withPermits(1)(save(record, write)),
    latest,
    get,
  };
});
