/**
 * The bytes of a file, unpacked where it is gzip or zstd, in chunks: at most a few megabytes are held at once.
 *
 * What an archive unpacks to is bounded (`Bounds`): a file made to fill disk or memory is refused where the bound is
 * passed, not once it is unpacked.
 */
import * as Fs from "node:fs";
import * as Zlib from "node:zlib";
import * as Zstd from "fzstd";
import type { Flaw } from "../Problem.ts";
import type { Bounds } from "../Source.ts";

/** What ends the reading of a file. */
export class Fault extends Error {
  readonly flaw: Flaw;
  constructor(flaw: Flaw) {
    super(flaw.reason);
    this.flaw = flaw;
  }
}

export interface Chunk {
  readonly bytes: Buffer;
  /** Bytes of the file on disk read so far. */
  readonly read: number;
}

export type Packing = "none" | "gzip" | "zstd";

/** By the first bytes, whatever the file is called. */
export const packing = (head: Uint8Array): Packing => {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return "zstd";
  return "none";
};

/** The first bytes of a file, at most `length`. */
export const head = (path: string, length: number): Buffer => {
  const file = Fs.openSync(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, Fs.readSync(file, bytes, 0, length, 0));
  } finally {
    Fs.closeSync(file);
  }
};

/**
 * The file's unpacked bytes from offset `from` (in unpacked bytes). A plain file is read from there; an archive is
 * unpacked from its beginning and what comes before is dropped.
 */
export async function* unpacked(path: string, from: number, bounds: Bounds): AsyncGenerator<Chunk> {
  const packed = packing(head(path, 4));
  if (packed === "none") {
    const file = Fs.createReadStream(path, { start: from, highWaterMark: CHUNK });
    try {
      for await (const bytes of file) {
        yield { bytes: bytes as Buffer, read: from + file.bytesRead };
      }
    } catch (cause) {
      throw faultOf(cause);
    } finally {
      file.destroy();
    }
    return;
  }
  let before = 0;
  for await (const chunk of packed === "gzip" ? gunzipped(path, bounds) : unzstd(path, bounds)) {
    const start = Math.max(0, from - before);
    before += chunk.bytes.length;
    if (start < chunk.bytes.length) yield { ...chunk, bytes: chunk.bytes.subarray(start) };
  }
}

const CHUNK = 1 << 20;

async function* gunzipped(path: string, bounds: Bounds): AsyncGenerator<Chunk> {
  const file = Fs.createReadStream(path, { highWaterMark: CHUNK });
  const gunzip = file.pipe(Zlib.createGunzip({ chunkSize: 1 << 18 }));
  // A failing source does not end the stream that it is piped into.
  file.on("error", (cause) => gunzip.destroy(cause));
  const watch = guard(bounds);
  try {
    for await (const bytes of gunzip) {
      watch((bytes as Buffer).length, file.bytesRead);
      yield { bytes: bytes as Buffer, read: file.bytesRead };
    }
  } catch (cause) {
    throw faultOf(cause);
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

/** Frames with a larger window than zstd's own default limit need that much memory to unpack. */
const ZSTD_WINDOW = 128 << 20;

async function* unzstd(path: string, bounds: Bounds): AsyncGenerator<Chunk> {
  const window = zstdWindow(head(path, 18));
  if (window > ZSTD_WINDOW) {
    throw new Fault({
      kind: "archive too large",
      reason: `zstd with a window of ${Math.round(window / 2 ** 20)} MiB, which is held in memory (at most 128)`,
      remedy: "Unpack it first: zstd -d --long=31 FILE.",
    });
  }
  // Small, since all that a piece unpacks to is there at once.
  const file = Fs.createReadStream(path, { highWaterMark: 1 << 14 });
  const watch = guard(bounds);
  let out: Array<Buffer> = [];
  const unpack = new Zstd.Decompress((bytes) => {
    watch(bytes.length, file.bytesRead);
    if (bytes.length > 0) out.push(Buffer.from(bytes));
  });
  const taken = (): Array<Chunk> => {
    const chunks = out.map((bytes) => ({ bytes, read: file.bytesRead }));
    out = [];
    return chunks;
  };
  try {
    for await (const bytes of file) {
      unpack.push(bytes as Buffer);
      yield* taken();
    }
    unpack.push(new Uint8Array(0), true);
    yield* taken();
  } catch (cause) {
    yield* taken();
    throw faultOf(cause);
  } finally {
    file.destroy();
  }
}

/** The window that a frame's header asks for (RFC 8878, 3.1.1.1.2); of a single segment its content's size. */
const zstdWindow = (header: Buffer): number => {
  const flags = header[4] ?? 0;
  if ((flags & 32) === 0) {
    const descriptor = header[5] ?? 0;
    const base = 2 ** (10 + (descriptor >> 3));
    return base + (base / 8) * (descriptor & 7);
  }
  const at = 5 + ([0, 1, 2, 4][flags & 3] ?? 0);
  const size = [1, 2, 4, 8][flags >> 6] ?? 1;
  const low = header.readUIntLE(at, Math.min(size, 4));
  return size === 8 ? low + header.readUInt32LE(at + 4) * 2 ** 32 : low + (size === 2 ? 256 : 0);
};

/** The first bytes of an archive are not judged by their ratio. */
const FREE = 64 << 20;

const guard = ({ unpackedBytes, unpackedRatio }: Bounds) => {
  let total = 0;
  return (bytes: number, read: number): void => {
    total += bytes;
    if (total > unpackedBytes) {
      throw new Fault({
        kind: "archive too large",
        reason: `it unpacks to more than ${unpackedBytes} bytes`,
        remedy: "If that is right, allow more with --max-unpacked.",
      });
    }
    if (total > FREE && total > unpackedRatio * read) {
      throw new Fault({
        kind: "archive too large",
        reason: `${read} packed bytes unpack to more than ${unpackedRatio} times as many (${total} so far)`,
        remedy: "If that is right, allow more with --max-ratio.",
      });
    }
  };
};

/** The fault for what reading or unpacking failed with. */
export const faultOf = (cause: unknown): Fault => {
  if (cause instanceof Fault) return cause;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  const why = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
  if (code === "Z_BUF_ERROR" || code === Zstd.ZstdErrorCode.UnexpectedEOF) {
    return new Fault({
      kind: "truncated archive",
      reason: "the archive ends in the middle",
      remedy: "Fetch it again.",
    });
  }
  if (typeof code === "number" || (typeof code === "string" && code.startsWith("Z_"))) {
    return new Fault({
      kind: "unreadable file",
      reason: `not a valid archive: ${why}`,
      remedy: "Fetch it again.",
    });
  }
  return new Fault({
    kind: "unreadable file",
    reason: `it cannot be read: ${why}`,
    remedy: "Check the path and its permissions.",
  });
};

/**
 * Where the text begins, after the mark that UTF-8 may begin with. Throws where the file is in UTF-16, by its byte order
 * mark or by its zero bytes.
 */
export const textStart = (bytes: Buffer): number => {
  const [a, b, c, d] = bytes;
  const marked = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff);
  const unmarked = bytes.length >= 4 && (a === 0) !== (b === 0) && (c === 0) !== (d === 0);
  if (marked || unmarked) {
    throw new Fault({
      kind: "not UTF-8",
      reason: "the file is in UTF-16",
      remedy: "Convert it first: iconv -f UTF-16 -t UTF-8 FILE.",
    });
  }
  return a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0;
};
