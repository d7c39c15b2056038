/**
 * Writes GGUF files, version 3, little-endian: metadata, the tensors' names and places, then their values, each at
 * a multiple of 32 bytes. The metadata is encoded by @huggingface/gguf, which parses it in Gguf.ts.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import * as Effect from "effect/Effect";
import * as path from "node:path";
import * as AtomicDirectory from "../files/AtomicDirectory.ts";
import { attempt, inSlices, toPolicyError, writeFully, writing } from "../files/Files.ts";
import type { StoredType, TensorToWrite } from "../directory/Policy.ts";
import type { PolicyError } from "../PolicyError.ts";
import * as Safetensors from "../files/Safetensors.ts";

/** A metadata value with its type; a string's and a list's is the obvious one. */
export type Meta =
  | string
  | boolean
  | ReadonlyArray<string>
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly i32s: ReadonlyArray<number> }
  | { readonly f32s: ReadonlyArray<number> };

export interface GgufTensor extends TensorToWrite {
  readonly dtype: StoredType;
}

/** Data begins at a multiple of this: the format's default. */
const ALIGNMENT = 32;
/** ggml_type of a stored type, and bytes of a value. */
const TYPES: Readonly<Record<StoredType, readonly [id: number, bytes: number]>> = {
  F32: [0, 4],
  F16: [1, 2],
  BF16: [30, 2],
};

const padding = (bytes: number): number => (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;

const encodeMetadata = async (
  metadata: Readonly<Record<string, Meta>>,
  tensors: number,
): Promise<Uint8Array> => {
  // Loaded here because only an export needs it.
  const { GGUFValueType: T, serializeGgufMetadata } = await import("@huggingface/gguf");
  const typed = (meta: Meta) => {
    if (typeof meta === "string") return { value: meta, type: T.STRING };
    if (typeof meta === "boolean") return { value: meta, type: T.BOOL };
    if ("u32" in meta) return { value: meta.u32, type: T.UINT32 };
    if ("f32" in meta) return { value: meta.f32, type: T.FLOAT32 };
    if ("f32s" in meta) return { value: [...meta.f32s], type: T.ARRAY, subType: T.FLOAT32 };
    if ("i32s" in meta) return { value: [...meta.i32s], type: T.ARRAY, subType: T.INT32 };
    return { value: [...meta], type: T.ARRAY, subType: T.STRING };
  };
  const entries = Object.entries(metadata).map(([key, meta]) => [key, typed(meta)] as const);
  // The tensors' names and places come before the padding, so the metadata has none of its own.
  return serializeGgufMetadata(
    {
      ...Object.fromEntries(entries),
      version: { value: 3, type: T.UINT32 },
      tensor_count: { value: BigInt(tensors), type: T.UINT64 },
      kv_count: { value: BigInt(entries.length), type: T.UINT64 },
    },
    { alignment: 1 },
  );
};

/** A tensor's entry in the header; dimensions are fastest first. */
const encodeInfo = ({ name, shape, dtype }: GgufTensor, offset: number): Buffer => {
  const text = Buffer.from(name);
  const info = Buffer.alloc(8 + text.length + 4 + 8 * shape.length + 4 + 8);
  let at = info.writeBigUInt64LE(BigInt(text.length));
  at += text.copy(info, at);
  at = info.writeUInt32LE(shape.length, at);
  for (const size of [...shape].reverse()) at = info.writeBigUInt64LE(BigInt(size), at);
  at = info.writeUInt32LE(TYPES[dtype][0], at);
  info.writeBigUInt64LE(BigInt(offset), at);
  return info;
};

/** Writes a file under a temporary name, synced, then renamed; one tensor is in memory at a time. Returns its size in bytes. */
export const write = (
  file: string,
  metadata: Readonly<Record<string, Meta>>,
  tensors: ReadonlyArray<GgufTensor>,
): Effect.Effect<number, PolicyError> =>
  Effect.gen(function* () {
    const head = yield* Effect.tryPromise({
      try: () => encodeMetadata(metadata, tensors.length),
      catch: (cause) => toPolicyError(file, cause),
    });
    const infos: Array<Buffer> = [];
    let offset = 0;
    for (const tensor of tensors) {
      infos.push(encodeInfo(tensor, offset));
      const bytes = tensor.shape.reduce((a, b) => a * b, TYPES[tensor.dtype][1]);
      offset += bytes + padding(bytes);
    }
    const header = Buffer.concat([head, ...infos]);
    const target = path.resolve(file);
    yield* attempt(file, () => AtomicDirectory.clearLeftovers(target));
    yield* inSlices(file, () =>
      writing(target, function* (fd) {
        writeFully(fd, header);
        writeFully(fd, new Uint8Array(padding(header.length)));
        for (const tensor of tensors) {
          const bytes = Safetensors.stored(file, tensor, tensor.dtype);
          writeFully(fd, bytes);
          writeFully(fd, new Uint8Array(padding(bytes.length)));
          yield;
        }
      }),
    );
    return header.length + padding(header.length) + offset;
  });
