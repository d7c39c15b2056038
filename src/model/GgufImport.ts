/**
 * Makes a policy directory of a GGUF file: weights dequantised, names and layout as Hugging Face has them.
 *
 * llama.cpp stores the rows of q and k interleaved for its rotary embedding (pairs of neighbours);
 * Hugging Face rotates the two halves of a head. The rows are put back here.
 */
import * as Effect from "effect/Effect";
import * as path from "node:path";
import * as Gguf from "./Gguf.ts";
import * as GgufTokenizer from "./GgufTokenizer.ts";
import * as ModelConfig from "./ModelConfig.ts";
import * as Policy from "./Policy.ts";
import { PolicyError } from "./PolicyError.ts";

export interface Options {
  /** Called after each tensor, from 1 to `total`. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stored type; F32 keeps every bit, the others halve the file. */
  readonly dtype?: Policy.StoredType;
  /** Replace a policy that is already there. */
  readonly replace?: boolean;
  /** Name on the card; the directory's by default. */
  readonly name?: string;
}

export interface Summary {
  readonly directory: string;
  readonly name: string;
  readonly parameters: number;
  readonly tensors: number;
  /** Stored types in the GGUF with the number of tensors of each. */
  readonly types: Readonly<Record<string, number>>;
  readonly vocabulary: number;
  readonly chatTemplate: boolean;
}

const parts: ReadonlyMap<string, string> = new Map([
  ["input_layernorm", "attn_norm"],
  ["self_attn.q_proj", "attn_q"],
  ["self_attn.k_proj", "attn_k"],
  ["self_attn.v_proj", "attn_v"],
  ["self_attn.o_proj", "attn_output"],
  ["post_attention_layernorm", "ffn_norm"],
  ["mlp.gate_proj", "ffn_gate"],
  ["mlp.up_proj", "ffn_up"],
  ["mlp.down_proj", "ffn_down"],
]);

/** The GGUF's name of a Hugging Face weight. */
export const ggufName = (name: string): string => {
  if (name === "model.embed_tokens.weight") return "token_embd.weight";
  if (name === "model.norm.weight") return "output_norm.weight";
  if (name === "lm_head.weight") return "output.weight";
  const match = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name);
  return `blk.${match?.[1]}.${parts.get(match?.[2] ?? "")}.weight`;
};

/**
 * Undoes llama.cpp's order of the rows of q and k: in each head, row 2i + c goes to row c * (head_dim / 2) + i.
 * `data` is [heads * headDim, columns].
 */
export const unpermute = (data: Float32Array, heads: number, headDim: number): Float32Array => {
  const out = new Float32Array(data.length);
  const columns = data.length / (heads * headDim);
  const half = headDim / 2;
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < half; i++) {
      for (let c = 0; c < 2; c++) {
        const from = (h * headDim + 2 * i + c) * columns;
        out.set(data.subarray(from, from + columns), (h * headDim + c * half + i) * columns);
      }
    }
  }
  return out;
};

/** The shortest decimal that is the same float32: GGUF's 9.99999974e-6 was written as 1e-5. */
const shortest = (x: number): number => {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(x.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(x)) return candidate;
  }
  return x;
};

const configOf = (file: Gguf.GgufFile, tokenizer: { readonly special: GgufTokenizer.SpecialIds }) =>
  Effect.gen(function* () {
    const m = file.metadata;
    const refuse = (reason: string) =>
      new PolicyError({
        path: file.path,
        reason,
        remedy: "Use a GGUF of a Llama-family model, such as SmolLM2.",
      });
    if (m["general.architecture"] !== "llama") {
      return yield* refuse(
        `the architecture is ${JSON.stringify(m["general.architecture"])}, expected "llama".`,
      );
    }
    const scaling = m["llama.rope.scaling.type"];
    if ((scaling !== undefined && scaling !== "none") || file.tensors.has("rope_freqs.weight")) {
      return yield* refuse("it has scaled rotary embeddings, which are not supported.");
    }
    if (typeof m["llama.expert_count"] === "number" && m["llama.expert_count"] > 0) {
      return yield* refuse("it is a mixture of experts, which is not supported.");
    }
    const theta = m["llama.rope.freq_base"];
    const epsilon = m["llama.attention.layer_norm_rms_epsilon"];
    return yield* ModelConfig.decode(
      {
        architectures: ["LlamaForCausalLM"],
        // The embedding's rows are the truth; Policy.write compares them with the tokenizer.
        vocab_size: file.tensors.get("token_embd.weight")?.shape[0],
        hidden_size: m["llama.embedding_length"],
        intermediate_size: m["llama.feed_forward_length"],
        num_hidden_layers: m["llama.block_count"],
        num_attention_heads: m["llama.attention.head_count"],
        num_key_value_heads: m["llama.attention.head_count_kv"],
        head_dim: m["llama.attention.key_length"],
        max_position_embeddings: m["llama.context_length"],
        rope_theta: typeof theta === "number" ? shortest(theta) : undefined,
        rms_norm_eps: typeof epsilon === "number" ? shortest(epsilon) : undefined,
        tie_word_embeddings: !file.tensors.has("output.weight"),
        bos_token_id: tokenizer.special.bos,
        eos_token_id: tokenizer.special.eos,
        pad_token_id: tokenizer.special.pad,
      },
      file.path,
    );
  });

