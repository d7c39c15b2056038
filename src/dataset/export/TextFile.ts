/** A text file written line by line, packed where its name ends in `.gz`; it appears under its name when it is whole. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { gzipSync } from "node:zlib";
import { writeFully } from "../../model/files/Files.ts";

const CHUNK = 1 << 20;

export interface TextFile {
  readonly line: (text: string) => void;
  /** Makes it durable and gives it its name; the SHA-256 of its unpacked text. */
  readonly finish: () => string;
  /** Removes what was written, where it is not finished. */
  readonly abandon: () => void;
}

export const open = (path: string): TextFile => {
  const temporary = `${path}.tmp`;
  const packed = path.endsWith(".gz");
  const fd = fs.openSync(temporary, "w");
  const hash = createHash("sha256");
  let pending: Array<string> = [];
  let length = 0;
  let closed = false;
  const flush = (): void => {
    const text = Buffer.from(pending.join(""));
    hash.update(text);
    // Members of a gzip file one after another are one text.
    writeFully(fd, packed ? gzipSync(text) : text);
    pending = [];
    length = 0;
  };
  const close = (): void => {
    if (!closed) fs.closeSync(fd);
    closed = true;
  };
  return {
    line: (text) => {
      pending.push(text, "\n");
      length += text.length;
      if (length >= CHUNK) flush();
    },
    finish: () => {
      flush();
      fs.fsyncSync(fd);
      close();
      fs.renameSync(temporary, path);
      return hash.digest("hex");
    },
    abandon: () => {
      close();
      fs.rmSync(temporary, { force: true });
    },
  };
};
