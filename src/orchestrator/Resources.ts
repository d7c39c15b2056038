/** What this process took of memory at the most, and what a run directory takes of the disk. */
import * as Fs from "node:fs/promises";
import * as Path from "node:path";
import * as Effect from "effect/Effect";

/** Bytes of a directory's files; one that vanishes meanwhile counts nothing. */
const sizeOf = async (directory: string): Promise<number> => {
  const entries = await Fs.readdir(directory, { withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map((entry) => {
      const path = Path.join(directory, entry.name);
      return entry.isDirectory()
        ? sizeOf(path)
        : Fs.stat(path).then(
            ({ size }) => size,
            () => 0,
          );
    }),
  );
  return sizes.reduce((a, b) => a + b, 0);
};

/** Resident bytes of the process at the most, and bytes of the directory. */
export const measure = (directory: string) =>
  Effect.map(
    Effect.promise(() => sizeOf(directory)),
    (disk) => ({
      // In kilobytes, on every platform.
      memory: process.resourceUsage().maxRSS * 1024,
      disk,
    }),
  );
