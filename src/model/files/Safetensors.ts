/**
 * Safetensors files: a length, a JSON header, then the tensors' bytes (little-endian, row-major).
 *
 * The header is checked whole before memory is taken for a tensor: its size, every dtype, shape and
 * offset, names that occur twice, gaps, overlaps, and that the file has exactly the bytes it promises.
 * Format: https://github.com/huggingface/safetensors#format
 */
import type * as Effect from "effect/Effect";
import { visit } from "jsonc-parser";
import * as fs from "node:fs";
import {
  attempt,
  drain,
  inSlices,
  isRecord,
  readFully,
  type Slices,
  toPolicyError,
  writeFully,
  writing as writingFile,
} from "./Files.ts";
import { encode, halfTable } from "./HalfFloat.ts";
import type { StoredType, TensorSource, TensorToWrite } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";

/** Largest header, in bytes: about 100,000 tensors. The format allows 100 MB, which take several times that to parse. */
const MAX_HEADER = 1 << 24;
const MAX_RANK = 8;
const BYTES: Readonly<Record<StoredType, number>> = { F32: 4, F16: 2, BF16: 2 };
/** Elements converted at a time. */
const CHUNK = 1 << 20;

interface Entry {
  readonly dtype: StoredType;
  readonly shape: ReadonlyArray<number>;
  readonly begin: number;
  readonly end: number;
}

const bytesOf = ({ begin, end }: Entry): number => end - begin;
const countOf = (entry: Entry): number => bytesOf(entry) / BYTES[entry.dtype];

const isStoredType = (u: unknown): u is StoredType => u === "F32" || u === "F16" || u === "BF16";

const isSize = (u: unknown): u is number => typeof u === "number" && Number.isSafeInteger(u) && u >= 0;

/** JSON.parse keeps the last of two equal keys in silence; a header with two is corrupt or hostile. */
const duplicateName = (text: string): string | undefined => {
  const seen = new Set<string>();
  let duplicate: string | undefined;
  let depth = 0;
  visit(text, {
    onObjectBegin: () => {
      depth += 1;
    },
    onObjectEnd: () => {
      depth -= 1;
    },
    onObjectProperty: (name) => {
      if (depth > 1) return;
      if (seen.has(name)) duplicate ??= name;
      seen.add(name);
    },
  });
  return duplicate;
};

const parseHeader = (path: string, text: string, dataBytes: number): ReadonlyMap<string, Entry> => {
  const refuse = (reason: string) =>
    new PolicyError({ path, reason: `${reason}.`, remedy: "The file is damaged: fetch or export it again." });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refuse(`the header is not valid JSON (${cause instanceof Error ? cause.message : String(cause)})`);
  }
  if (!isRecord(json)) throw refuse("the header is not a JSON object");
  const entries = new Map<string, Entry>();
  for (const [name, raw] of Object.entries(json)) {
    if (name === "__metadata__") continue;
    if (!isRecord(raw)) throw refuse(`tensor "${name}" has no description`);
    const { dtype, shape, data_offsets: offsets } = raw;
    if (!isStoredType(dtype)) {
      throw new PolicyError({
        path,
        reason: `tensor "${name}" is of type ${JSON.stringify(dtype)}; F32, F16 and BF16 are supported.`,
        remedy: "Convert the file to one of these.",
      });
    }
    if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isSize)) {
      throw refuse(`tensor "${name}" has the shape ${JSON.stringify(shape)}`);
    }
    if (!Array.isArray(offsets) || offsets.length !== 2) throw refuse(`tensor "${name}" has no data_offsets`);
    const [begin, end]: ReadonlyArray<unknown> = offsets;
    if (!isSize(begin) || !isSize(end) || begin > end) {
      throw refuse(`tensor "${name}" has the offsets ${JSON.stringify(offsets)}`);
    }
    if (end > dataBytes) {
      throw refuse(
        `tensor "${name}" ends at byte ${end} of the data, but the file has ${dataBytes}: it is truncated`,
      );
    }
    const bytes = shape.reduce((a, b) => a * b, BYTES[dtype]);
    if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
      throw refuse(
        `tensor "${name}" of shape [${shape.join(", ")}] and type ${dtype} needs ${bytes} bytes, but has ${end - begin}`,
      );
    }
    entries.set(name, { dtype, shape, begin, end });
  }
  const twice = duplicateName(text);
  if (twice !== undefined) throw refuse(`the header names tensor "${twice}" twice`);
  let expected = 0;
  for (const [name, entry] of [...entries].sort((a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end)) {
    if (entry.begin !== expected) {
      throw refuse(
        `tensor "${name}" begins at byte ${entry.begin}, expected ${expected} (a gap or an overlap)`,
      );
    }
    expected = entry.end;
  }
  if (expected !== dataBytes) {
    throw refuse(`the tensors take ${expected} bytes, but the file has ${dataBytes}`);
  }
  return entries;
};

