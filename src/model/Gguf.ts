/**
 * GGUF files: metadata and tensors, dequantised one at a time.
 *
 * The header is parsed by @huggingface/gguf. This module checks it against the file (sizes, offsets,
 * types, names) before memory is taken for a tensor, and holds the block formats.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, blocks: ggml-quants.c.
 */
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import { readFully, toPolicyError } from "./Files.ts";
import { dequantise, formats } from "./GgufBlocks.ts";
import { PolicyError } from "./PolicyError.ts";

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

/** Opens a local file and checks its header. Nothing is fetched. */
export const open = (path: string): Effect.Effect<GgufFile, PolicyError> =>
  Effect.gen(function* () {
    const refuse = (reason: string, remedy = "Download the file again.") =>
      new PolicyError({ path, reason, remedy });
    const size = yield* Effect.try({
      try: () => fs.statSync(path).size,
      catch: (cause) => toPolicyError(path, cause),
    });
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
    const metadata: Readonly<Record<string, unknown>> = { ...header.metadata };
    const tensors = new Map<string, GgufTensor>();
    let expected = dataStart;
    for (const info of header.tensorInfos) {
      const type = typeName(info.dtype);
      const format = formats.get(type);
      if (format === undefined) {
        return yield* refuse(
          `tensor "${info.name}" is of type ${type}; ${[...formats.keys()].join(", ")} are supported.`,
          "Use the model in one of these types: most are published as Q8_0 or F16 too.",
        );
      }
      if (tensors.has(info.name)) return yield* refuse(`tensor "${info.name}" occurs twice.`);
      const shape = info.shape.map(Number).reverse();
      const count = shape.reduce((a, b) => a * b, 1);
      const offset = dataStart + Number(info.offset);
      const bytes = (count / format.values) * format.bytes;
      const columns = shape.at(-1) ?? 0;
      if (!Number.isSafeInteger(count) || count <= 0 || columns % format.values !== 0) {
        return yield* refuse(
          `tensor "${info.name}" has the shape [${shape.join(", ")}], which type ${type} cannot have.`,
        );
      }
      if (!Number.isSafeInteger(offset + bytes) || (info.offset & 7n) !== 0n) {
        return yield* refuse(`tensor "${info.name}" has the offset ${info.offset}.`);
      }
      expected = Math.max(expected, offset + bytes);
      tensors.set(info.name, { name: info.name, type, shape, offset, bytes });
    }
    if (expected > size) {
      return yield* refuse(`the file is truncated: expected at least ${expected} bytes, found ${size}.`);
    }
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
