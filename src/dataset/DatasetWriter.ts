/**
 * Writes a dataset directory in Arrow segments, as a stream: memory holds one segment of each table and a hash of each task's id.
 *
 * It writes into DIRECTORY.partial and renames that into place when it is whole, so that DIRECTORY is never half-made.
 * After a `commit` an interrupted writer can be resumed, and ends with the same bytes as one that was not.
 */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import type * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import type { Attempt } from "../domain/Attempt.ts";
import type { Split, Task } from "../domain/Task.ts";
import { taskFault } from "./Checks.ts";
import { DatasetError } from "./DatasetError.ts";
import { Keys } from "./Keys.ts";
import * as Manifest from "./Manifest.ts";
import * as Columns from "./store/Columns.ts";
import * as Disk from "./store/Disk.ts";
import * as Journal from "./store/Journal.ts";
import * as OpenSegment from "./store/OpenSegment.ts";
import { type SegmentSize, TableWriter } from "./store/TableWriter.ts";
import * as WriterLock from "./store/WriterLock.ts";

export interface DatasetWriter {
  /** Refuses a second task of one id, a task without tests and what has no place in a column. */
  readonly task: (task: Task) => Effect.Effect<void, DatasetError>;
  /** Refuses an attempt at a task that was not written before it. */
  readonly attempt: (attempt: Attempt) => Effect.Effect<void, DatasetError>;
  readonly hasTask: (id: string) => boolean;
  readonly counts: () => { readonly tasks: number; readonly attempts: number };
  /** Makes everything so far durable together with `state` (an importer's position). */
  readonly commit: (state: Schema.Json) => Effect.Effect<void, DatasetError>;
  /** The state of the last commit of an interrupted writer of this directory, null at a fresh start. */
  readonly resumed: Schema.Json | null;
  /** Writes the manifest and renames the directory into place; nothing can be written after it. */
  readonly finish: (head: Manifest.ManifestHead) => Effect.Effect<Manifest.Manifest, DatasetError>;
}

export interface Options {
  /** Continue after the last commit of an interrupted writer, where there is one. */
  readonly resume: boolean;
  /** Replace a dataset that is there, when the new one is whole. */
  readonly overwrite: boolean;
  /** The most that a segment holds; default 50,000 rows, 64 MiB. */
  readonly segment?: SegmentSize;
  /** For tests. */
  readonly disk?: Disk.Disk;
}

const SEGMENT: SegmentSize = { rows: 50_000, bytes: 64 * 1024 * 1024 };

const EMPTY: Journal.Committed = {
  tasks: { parts: [], pendingBytes: 0 },
  attempts: { parts: [], pendingBytes: 0 },
  state: null,
};

/**
 * Opens a writer of `directory`. Refused where a dataset is there already (unless `overwrite`), where an interrupted
 * writer left work (unless `resume`, or `overwrite`, which throws that away), and while another process writes it.
 * At the end of the scope without `finish`, committed work stays for `resume`; a writer that never committed leaves nothing.
 */
export const make = Effect.fn("DatasetWriter.make")(function* (
  directory: string,
  options: Options,
): Effect.fn.Return<DatasetWriter, DatasetError, Scope.Scope> {
  const target = nodePath.resolve(directory);
  const partial = `${target}.partial`;
  const disk = options.disk ?? Disk.disk;
  const io = <A>(body: () => A): Effect.Effect<A, DatasetError> =>
    Effect.try({ try: body, catch: (cause) => writeError(partial, cause) });

  yield* io(() => {
    restoreOld(target, disk);
    if (isOccupied(target) && !options.overwrite) {
      throw new DatasetError({
        path: directory,
        reason: "there is something in this directory already.",
        remedy: "Choose another name, or replace it with --overwrite.",
      });
    }
    disk.makeDirectory(nodePath.dirname(target));
  });
  yield* WriterLock.hold(partial);
  const open = yield* io(() => opened(directory, partial, options, disk));
  yield* Effect.addFinalizer(() =>
    // Nothing that could be resumed: nothing to keep.
    Effect.ignore(
      io(() => {
        if (!fs.existsSync(Journal.commitPath(partial))) disk.remove(partial);
      }),
    ),
  );
  const { tasks, attempts, ids, splits, resumed } = open;
  let finished = false;

  const add = <R>(table: Columns.Table<R>, writer: TableWriter, record: R, name: string): void => {
    if (finished) throw new Error("this dataset is finished, nothing can be added to it");
    const cells = table.cells(record);
    for (let i = 0; i < cells.length; i++) {
      const reason = Columns.cellFault(table.columns[i], cells[i]);
      if (reason !== undefined) {
        throw new DatasetError({
          path: directory,
          reason: `${name}: ${reason}.`,
          remedy: "Correct it in the source, or leave the record out.",
        });
      }
    }
    writer.add(cells);
  };

  return {
    resumed,
    hasTask: (id) => ids.has(id),
    counts: () => ({ tasks: tasks.records, attempts: attempts.records }),
    task: (task) =>
      io(() => {
        const fault = ids.has(task.id)
          ? {
              reason: `task id "${task.id}" occurs twice.`,
              remedy: "Leave one of the two out, or give it another id.",
            }
          : taskFault(task);
        if (fault !== undefined) throw new DatasetError({ path: directory, ...fault });
        add(Columns.tasks, tasks, task, `task "${task.id}"`);
        ids.add(task.id, 0);
        splits[task.split] += 1;
      }),
    attempt: (attempt) =>
      io(() => {
        if (!ids.has(attempt.taskId)) {
          throw new DatasetError({
            path: directory,
            reason: `attempt at task "${attempt.taskId}", which is not in the dataset.`,
            remedy: "Add the task before its attempts, or leave the attempt out.",
          });
        }
        add(Columns.attempts, attempts, attempt, `an attempt at task "${attempt.taskId}"`);
      }),
    commit: (state) =>
      io(() => {
        const commit = { tasks: tasks.journal(), attempts: attempts.journal(), state };
        disk.write(Journal.commitPath(partial), Journal.encode(commit));
        removeStale(partial, commit, disk);
      }),
    finish: (head) =>
      io(() => {
        tasks.close();
        attempts.close();
        const manifest: Manifest.Manifest = {
          formatVersion: Manifest.DATASET_FORMAT,
          ...head,
          splits: { ...splits },
          files: {
            tasks: { parts: tasks.parts, records: tasks.records },
            attempts: { parts: attempts.parts, records: attempts.records },
          },
        };
        const text = `${JSON.stringify(manifest, null, 2)}\n`;
        disk.write(nodePath.join(partial, Manifest.MANIFEST), Buffer.from(text));
        finished = true;
        // The journal goes last: until the directory is in place, a writer that dies can be resumed.
        const old = oldPath(target);
        if (isOccupied(target)) disk.rename(target, old);
        disk.rename(partial, target);
        disk.remove(nodePath.join(target, Journal.JOURNAL));
        disk.remove(old);
        return manifest;
      }),
  };
});

