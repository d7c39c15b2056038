/** A lock between processes for the set-up: a file that holds the owner's process id. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { threadId } from "node:worker_threads";

const pollMillis = 200;
const patienceMillis = 30 * 60 * 1000;

/** Whether a process with this id runs on this machine. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

const ownerOf = (file: string): number | undefined => {
  try {
    const pid = Number.parseInt(Fs.readFileSync(file, "utf8"), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
};

/** Creates the lock already filled in (write, then hard link), so that nobody reads a lock without an owner. */
const tryTake = (file: string): boolean => {
  const own = `${file}.${process.pid}-${threadId}`;
  Fs.writeFileSync(own, `${process.pid}\n`);
  try {
    Fs.linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    Fs.rmSync(own, { force: true });
  }
};

/**
 * Runs `body` while holding `file`. A lock whose owner has died is taken over. Two processes may take over at
 * the same moment; the body must therefore publish its result by one atomic rename, which Setup.ts does.
 */
export const withLock = async <A>(
  file: string,
  onWait: (owner: number) => void,
  body: () => Promise<A>,
): Promise<A> => {
  Fs.mkdirSync(Path.dirname(file), { recursive: true });
  let waited = 0;
  while (!tryTake(file)) {
    const owner = ownerOf(file);
    if (owner === undefined || !isAlive(owner)) {
      Fs.rmSync(file, { force: true });
      continue;
    }
    if (waited === 0) onWait(owner);
    if (waited > patienceMillis) {
      throw new Error(`Process ${owner} has held ${file} for half an hour: end it, or delete that file.`);
    }
    await delay(pollMillis);
    waited += pollMillis;
  }
  const release = () => Fs.rmSync(file, { force: true });
  process.once("exit", release);
  try {
    return await body();
  } finally {
    release();
    process.removeListener("exit", release);
  }
};