/** Imports `file` into the policy directory `directory`. The weights pass through memory one at a time. */
export const run = Effect.fn("GgufImport.run")(function* (
  file: string,
  directory: string,
  options: Options = {},
): Effect.fn.Return<Summary, PolicyError> {
  const gguf = yield* Gguf.open(file);
  const tokenizer = yield* GgufTokenizer.convert(gguf.metadata, file);
  const config = yield* configOf(gguf, tokenizer);
  const shapes = ModelConfig.tensorShapes(config);
  const rotaryDimensions = gguf.metadata["llama.rope.dimension_count"] ?? config.head_dim;
  if (rotaryDimensions !== config.head_dim) {
    return yield* new PolicyError({
      path: file,
      reason: `rotary embeddings cover ${JSON.stringify(rotaryDimensions)} of ${config.head_dim} dimensions, which is not supported.`,
      remedy: "Use a GGUF of a Llama-family model, such as SmolLM2.",
    });
  }
  const known = new Set<string>();
  for (const { name, shape } of shapes) {
    const tensor = gguf.tensors.get(ggufName(name));
    known.add(ggufName(name));
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      return yield* new PolicyError({
        path: file,
        reason: `tensor "${ggufName(name)}" is ${tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`}, expected [${shape.join(", ")}].`,
        remedy: "The file is damaged or not a plain Llama model: download it again or choose another.",
      });
    }
  }
  const unknown = [...gguf.tensors.keys()].find((name) => !known.has(name));
  if (unknown !== undefined) {
    return yield* new PolicyError({
      path: file,
      reason: `tensor "${unknown}" has no place in a plain Llama model.`,
      remedy: "Use a GGUF of a Llama-family model without biases or adapters.",
    });
  }
  const types: Record<string, number> = {};
  for (const { type } of gguf.tensors.values()) types[type] = (types[type] ?? 0) + 1;

  const name = options.name ?? path.basename(path.resolve(directory));
  const modelName = gguf.metadata["general.name"];
  const licence = gguf.metadata["general.license"];
  let done = 0;
  yield* Policy.write(
    directory,
    {
      config,
      tokenizer,
      card: {
        ...Policy.defaultCard(name),
        description: typeof modelName === "string" ? modelName : "",
        licence: typeof licence === "string" && licence !== "" ? licence : "unknown",
        provenance: `Imported from ${path.basename(file)} (${gguf.size} bytes; ${Object.entries(types)
          .map(([type, count]) => `${count} ${type}`)
          .join(", ")}).`,
        prompt: "mbpp-3-shot",
        stop: ["[DONE]"],
        generation: { temperature: 1, maxNewTokens: 160 },
      },
      weights: shapes.map((t) => ({
        ...t,
        data: () => {
          const data = gguf.read(ggufName(t.name));
          const heads = t.name.endsWith("q_proj.weight")
            ? config.num_attention_heads
            : t.name.endsWith("k_proj.weight")
              ? config.num_key_value_heads
              : 0;
          const result = heads > 0 ? unpermute(data, heads, config.head_dim) : data;
          done += 1;
          options.onProgress?.(done, shapes.length);
          return result;
        },
      })),
    },
    { dtype: options.dtype ?? "F32", replace: options.replace ?? false },
  );
  return {
    directory,
    name,
    parameters: ModelConfig.parameterCount(config),
    tensors: shapes.length,
    types,
    vocabulary: config.vocab_size,
    chatTemplate: "chat_template" in tokenizer.config,
  };
});