interface Opened {
  readonly tasks: TableWriter;
  readonly attempts: TableWriter;
  readonly ids: Keys;
  readonly splits: Record<Split, number>;
  readonly resumed: Schema.Json | null;
}

/** Prepares DIRECTORY.partial: empty, or as it was at the last commit. */
const opened = (directory: string, partial: string, options: Options, disk: Disk.Disk): Opened => {
  const interrupted = fs.existsSync(Journal.commitPath(partial));
  if (interrupted && !options.resume && !options.overwrite) {
    throw new DatasetError({
      path: partial,
      reason: `an interrupted command left its work on ${directory} here.`,
      remedy: "Continue it with --resume, or throw it away and begin again with --overwrite.",
    });
  }
  const commit = interrupted && options.resume ? Journal.read(partial) : undefined;
  if (commit === undefined) disk.remove(partial);
  else removeStale(partial, commit, disk);
  for (const part of ["tasks", "attempts", Journal.JOURNAL]) disk.makeDirectory(nodePath.join(partial, part));

  const ids = new Keys();
  const splits: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  const count = (id: Columns.Cell, split: Columns.Cell): void => {
    if (typeof id === "string") ids.add(id, 0);
    if (split === "train" || split === "validation" || split === "test") splits[split] += 1;
  };
  const table = <R>(of: Columns.Table<R>): TableWriter => {
    const committed = (commit ?? EMPTY)[of.name];
    const { parts, pendingBytes } = committed;
    const lines = Journal.linesPath(partial, of.name, parts.length);
    const pending = Journal.readLines(lines, pendingBytes);
    if (of.name === "tasks") {
      for (const part of parts) {
        const { segment, close } = OpenSegment.open(partial, part, of.columns);
        const id = segment.column("id");
        const split = segment.column("split");
        for (let row = 0; row < segment.length; row++) count(id(row), split(row));
        close();
      }
      const place = (name: string): number => of.columns.findIndex((column) => column.name === name);
      for (const cells of pending) count(cells[place("id")], cells[place("split")]);
    }
    return new TableWriter(of, partial, options.segment ?? SEGMENT, disk, committed, pending);
  };
  return {
    tasks: table(Columns.tasks),
    attempts: table(Columns.attempts),
    ids,
    splits,
    resumed: commit?.state ?? null,
  };
};

/** Removes what is of no commit: segments written after it, rows that are in segments by now, half-written files. */
const removeStale = (partial: string, commit: Journal.Committed, disk: Disk.Disk): void => {
  const kept = new Set([Journal.commitPath(partial)]);
  for (const name of ["tasks", "attempts"] as const) {
    for (const { file } of commit[name].parts) kept.add(nodePath.join(partial, file));
    if (commit[name].pendingBytes > 0) kept.add(Journal.linesPath(partial, name, commit[name].parts.length));
  }
  for (const folder of ["tasks", "attempts", Journal.JOURNAL]) {
    const path = nodePath.join(partial, folder);
    if (!fs.existsSync(path)) continue;
    for (const name of fs.readdirSync(path)) {
      const file = nodePath.join(path, name);
      if (!kept.has(file)) disk.remove(file);
    }
  }
  disk.remove(nodePath.join(partial, Manifest.MANIFEST));
};

const isOccupied = (path: string): boolean => fs.existsSync(path) && fs.readdirSync(path).length > 0;

/** Where a dataset that is being replaced is between two renames. */
const oldPath = (target: string): string => `${target}.replaced`;

/** Brings back a dataset whose replacement died between two renames, or clears it away after them. */
const restoreOld = (target: string, disk: Disk.Disk): void => {
  const old = oldPath(target);
  if (!fs.existsSync(old)) return;
  if (isOccupied(target)) disk.remove(old);
  else disk.rename(old, target);
};

const writeError = (path: string, cause: unknown): DatasetError => {
  if (cause instanceof DatasetError) return cause;
  return new DatasetError({
    path,
    reason: `cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: "Check the directory, its permissions and the free space.",
  });
};
