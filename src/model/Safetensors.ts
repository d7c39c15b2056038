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
import { attempt, isRecord, readFully, toPolicyError, writeAtomically, writeFully } from "./Files.ts";
import { floatToBfloat, floatToHalf, halfTable } from "./HalfFloat.ts";
import type { StoredType, TensorSource, TensorToWrite } from "./Policy.ts";
import { PolicyError } from "./PolicyError.ts";

/** The format's own limit on the header, in bytes. */
const MAX_HEADER = 100_000_000;
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

const isStoredType = (u: unknown): u is StoredType => u === "F32" || u === "F16" || u === "BF16";

const isSize = (u: unknown): u is number => typeof u === "number" && Number.isSafeInteger(u) && u >= 0;

/** JSON.parse keeps the last of two equal keys in silence; a header with two is corrupt or hostile. */
const duplicateName = (text: string): string | undefined => {
  const seen = new Set<string>();
  let duplicate: string | undefined;
  visit(text, {
    onObjectProperty: (name, _offset, _length, _line, _column, pathSupplier) => {
      if (pathSupplier().length > 0) return;
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
  const twice = duplicateName(text);
  if (twice !== undefined) throw refuse(`the header names tensor "${twice}" twice`);
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

const readTensor = (fd: number, dataStart: number, entry: Entry): Float32Array => {
  const count = (entry.end - entry.begin) / BYTES[entry.dtype];
  const out = new Float32Array(count);
  const start = dataStart + entry.begin;
  if (entry.dtype === "F32") {
    readFully(fd, new Uint8Array(out.buffer), start);
    return out;
  }
  const chunk = new Uint16Array(Math.min(CHUNK, count));
  const half = entry.dtype === "F16" ? halfTable() : undefined;
  const outBits = new Uint32Array(out.buffer);
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
      throw refuse(`the header claims ${length} bytes, but the file has ${size}.`);
    }
    const header = new Uint8Array(Number(length));
    readFully(fd, header, 8);
    const start = 8 + header.length;
    return {
      entries: parseHeader(path, Buffer.from(header.buffer).toString("utf8"), size - start),
      dataStart: start,
    };
  });
  return {
    path,
    tensors: entries,
    read: (name) => {
      const entry = entries.get(name);
      if (entry === undefined) throw new PolicyError({ path, reason: `there is no tensor "${name}".` });
      return withFile((fd) => readTensor(fd, dataStart, entry));
    },
  };
};

/** Opens a file: reads and checks its header. Fails where it is absent, damaged, or of an unsupported type. */
export const open = (path: string): Effect.Effect<TensorSource, PolicyError> =>
  attempt(path, () => openSync(path));

const encode = (data: Float32Array, dtype: StoredType): Uint8Array => {
  if (dtype === "F32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const out = new Uint16Array(data.length);
  const convert = dtype === "F16" ? floatToHalf : floatToBfloat;
  for (let i = 0; i < data.length; i++) out[i] = convert(data[i] ?? 0);
  return new Uint8Array(out.buffer);
};

export interface WriteOptions {
  /** Stored type of every tensor; F32 by default. F16 and BF16 round to nearest. */
  readonly dtype?: StoredType;
  /** Goes into the header beside `format: "pt"`, which transformers asks for. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** As `write`, for code that is synchronous anyway; throws a PolicyError. */
export const writeSync = (
  path: string,
  tensors: ReadonlyArray<TensorToWrite>,
  options: WriteOptions = {},
): void => {
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
  // Padded with spaces so that the data begins at a multiple of 8.
  const padded = Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8, " ")]);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  writeAtomically(path, (fd) => {
    writeFully(fd, prefix);
    writeFully(fd, padded);
    for (const { name, shape, data } of tensors) {
      const values = data();
      const count = shape.reduce((a, b) => a * b, 1);
      if (values.length !== count) {
        throw new PolicyError({
          path,
          reason: `tensor "${name}" has ${values.length} values, expected ${count} for [${shape.join(", ")}].`,
        });
      }
      writeFully(fd, encode(values, dtype));
    }
  });
};

/** Writes a file under a temporary name, synced, then renamed; one tensor is in memory at a time. */
export const write = (
  path: string,
  tensors: ReadonlyArray<TensorToWrite>,
  options: WriteOptions = {},
): Effect.Effect<void, PolicyError> => attempt(path, () => writeSync(path, tensors, options));