/** Stored bytes as they are, into `into` where given. */
const readStored = (fd: number, dataStart: number, { begin, end }: Entry, into?: Uint8Array): Uint8Array => {
  const out = into ?? new Uint8Array(end - begin);
  readFully(fd, out, dataStart + begin);
  return out;
};

/** Values widened to float32, into `into` where given. */
const readTensor = (fd: number, dataStart: number, entry: Entry, into?: Float32Array): Float32Array => {
  const count = countOf(entry);
  const out = into ?? new Float32Array(count);
  const start = dataStart + entry.begin;
  if (entry.dtype === "F32") {
    readFully(fd, new Uint8Array(out.buffer, out.byteOffset, out.byteLength), start);
    return out;
  }
  const chunk = new Uint16Array(Math.min(CHUNK, count));
  const half = entry.dtype === "F16" ? halfTable() : undefined;
  const outBits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let done = 0; done < count; done += chunk.length) {
    const n = Math.min(chunk.length, count - done);
    readFully(fd, new Uint8Array(chunk.buffer, 0, n * 2), start + done * 2);
    for (let i = 0; i < n; i++) {
      const h = chunk[i] ?? 0;
      if (half !== undefined) out[done + i] = half[h] ?? 0;
      else outBits[done + i] = h << 16;
    }
  }
  return out;
};

/** As `open`, for code that is synchronous anyway; throws a PolicyError. */
export const openSync = (path: string): TensorSource => {
  const withFile = <A>(body: (fd: number) => A): A => {
    try {
      const fd = fs.openSync(path, "r");
      try {
        return body(fd);
      } finally {
        fs.closeSync(fd);
      }
    } catch (cause) {
      throw toPolicyError(path, cause);
    }
  };
  const { entries, dataStart } = withFile((fd) => {
    const size = fs.fstatSync(fd).size;
    const refuse = (reason: string) =>
      new PolicyError({ path, reason, remedy: "Is it a safetensors file? Fetch or export it again." });
    if (size < 10) throw refuse(`the file has ${size} bytes, expected a header.`);
    const prefix = new Uint8Array(8);
    readFully(fd, prefix, 0);
    const length = new DataView(prefix.buffer).getBigUint64(0, true);
    if (length > BigInt(MAX_HEADER) || length < 2n || length > BigInt(size - 8)) {
      throw refuse(
        `the header claims ${length} bytes, but the file has ${size}, and a header at most ${MAX_HEADER}.`,
      );
    }
    const header = new Uint8Array(Number(length));
    readFully(fd, header, 8);
    const start = 8 + header.length;
    return {
      entries: parseHeader(path, Buffer.from(header.buffer).toString("utf8"), size - start),
      dataStart: start,
    };
  });
  const entryOf = (name: string): Entry => {
    const entry = entries.get(name);
    if (entry === undefined) throw new PolicyError({ path, reason: `there is no tensor "${name}".` });
    return entry;
  };
  /** Opens the file for one tensor, and checks that what is to take it has its size. */
  const readOne = <A extends Float32Array | Uint8Array>(
    name: string,
    into: A | undefined,
    size: (entry: Entry) => number,
    body: (fd: number, entry: Entry) => A,
  ): A => {
    const entry = entryOf(name);
    if (into !== undefined && into.length !== size(entry)) {
      throw new RangeError(`tensor "${name}" takes ${size(entry)} elements, given ${into.length}`);
    }
    return withFile((fd) => body(fd, entry));
  };
  return {
    path,
    tensors: entries,
    read: (name, into) => readOne(name, into, countOf, (fd, entry) => readTensor(fd, dataStart, entry, into)),
    readStored: (name, into) =>
      readOne(name, into, bytesOf, (fd, entry) => readStored(fd, dataStart, entry, into)),
    locate: (name) => ({ file: path, offset: dataStart + entryOf(name).begin }),
  };
};

