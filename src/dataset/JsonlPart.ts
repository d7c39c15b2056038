/** A dataset's records in JSON lines, read whole and checked with file and line. */
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import type * as Schema from "effect/Schema";
import type { Attempt } from "../domain/Attempt.ts";
import type { Task } from "../domain/Task.ts";
import { type Fault, taskFault } from "./Checks.ts";
import { DatasetError } from "./DatasetError.ts";
import * as Jsonl from "./Jsonl.ts";
import type { DataFile } from "./Manifest.ts";

export interface Part<A> {
  readonly path: string;
  readonly lines: ReadonlyArray<Jsonl.Line<A>>;
  readonly file: DataFile;
  readonly sha256: string;
}

export const values = <A>(part: Part<A>): Array<A> => part.lines.map(({ value }) => value);

export const read = Effect.fnUntraced(function* <A>(
  directory: string,
  file: DataFile,
  schema: Schema.Decoder<A>,
): Effect.fn.Return<Part<A>, DatasetError> {
  const path = nodePath.join(directory, file.file);
  const { lines, sha256 } = yield* Jsonl.read(path, schema);
  return { path, lines, file, sha256 };
});

/** Comes after the checks of content, whose messages are more to the point. */
const checkHash = Effect.fnUntraced(function* <A>({
  path,
  lines,
  file,
  sha256,
}: Part<A>): Effect.fn.Return<void, DatasetError> {
  if (file.sha256 !== undefined && sha256 !== file.sha256) {
    return yield* new DatasetError({
      path,
      reason: `the file is not the one that dataset.json describes: SHA-256 ${sha256}, expected ${file.sha256} (${lines.length} records, expected ${file.records}).`,
      remedy:
        "Fetch or generate the dataset again; after a deliberate change, put the new hash and count into dataset.json.",
    });
  }
});

/** Every task has tests and its own id. */
export const checkTasks = Effect.fnUntraced(function* (
  part: Part<Task>,
): Effect.fn.Return<void, DatasetError> {
  const lineOf = new Map<string, number>();
  for (const { line, value: task } of part.lines) {
    const wrong = repeated(task, lineOf.get(task.id)) ?? taskFault(task);
    if (wrong !== undefined) return yield* new DatasetError({ path: part.path, line, ...wrong });
    lineOf.set(task.id, line);
  }
  yield* checkHash(part);
});

const repeated = (task: Task, earlier: number | undefined): Fault | undefined =>
  earlier === undefined
    ? undefined
    : {
        reason: `task id "${task.id}" occurs twice, first in line ${earlier}.`,
        remedy: "Remove one of the two lines or give it another id.",
      };

/** Every attempt belongs to a task. */
export const checkAttempts = Effect.fnUntraced(function* (
  part: Part<Attempt>,
  tasks: { readonly file: string; readonly ids: ReadonlySet<string> },
): Effect.fn.Return<void, DatasetError> {
  for (const { line, value } of part.lines) {
    if (!tasks.ids.has(value.taskId)) {
      return yield* new DatasetError({
        path: part.path,
        line,
        reason: `attempt at task "${value.taskId}", which is not in ${tasks.file}.`,
        remedy: "Add the task, or remove the attempt.",
      });
    }
  }
  yield* checkHash(part);
});
