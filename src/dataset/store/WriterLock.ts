/** One writer at a time: a file beside DIRECTORY.partial with the writer's process id, gone with the writer. */
import * as fs from "node:fs";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { DatasetError } from "../DatasetError.ts";

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return typeof cause === "object" && cause !== null && "code" in cause && cause.code === "EPERM";
  }
};

const take = (path: string): boolean => {
  try {
    fs.writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (cause) {
    if (typeof cause === "object" && cause !== null && "code" in cause && cause.code === "EEXIST")
      return false;
    throw cause;
  }
};

/** Holds the lock of `partial` until the scope ends; the lock of a process that died is taken over. */
export const hold = (partial: string): Effect.Effect<void, DatasetError, Scope.Scope> => {
  const path = `${partial}.lock`;
  return Effect.acquireRelease(
    Effect.try({
      try: () => {
        if (take(path)) return;
        const owner = Number(fs.readFileSync(path, "utf8"));
        if (!isAlive(owner)) {
          fs.rmSync(path, { force: true });
          if (take(path)) return;
        }
        throw new DatasetError({
          path,
          reason: `process ${owner} is writing this dataset.`,
          remedy: "Wait until it has ended. If there is no such command, remove this file.",
        });
      },
      catch: (cause) =>
        cause instanceof DatasetError
          ? cause
          : new DatasetError({
              path,
              reason: `cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
              remedy: "Check the directory and its permissions.",
            }),
    }),
    () => Effect.sync(() => fs.rmSync(path, { force: true })),
  );
};
