/**
 * A file's bytes without reading them: mapped into memory by libc's mmap where that can be called, else read.
 *
 * A mapping's pages are the system's to take back, so that a dataset larger than memory can be open.
 */
import * as fs from "node:fs";
import { createRequire } from "node:module";
import type Koffi from "koffi";

export interface MappedFile {
  readonly bytes: Uint8Array;
  /** Lets the process's pages go; `bytes` are there as before, and come from the file when they are next touched. */
  readonly release: () => void;
  /** Gives the mapping back; `bytes` must not be touched after it. */
  readonly close: () => void;
}

interface LibC {
  readonly map: (fd: number, length: number) => MappedFile;
}

const PROT_READ = 1;
const MAP_SHARED = 1;
const MADV_DONTNEED = 4;
/** The address that mmap gives where it fails. */
const MAP_FAILED = 2n ** 64n - 1n;

const loadLibC = (): LibC | undefined => {
  if (process.platform !== "linux" && process.platform !== "darwin") return undefined;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const libc = koffi.load(null);
    const mmap = libc.func(
      "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
    );
    const munmap = libc.func("int munmap(void *address, size_t length)");
    const madvise = libc.func("int madvise(void *address, size_t length, int advice)");
    return {
      map: (fd, length) => {
        const pointer: unknown = mmap(null, length, PROT_READ, MAP_SHARED, fd, 0);
        if (pointer === null || koffi.address(pointer) === MAP_FAILED) throw new Error("mmap failed");
        return {
          bytes: new Uint8Array(koffi.view(pointer, length)),
          release: () => void madvise(pointer, length, MADV_DONTNEED),
          close: () => void munmap(pointer, length),
        };
      },
    };
  } catch {
    // No prebuilt koffi for this machine: files are read instead.
    return undefined;
  }
};

let libC: LibC | null | undefined = null;

/** Whether files can be mapped here. */
export const canMap = (): boolean => {
  if (libC === null) libC = loadLibC();
  return libC !== undefined;
};

/** Opens a file; `mapped: false` reads it in any case. Throws as `fs` does. */
export const open = (path: string, mapped = true): MappedFile => {
  const fd = fs.openSync(path, "r");
  try {
    const length = fs.fstatSync(fd).size;
    if (mapped && length > 0 && canMap() && libC) {
      const { bytes, release, close } = libC.map(fd, length);
      let closed = false;
      return {
        bytes,
        release: () => {
          if (!closed) release();
        },
        close: () => {
          if (!closed) close();
          closed = true;
        },
      };
    }
    return { bytes: fs.readFileSync(fd), release: () => {}, close: () => {} };
  } finally {
    fs.closeSync(fd);
  }
};
