/**
 * A policy as one GGUF file, as llama.cpp's convert_hf_to_gguf.py lays it out: matrices in the chosen type, gains
 * and biases in float32, the rows of q and k interleaved where the architecture's row says so, Llama 3's rotary
 * scaling as a tensor of factors, linear scaling as metadata.
 */
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as Architecture from "../Architecture.ts";
import * as GgufImport from "./GgufImport.ts";
import * as GgufVocabulary from "./GgufVocabulary.ts";
import * as GgufWrite from "./GgufWrite.ts";
import * as ModelConfig from "../ModelConfig.ts";
import type { PolicyFiles, StoredType } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as Rotary from "../Rotary.ts";

export interface Options {
  /** Type of the matrices; F16 by default. */
  readonly dtype?: StoredType;
  /** llama.cpp's name of the pre-tokenizer, where it is not found out from tokenizer.json. */
  readonly pre?: string;
  /** Replace the file that is there. */
  readonly replace?: boolean;
  /** Called after each tensor, from 1 to `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Summary {
  readonly path: string;
  readonly bytes: number;
  readonly tensors: number;
  readonly dtype: StoredType;
  /** The pre-tokenizer that the file names, and how it was chosen. */
  readonly preTokenizer: GgufVocabulary.PreTokenizer;
}

/** general.file_type: llama_ftype's number for "all" or "mostly" of a type. */
const FILE_TYPES: Readonly<Record<StoredType, number>> = { F32: 0, F16: 1, BF16: 32 };

/**
 * llama.cpp's order of the rows of q and k: in each head, row c * (head_dim / 2) + i goes to row 2i + c; the inverse
 * of GgufImport.unpermute. `data` is [heads * headDim, columns].
 */
export const permute = (data: Float32Array, heads: number, headDim: number): Float32Array => {
  const out = new Float32Array(data.length);
  const columns = data.length / (heads * headDim);
  const half = headDim / 2;
  for (let row = 0; row < heads * headDim; row++) {
    const inHead = row % headDim;
    const to = row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
    out.set(data.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return out;
};

const metadata = (policy: PolicyFiles, dtype: StoredType): Readonly<Record<string, GgufWrite.Meta>> => {
  const { config: c, card } = policy;
  const name = Architecture.of(c).gguf;
  const shape: Readonly<Record<string, GgufWrite.Meta>> = {
    vocab_size: { u32: c.vocab_size },
    context_length: { u32: c.max_position_embeddings },
    embedding_length: { u32: c.hidden_size },
    block_count: { u32: c.num_hidden_layers },
    feed_forward_length: { u32: c.intermediate_size },
    "rope.dimension_count": { u32: c.head_dim },
    "rope.freq_base": { f32: c.rope_theta },
    "attention.head_count": { u32: c.num_attention_heads },
    "attention.head_count_kv": { u32: c.num_key_value_heads },
    "attention.key_length": { u32: c.head_dim },
    "attention.value_length": { u32: c.head_dim },
    "attention.layer_norm_rms_epsilon": { f32: c.rms_norm_eps },
    ...(c.rope_scaling?.rope_type === "linear"
      ? { "rope.scaling.type": "linear", "rope.scaling.factor": { f32: c.rope_scaling.factor } }
      : {}),
  };
  return {
    "general.architecture": name,
    "general.type": "model",
    "general.name": card.name,
    ...(card.description === "" ? {} : { "general.description": card.description }),
    ...(card.licence === "unknown" ? {} : { "general.license": card.licence }),
    "general.file_type": { u32: FILE_TYPES[dtype] },
    "general.quantization_version": { u32: 2 },
    ...Object.fromEntries(Object.entries(shape).map(([key, value]) => [`${name}.${key}`, value])),
  };
};

const tensors = (policy: PolicyFiles, dtype: StoredType): ReadonlyArray<GgufWrite.GgufTensor> => {
  const { config: c, weights } = policy;
  if (weights === null) {
    throw new PolicyError({
      path: policy.directory,
      reason: "there are no weights in this directory.",
      remedy: "Train the policy first, or give one that has weights.",
    });
  }
  const permutes = Architecture.of(c).ggufPermutes;
  const list = ModelConfig.tensorShapes(c).map(({ name, shape }): GgufWrite.GgufTensor => {
    const projection = permutes ? /\.([qk])_proj\./.exec(name)?.[1] : undefined;
    const heads = projection === "q" ? c.num_attention_heads : c.num_key_value_heads;
    return {
      name: GgufImport.ggufName(name),
      shape,
      dtype: shape.length === 1 ? "F32" : dtype,
      data: () =>
        projection === undefined ? weights.read(name) : permute(weights.read(name), heads, c.head_dim),
    };
  });
  if (c.rope_scaling?.rope_type !== "llama3") return list;
  // llama.cpp divides each plain frequency by its factor.
  const scaled = Rotary.frequencies(c);
  const factors = Rotary.frequencies({ ...c, rope_scaling: null }).map((plain, i) => plain / scaled[i]);
  return [{ name: "rope_freqs.weight", shape: [factors.length], dtype: "F32", data: () => factors }, ...list];
};

/** Writes a policy that was read to `file`. Value heads have no place in GGUF and are left out. */
export const run = Effect.fn("GgufExport.run")(function* (
  policy: PolicyFiles,
  file: string,
  options: Options = {},
): Effect.fn.Return<Summary, PolicyError> {
  const dtype = options.dtype ?? "F16";
  if (fs.existsSync(file) && (options.replace !== true || !fs.statSync(file).isFile())) {
    const isFile = fs.statSync(file).isFile();
    return yield* new PolicyError({
      path: file,
      reason: isFile ? "there is a file here already." : "this is a directory, expected the name of a file.",
      remedy: isFile ? "Choose another name, or replace it with --force." : "Choose another name.",
    });
  }
  const vocabulary = yield* GgufVocabulary.make(policy, options.pre);
  const list = yield* Effect.try({
    try: () => tensors(policy, dtype),
    catch: (cause) => cause as PolicyError,
  });
  let done = 0;
  const bytes = yield* GgufWrite.write(
    file,
    { ...metadata(policy, dtype), ...vocabulary.metadata },
    list.map((tensor) => ({
      ...tensor,
      data: () => {
        done += 1;
        options.onProgress?.(done, list.length);
        return tensor.data();
      },
    })),
  );
  return { path: file, bytes, tensors: list.length, dtype, preTokenizer: vocabulary.preTokenizer };
});
