/**
 * Files that are whole or not there: written under a temporary name, synced, renamed, and the directory synced.
 */
import * as Fs from "node:fs/promises";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { toStoreError } from "./Database.ts";
import type { StoreError } from "./RunStore.ts";

/** Names that begin so are leftovers of a process that died; they are removed when the run is opened. */
export const TEMPORARY = ".tmp-";

export const io = <A>(body: () => Promise<A>): Effect.Effect<A, StoreError> =>
  Effect.tryPromise({ try: body, catch: toStoreError });

/** Flushes one file or directory to the disk. */
const sync = async (path: string): Promise<void> => {
  const handle = await Fs.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

export const syncPath = (path: string): Effect.Effect<void, StoreError> => io(() => sync(path));

/** Flushes every file below a directory, and the directories. */
export const syncTree = (directory: string): Effect.Effect<void, StoreError> =>
  io(async () => {
    const visit = async (folder: string): Promise<void> => {
      for (const entry of await Fs.readdir(folder, { withFileTypes: true })) {
        const path = Path.join(folder, entry.name);
        if (entry.isDirectory()) await visit(path);
        else if (entry.isFile()) await sync(path);
      }
      await sync(folder);
    };
    await visit(directory);
  });

/** Removes the unfinished files of dead processes from a directory; one that is not there is fine. */
export const sweep = (directory: string): Effect.Effect<void, StoreError> =>
  io(async () => {
    const found = await Fs.readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    for (const name of found) {
      if (name.startsWith(TEMPORARY))
        await Fs.rm(Path.join(directory, name), { recursive: true, force: true });
    }
  });

/** Writes a text file. */
export const writeText = (path: string, text: string): Effect.Effect<void, StoreError> =>
  io(async () => {
    const folder = Path.dirname(path);
    const temporary = Path.join(folder, `${TEMPORARY}${process.pid}-${Path.basename(path)}`);
    await Fs.mkdir(folder, { recursive: true });
    try {
      await Fs.writeFile(temporary, text, { flush: true });
      await Fs.rename(temporary, path);
    } catch (error) {
      await Fs.rm(temporary, { force: true });
      throw error;
    }
    await sync(folder);
  });
