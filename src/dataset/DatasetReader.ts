/**
 * Reads a dataset directory record by record.
 *
 * Of Arrow segments, opening reads no rows: it costs as much as there are segments, and a record is decoded when it is
 * asked for. JSON lines are read and checked whole, into memory.
 */
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { Attempt } from "../domain/Attempt.ts";
import { Task } from "../domain/Task.ts";
import { DatasetError } from "./DatasetError.ts";
import * as JsonlPart from "./JsonlPart.ts";
import * as Manifest from "./Manifest.ts";
import * as Columns from "./store/Columns.ts";
import * as OpenSegment from "./store/OpenSegment.ts";

export interface Records<A> extends Iterable<A> {
  readonly length: number;
  /** Throws a RangeError outside [0, length), a DatasetError where the record is damaged. */
  readonly at: (index: number) => A;
}

export interface DatasetReader {
  readonly directory: string;
  readonly manifest: Manifest.Manifest;
  readonly tasks: Records<Task>;
  readonly attempts: Records<Attempt>;
}

/** Opens a dataset until the scope ends; its records must not be asked for after that. */
export const open = Effect.fn("DatasetReader.open")(function* (
  directory: string,
): Effect.fn.Return<DatasetReader, DatasetError, Scope.Scope> {
  const manifest = yield* Manifest.read(directory);
  const { tasks, attempts } = manifest.files;
  const taskRecords = yield* openTasks(directory, tasks);
  return {
    directory,
    manifest,
    tasks: taskRecords,
    attempts: yield* openAttempts(directory, attempts, taskRecords, tasks),
  };
});

/** The tasks that a manifest's entry names. */
export const openTasks = Effect.fnUntraced(function* (
  directory: string,
  data: Manifest.Data,
): Effect.fn.Return<Records<Task>, DatasetError, Scope.Scope> {
  if ("parts" in data) return yield* openTable(directory, data, Columns.tasks);
  const part = yield* JsonlPart.read(directory, data, Task);
  yield* JsonlPart.checkTasks(part);
  return inMemory(JsonlPart.values(part));
});

/** The attempts that a manifest's entry names; those in JSON lines are checked to be at one of the tasks. */
export const openAttempts = Effect.fnUntraced(function* (
  directory: string,
  data: Manifest.Data,
  tasks: Iterable<Task>,
  tasksData: Manifest.Data,
): Effect.fn.Return<Records<Attempt>, DatasetError, Scope.Scope> {
  if ("parts" in data) return yield* openTable(directory, data, Columns.attempts);
  const part = yield* JsonlPart.read(directory, data, Attempt);
  const ids = new Set(Array.from(tasks, ({ id }) => id));
  const file = "parts" in tasksData ? "tasks" : nodePath.basename(tasksData.file);
  yield* JsonlPart.checkAttempts(part, { file, ids });
  return inMemory(JsonlPart.values(part));
});

const inMemory = <A>(values: ReadonlyArray<A>): Records<A> => ({
  length: values.length,
  at: (index) => values[checked(index, values.length)],
  [Symbol.iterator]: () => values[Symbol.iterator](),
});

const checked = (index: number, length: number): number => {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new RangeError(`record ${index} of ${length}`);
};

/** Bytes of a table's segments whose pages stay in the process's memory. */
const MOST_READ = 256 << 20;

const openTable = Effect.fnUntraced(function* <R>(
  directory: string,
  { parts, records }: Manifest.DataParts,
  table: Columns.Table<R>,
): Effect.fn.Return<Records<R>, DatasetError, Scope.Scope> {
  const total = parts.reduce((sum, part) => sum + part.records, 0);
  if (total !== records) {
    return yield* new DatasetError({
      path: nodePath.join(directory, Manifest.MANIFEST),
      reason: `files.${table.name} has parts of ${total} records together, but says ${records}.`,
      remedy: "Fetch or make the dataset again.",
    });
  }
  const segments: Array<OpenSegment.OpenSegment> = [];
  let closed = false;
  yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        for (const part of parts) segments.push(OpenSegment.open(directory, part, table.columns));
      },
      catch: (cause) => {
        for (const { close } of segments) close();
        if (cause instanceof DatasetError) return cause;
        return new DatasetError({
          path: directory,
          reason: `${String(cause)}.`,
          remedy: "Make the dataset again.",
        });
      },
    }),
    () =>
      Effect.sync(() => {
        closed = true;
        for (const { close } of segments) close();
      }),
  );
  // The parts read last, the latest at the end: a walk through a large dataset leaves no more than these in memory.
  const read: Array<number> = [];
  let bytes = 0;
  const touch = (part: number): void => {
    if (read.at(-1) === part) return;
    const at = read.indexOf(part);
    if (at >= 0) read.splice(at, 1);
    else bytes += parts[part].bytes;
    read.push(part);
    while (bytes > MOST_READ && read.length > 1) {
      const [oldest] = read.splice(0, 1);
      bytes -= parts[oldest].bytes;
      segments[oldest].release();
    }
  };
  const record = (part: number, row: number): R => {
    // Memory that was given back must never be read.
    if (closed) throw new Error(`${directory} was closed`);
    touch(part);
    try {
      return table.record(segments[part].segment.cells(row));
    } catch (cause) {
      throw new DatasetError({
        path: nodePath.join(directory, parts[part].file),
        reason: `record ${row} is damaged: ${cause instanceof Error ? cause.message.replace(/\s*\n\s*/g, " ") : String(cause)}.`,
        remedy: "Check the dataset with `drydock data check`, and fetch or make it again.",
      });
    }
  };
  const starts: Array<number> = [];
  parts.reduce((start, part) => {
    starts.push(start);
    return start + part.records;
  }, 0);
  return {
    length: total,
    at: (index) => {
      checked(index, total);
      let part = 0;
      for (let end = starts.length; end - part > 1; ) {
        const middle = (part + end) >> 1;
        if (starts[middle] <= index) part = middle;
        else end = middle;
      }
      return record(part, index - starts[part]);
    },
    *[Symbol.iterator]() {
      for (let part = 0; part < parts.length; part++) {
        for (let row = 0; row < parts[part].records; row++) yield record(part, row);
      }
    },
  };
});
