/** File access of the formats: every failure is a PolicyError, every write is synced before it is visible. */
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as path from "node:path";
import { PolicyError } from "../PolicyError.ts";

const code = (cause: unknown): string | undefined =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined;

/** The PolicyError that says what an error of the file system means for the person. */
export const toPolicyError = (file: string, cause: unknown): PolicyError => {
  if (cause instanceof PolicyError) return cause;
  switch (code(cause)) {
    case "ENOENT":
      return new PolicyError({ path: file, reason: "no such file or directory.", remedy: "Check the path." });
    case "EISDIR":
      return new PolicyError({ path: file, reason: "this is a directory, expected a file." });
    case "ENOTDIR":
      return new PolicyError({
        path: file,
        reason: "this is a file or within one, expected a directory.",
        remedy: "Choose another name.",
      });
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new PolicyError({
        path: file,
        reason:
          code(cause) === "ENOSPC"
            ? "the disk is full; what was written of this file was removed."
            : "the file would be larger than this user or file system may write; what was written of it was removed.",
        remedy: "Free some space, or choose another place, and run the command again.",
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new PolicyError({ path: file, reason: "access denied.", remedy: "Check the permissions." });
    default:
      return new PolicyError({ path: file, reason: cause instanceof Error ? cause.message : String(cause) });
  }
};

/** Runs synchronous file code as an effect. */
export const attempt = <A>(file: string, body: () => A): Effect.Effect<A, PolicyError> =>
  Effect.try({ try: body, catch: (cause) => toPolicyError(file, cause) });

/** Reads and parses a JSON file. */
export const readJson = (file: string): Effect.Effect<unknown, PolicyError> =>
  attempt(file, (): unknown => {
    const text = fs.readFileSync(file, "utf8");
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new PolicyError({
        path: file,
        reason: `not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
        remedy: "Restore the file or import the policy again.",
      });
    }
  });

export const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u);

/** Reads a JSON file that holds an object. */
export const readRecord = (file: string): Effect.Effect<Readonly<Record<string, unknown>>, PolicyError> =>
  Effect.flatMap(readJson(file), (json) =>
    isRecord(json)
      ? Effect.succeed(json)
      : Effect.fail(
          new PolicyError({
            path: file,
            reason: "expected a JSON object.",
            remedy: "Restore the file or import the policy again.",
          }),
        ),
  );

/** Fills `target` from `position` of an open file; throws where the file ends first. */
export const readFully = (fd: number, target: Uint8Array, position: number): void => {
  let done = 0;
  while (done < target.length) {
    // One read call is limited to 2^31 - 1 bytes.
    const n = fs.readSync(fd, target, done, Math.min(target.length - done, 1 << 30), position + done);
    if (n === 0)
      throw new Error(`the file ends at byte ${position + done}, expected ${target.length - done} more`);
    done += n;
  }
};

/** Writes all of `bytes` at the file's current position. */
export const writeFully = (fd: number, bytes: Uint8Array): void => {
  let done = 0;
  while (done < bytes.length) done += fs.writeSync(fd, bytes, done, Math.min(bytes.length - done, 1 << 30));
};

/** Makes a directory's entries durable. */
export const syncDirectory = (directory: string): void => {
  const fd = fs.openSync(directory, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
};

/** Work in slices: at each `yield` others may have a turn, or end it; its `finally` blocks then run. */
export type Slices = Generator<void, void, void>;

/** Runs slices to their end without a break. */
export const drain = (slices: Slices): void => {
  while (slices.next().done !== true);
};

/** Runs slices as an effect: between two of them signals are delivered and it can be interrupted. */
export const inSlices = (file: string, slices: () => Slices): Effect.Effect<void, PolicyError> =>
  Effect.acquireUseRelease(
    Effect.sync(slices),
    (running) => {
      const next: Effect.Effect<void, PolicyError> = Effect.flatMap(
        attempt(file, () => running.next().done),
        (done) => (done === true ? Effect.void : Effect.andThen(turn, next)),
      );
      return next;
    },
    (running) => attempt(file, () => void running.return()),
  );

/** One event-loop turn. */
const turn = Effect.callback<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void));
  return Effect.sync(() => clearImmediate(handle));
});

/**
 * Writes a file under a temporary name beside it, syncs it, renames it; on failure nothing is left behind. What a
 * process that dies leaves is what AtomicDirectory.clearLeftovers clears away.
 */
export function* writing(file: string, body: (fd: number) => Slices): Slices {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.partial-${process.pid}`);
  try {
    const fd = fs.openSync(temporary, "w");
    try {
      yield* body(fd);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
    syncDirectory(path.dirname(file));
  } catch (cause) {
    throw toPolicyError(file, cause);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

/** As `writing`, for what is written at once. */
export const writeAtomically = (file: string, body: (fd: number) => void): void =>
  drain(
    writing(file, function* (fd) {
      body(fd);
      yield;
    }),
  );

/** `writeAtomically` of a value as indented JSON. */
export const writeJson = (file: string, value: unknown): void =>
  writeAtomically(file, (fd) => writeFully(fd, Buffer.from(`${JSON.stringify(value, null, 2)}\n`)));
