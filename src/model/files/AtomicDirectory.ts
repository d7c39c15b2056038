/**
 * Directories that appear whole: written under a temporary name beside their place, then renamed.
 *
 * Where the place is taken, the old directory is moved aside between two renames; a process that dies there
 * leaves it beside, and `clearLeftovers` brings it back. Temporary names hold the process id of their owner.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { type Slices, syncDirectory } from "./Files.ts";

const prefixOf = (target: string): string => `.${path.basename(target)}.partial-`;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Whether something would be lost by writing there: the directory exists and is not empty. */
export const isOccupied = (target: string): boolean =>
  fs.existsSync(target) && fs.readdirSync(target).length > 0;

/** Clears away what processes that died while writing `target` left: a half-written copy, or the old one moved aside. */
export const clearLeftovers = (target: string): void => {
  const parent = path.dirname(target);
  const prefix = prefixOf(target);
  if (!fs.existsSync(parent)) return;
  for (const name of fs.readdirSync(parent)) {
    const match = name.startsWith(prefix) ? /^(\d+)(-old)?$/.exec(name.slice(prefix.length)) : null;
    if (match === null || isAlive(Number(match[1]))) continue;
    const leftover = path.join(parent, name);
    if (match[2] !== undefined && !fs.existsSync(target)) fs.renameSync(leftover, target);
    else fs.rmSync(leftover, { recursive: true, force: true });
  }
};

/**
 * Writes the absolute path `target`, in place of what is there. `body` fills the temporary directory with synced files.
 * Where `body` throws or is ended at a `yield`, nothing has changed and nothing is left behind.
 */
export function* write(target: string, body: (temporary: string) => Slices): Slices {
  const parent = path.dirname(target);
  const temporary = path.join(parent, `${prefixOf(target)}${process.pid}`);
  const old = `${temporary}-old`;
  try {
    fs.rmSync(temporary, { recursive: true, force: true });
    fs.mkdirSync(temporary, { recursive: true });
    yield* body(temporary);
    // An empty directory is replaced by the rename itself.
    const occupied = isOccupied(target);
    if (occupied) fs.renameSync(target, old);
    try {
      fs.renameSync(temporary, target);
    } catch (cause) {
      if (occupied) fs.renameSync(old, target);
      throw cause;
    }
    syncDirectory(parent);
    if (occupied) fs.rmSync(old, { recursive: true, force: true });
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}
