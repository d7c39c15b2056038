/** The few durable things that a dataset's writer does to a disk; tests let them fail one by one. */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import { syncDirectory, writeFully } from "../../model/files/Files.ts";

export interface Disk {
  readonly makeDirectory: (path: string) => void;
  /** Writes a whole file under a temporary name, syncs it, renames it. */
  readonly write: (path: string, bytes: Uint8Array) => void;
  /** Puts bytes at a position of a file, cut off after them, and syncs it. */
  readonly writeAt: (path: string, position: number, bytes: Uint8Array) => void;
  readonly rename: (from: string, to: string) => void;
  /** A file, or a directory with all that is in it; fine where there is none. */
  readonly remove: (path: string) => void;
}

/** Ends the names of files that are being written. */
export const TEMPORARY = ".tmp";

export const disk: Disk = {
  makeDirectory: (path) => fs.mkdirSync(path, { recursive: true }),
  write: (path, bytes) => {
    const temporary = `${path}${TEMPORARY}`;
    const fd = fs.openSync(temporary, "w");
    try {
      writeFully(fd, bytes);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, path);
    syncDirectory(nodePath.dirname(path));
  },
  writeAt: (path, position, bytes) => {
    const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o666);
    try {
      fs.ftruncateSync(fd, position);
      let done = 0;
      while (done < bytes.length) done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  rename: (from, to) => {
    fs.renameSync(from, to);
    syncDirectory(nodePath.dirname(to));
  },
  remove: (path) => fs.rmSync(path, { recursive: true, force: true }),
};
