/**
 * GGUF files: metadata and tensors, dequantised one at a time.
 *
 * The header is parsed by @huggingface/gguf. This module checks it against the file (sizes, offsets,
 * types, names) before memory is taken for a tensor, and holds the block formats.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, blocks: ggml-quants.c.
 */
import type { GGUFTensorInfo } from "@huggingface/gguf";
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import { attempt, readFully, toPolicyError } from "../files/Files.ts";
import { dequantise, formats } from "./GgufBlocks.ts";
import { PolicyError } from "../PolicyError.ts";

export interface GgufTensor {
  readonly name: string;
  /** Name of the stored type, e.g. "Q4_1". */
  readonly type: string;
  /** Row-major, slowest dimension first (GGUF's own order reversed): a matrix is [out, in]. */
  readonly shape: ReadonlyArray<number>;
  /** Position in the file, and length. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufFile {
  readonly path: string;
  readonly size: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Reads and dequantises one tensor. Synchronous; throws a PolicyError. */
  readonly read: (name: string) => Float32Array;
}

/** Far above any model's (Llama 3 405B: 1,138 tensors), so that a header of nonsense ends early. */
const MAX_TENSORS = 1 << 16;
const MAX_METADATA = 1 << 16;
/** The least that a tensor's entry in the header takes, and a metadata value's: an empty name, and a byte. */
const TENSOR_BYTES = 24;
const METADATA_BYTES = 13;

/** The counts at the start of the file, checked before the parser works through them. Version 1 is left to the parser. */
const checkCounts = (fd: number, size: number): string | undefined => {
  const start = Buffer.alloc(24);
  readFully(fd, start, 0);
  if (start.toString("latin1", 0, 4) !== "GGUF" || start.readUInt32LE(4) < 2) return undefined;
  const found = (what: string, at: number, bytes: number, most: number): string | undefined => {
    const count = start.readBigUInt64LE(at);
    const room = Math.min(most, Math.floor((size - 24) / bytes));
    return count > BigInt(room)
      ? `the header claims ${count} ${what}; a file of ${size} bytes has room for at most ${room}.`
      : undefined;
  };
  return (
    found("tensors", 8, TENSOR_BYTES, MAX_TENSORS) ??
    found("metadata values", 16, METADATA_BYTES, MAX_METADATA)
  );
};

/** Integers of 64 bits come as bigints; those that a model has are small. */
const plain = (value: unknown): unknown =>
  typeof value === "bigint" && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

/** Bytes read and dequantised at a time (rounded down to whole blocks). */
const CHUNK = 1 << 22;