/** Opens a file: reads and checks its header. Fails where it is absent, damaged, or of an unsupported type. */
export const open = (path: string): Effect.Effect<TensorSource, PolicyError> =>
  attempt(path, () => openSync(path));

export interface WriteOptions {
  /** Stored type of every tensor; F32 by default. F16 and BF16 round to nearest. */
  readonly dtype?: StoredType;
  /** Goes into the header beside `format: "pt"`, which transformers asks for. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One tensor's values as they are stored; throws a PolicyError where they are not what was promised. */
export const stored = (path: string, { name, shape, data }: TensorToWrite, dtype: StoredType): Uint8Array => {
  const values = data();
  const count = shape.reduce((a, b) => a * b, 1);
  if (values.length !== count) {
    throw new PolicyError({
      path,
      reason: `tensor "${name}" has ${values.length} values, expected ${count} for [${shape.join(", ")}].`,
    });
  }
  try {
    return encode(values, dtype);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PolicyError({
      path,
      reason: `tensor "${name}" ${cause.message}.`,
      remedy: "Store it as BF16 or F32.",
    });
  }
};

/** Writes a file under a temporary name, synced, then renamed; one tensor is in memory, and a slice, at a time. */
export function* writing(
  path: string,
  tensors: ReadonlyArray<TensorToWrite>,
  options: WriteOptions = {},
): Slices {
  const dtype = options.dtype ?? "F32";
  const header: Record<string, unknown> = { __metadata__: { format: "pt", ...options.metadata } };
  let offset = 0;
  for (const { name, shape } of tensors) {
    if (Object.hasOwn(header, name))
      throw new PolicyError({ path, reason: `tensor "${name}" is given twice.` });
    const end = offset + shape.reduce((a, b) => a * b, BYTES[dtype]);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = JSON.stringify(header);
  const bytes = Buffer.from(text);
  // Padded with spaces so that the data begins at a multiple of 64: an aligned tensor is mapped without a copy.
  const padded = Buffer.concat([bytes, Buffer.alloc((64 - ((bytes.length + 8) % 64)) % 64, " ")]);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  yield* writingFile(path, function* (fd) {
    writeFully(fd, prefix);
    writeFully(fd, padded);
    for (const tensor of tensors) {
      writeFully(fd, stored(path, tensor, dtype));
      yield;
    }
  });
}

/** As `writing`, for code that is synchronous anyway; throws a PolicyError. */
export const writeSync = (
  path: string,
  tensors: ReadonlyArray<TensorToWrite>,
  options: WriteOptions = {},
): void => drain(writing(path, tensors, options));

/** As `writing`, as an effect. */
export const write = (
  path: string,
  tensors: ReadonlyArray<TensorToWrite>,
  options: WriteOptions = {},
): Effect.Effect<void, PolicyError> => inSlices(path, () => writing(path, tensors, options));
