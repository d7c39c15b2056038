/** One build of an image at a time on this machine: a file that names the process which builds. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";

/** Held until the scope closes; waits for the living process that holds it, and takes over from a dead one. */
export const acquire = (name: string): Effect.Effect<void, never, Scope.Scope> => {
  const path = join(tmpdir(), `${name.replace(/\W/g, "-")}.lock`);
  const take = Effect.acquireRelease(
    Effect.suspend(() => (tryTake(path) ? Effect.succeed(true) : Effect.fail("taken" as const))),
    () => Effect.sync(() => rmSync(path, { force: true })),
  );
  return take.pipe(Effect.retry(Schedule.spaced("300 millis")), Effect.orDie, Effect.asVoid);
};

const tryTake = (path: string): boolean => {
  try {
    const file = openSync(path, "wx");
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch {
    if (!ownerLives(path)) rmSync(path, { force: true });
    return false;
  }
};

const ownerLives = (path: string): boolean => {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    // Empty for the instant between making the file and writing to it.
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