const readTensor = (file: string, tensor: GgufTensor): Float32Array => {
  const format = formats.get(tensor.type);
  if (format === undefined)
    throw new PolicyError({ path: file, reason: `type ${tensor.type} is unsupported.` });
  const out = new Float32Array(tensor.shape.reduce((a, b) => a * b, 1));
  const step = Math.floor(CHUNK / format.bytes) * format.bytes;
  const buffer = new Uint8Array(Math.min(step, tensor.bytes));
  try {
    const fd = fs.openSync(file, "r");
    try {
      for (let done = 0; done < tensor.bytes; done += step) {
        const chunk = buffer.subarray(0, Math.min(step, tensor.bytes - done));
        readFully(fd, chunk, tensor.offset + done);
        dequantise(tensor.type, chunk, out.subarray((done / format.bytes) * format.values));
      }
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    throw toPolicyError(file, cause);
  }
  return out;
};

/** Where each tensor is; throws a PolicyError where one is of an unknown type, misshapen, in another, or beyond the file. */
const layout = (
  path: string,
  size: number,
  infos: ReadonlyArray<GGUFTensorInfo>,
  dataStart: number,
  typeName: (id: number) => string,
): ReadonlyMap<string, GgufTensor> => {
  const refuse = (reason: string, remedy = "Download the file again.") =>
    new PolicyError({ path, reason, remedy });
  const tensors = new Map<string, GgufTensor>();
  for (const info of infos) {
    const type = typeName(info.dtype);
    const format = formats.get(type);
    if (format === undefined) {
      throw refuse(
        `tensor "${info.name}" is of type ${type}; ${[...formats.keys()].join(", ")} are supported.`,
        "Use the model in one of these types: most are published as Q8_0 or F16 too.",
      );
    }
    if (tensors.has(info.name)) throw refuse(`tensor "${info.name}" occurs twice.`);
    const shape = info.shape.map(Number).reverse();
    const count = shape.reduce((a, b) => a * b, 1);
    const offset = dataStart + Number(info.offset);
    const bytes = (count / format.values) * format.bytes;
    const columns = shape.at(-1) ?? 0;
    if (!Number.isSafeInteger(count) || count <= 0 || columns % format.values !== 0) {
      throw refuse(
        `tensor "${info.name}" has the shape [${shape.join(", ")}], which type ${type} cannot have.`,
      );
    }
    if (!Number.isSafeInteger(offset + bytes) || (info.offset & 7n) !== 0n) {
      throw refuse(
        `tensor "${info.name}" has the offset ${info.offset}, expected a multiple of 8 inside the file of ${size} bytes.`,
      );
    }
    tensors.set(info.name, { name: info.name, type, shape, offset, bytes });
  }
  let end = dataStart;
  let before = "the header";
  for (const { name, offset, bytes } of [...tensors.values()].sort((a, b) => a.offset - b.offset)) {
    if (offset < end) {
      throw refuse(`tensor "${name}" begins at byte ${offset}, inside ${before}, which ends at ${end}.`);
    }
    end = offset + bytes;
    before = `"${name}"`;
  }
  if (end > size) throw refuse(`the file is truncated: expected at least ${end} bytes, found ${size}.`);
  return tensors;
};

/** Opens a local file and checks its header. Nothing is fetched. */
export const open = (path: string): Effect.Effect<GgufFile, PolicyError> =>
  Effect.gen(function* () {
    const refuse = (reason: string, remedy = "Download the file again.") =>
      new PolicyError({ path, reason, remedy });
    const { size, excess } = yield* attempt(path, () => {
      const fd = fs.openSync(path, "r");
      try {
        const bytes = fs.fstatSync(fd).size;
        return { size: bytes, excess: bytes < 24 ? undefined : checkCounts(fd, bytes) };
      } finally {
        fs.closeSync(fd);
      }
    });
    if (excess !== undefined) {
      return yield* refuse(excess, "The file is truncated or damaged: download it again.");
    }
    const { header, typeName } = yield* Effect.tryPromise({
      // Loaded here because only an import needs it.
      try: async () => {
        const { gguf, GGMLQuantizationType } = await import("@huggingface/gguf");
        // The parser takes http(s) addresses too; a path never is one.
        const local = path.startsWith("/") ? path : `./${path}`;
        return {
          header: await gguf(local, { allowLocalFile: true }),
          typeName: (id: number) => GGMLQuantizationType[id] ?? `number ${id}`,
        };
      },
      catch: (cause) =>
        refuse(
          `not a readable GGUF file of ${size} bytes (${cause instanceof Error ? cause.message : String(cause)}).`,
          "The file may be truncated or of another format: check its size and download it again.",
        ),
    });
    if (!header.littleEndian) {
      return yield* refuse("the file is big-endian.", "Use a little-endian GGUF.");
    }
    // The parser pads what it reads with zeros, so the end of the header is compared with the file's.
    const headerEnd = header.tensorInfoByteRange[1];
    const dataStart = Number(header.tensorDataOffset);
    if (headerEnd > size) {
      return yield* refuse(
        `the file is truncated: the header alone takes ${headerEnd} bytes, found ${size}.`,
      );
    }
    if (!Number.isSafeInteger(dataStart) || dataStart < headerEnd) {
      return yield* refuse(`the data claims to start at byte ${header.tensorDataOffset}, inside the header.`);
    }
    const metadata: Readonly<Record<string, unknown>> = Object.fromEntries(
      Object.entries(header.metadata).map(([key, value]) => [key, plain(value)]),
    );
    const tensors = yield* attempt(path, () => layout(path, size, header.tensorInfos, dataStart, typeName));
    return {
      path,
      size,
      metadata,
      tensors,
      read: (name: string) => {
        const tensor = tensors.get(name);
        if (tensor === undefined) throw new PolicyError({ path, reason: `there is no tensor "${name}".` });
        return readTensor(path, tensor);
      },
    };
  });
