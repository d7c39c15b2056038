/** Reads a dataset from end to end: hashes of its files, every record, and what belongs to what. */
import * as Effect from "effect/Effect";
import * as DatasetReader from "./DatasetReader.ts";
import { taskFault } from "./Checks.ts";
import { DatasetError } from "./DatasetError.ts";
import type { Data } from "./Manifest.ts";
import * as OpenSegment from "./store/OpenSegment.ts";

export interface Checked {
  readonly tasks: number;
  readonly attempts: number;
  /** Files whose hash was compared, and of how many there is none to compare with. */
  readonly hashes: number;
  readonly unhashed: number;
}

/** Fails with the first thing that is wrong. */
export const run = (directory: string): Effect.Effect<Checked, DatasetError> =>
  Effect.scoped(
    Effect.gen(function* () {
      // JSON lines are checked while they are opened, their hashes too.
      const reader = yield* DatasetReader.open(directory);
      const { manifest, tasks, attempts } = reader;
      return yield* Effect.try({
        try: () => {
          const files = [manifest.files.tasks, manifest.files.attempts];
          for (const data of files) {
            if ("parts" in data) for (const part of data.parts) OpenSegment.checkHash(directory, part);
          }
          const fail = (reason: string): DatasetError =>
            new DatasetError({ path: directory, reason, remedy: "Make the dataset again." });
          const ids = new Set<string>();
          for (const task of tasks) {
            const fault = taskFault(task);
            if (fault !== undefined) throw new DatasetError({ path: directory, ...fault });
            if (ids.has(task.id)) throw fail(`task id "${task.id}" occurs twice.`);
            ids.add(task.id);
          }
          for (const { taskId } of attempts) {
            if (!ids.has(taskId)) throw fail(`attempt at task "${taskId}", which is not in the dataset.`);
          }
          const parts = files.flatMap(
            (data): ReadonlyArray<Data | { readonly sha256: string }> =>
              "parts" in data ? data.parts : [data],
          );
          const unhashed = parts.filter((part) => !("sha256" in part)).length;
          return {
            tasks: tasks.length,
            attempts: attempts.length,
            hashes: parts.length - unhashed,
            unhashed,
          };
        },
        catch: (cause) =>
          cause instanceof DatasetError
            ? cause
            : new DatasetError({
                path: directory,
                reason: `${String(cause)}.`,
                remedy: "Make the dataset again.",
              }),
      });
    }),
  ).pipe(Effect.withSpan("Check.run"));
