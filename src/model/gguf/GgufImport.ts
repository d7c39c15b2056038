/**
 * Makes a policy directory of a GGUF file: weights dequantised, names and layout as Hugging Face has them.
 *
 * llama.cpp stores the rows of Llama's q and k interleaved for its rotary embedding (pairs of neighbours);
 * Hugging Face rotates the two halves of a head. The rows are put back here. Qwen2's are stored as they are.
 */
import * as Effect from "effect/Effect";
import * as path from "node:path";
import * as Architecture from "../Architecture.ts";
import * as Gguf from "./Gguf.ts";
import * as GgufTokenizer from "./GgufTokenizer.ts";
import * as ModelConfig from "../ModelConfig.ts";
import * as Policy from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as Room from "../files/Room.ts";
import * as Rotary from "../Rotary.ts";

export interface Options extends Policy.WriteOptions {
  /** Name on the card; the directory's by default. */
  readonly name?: string;
  /** Where the file is from; its name and size by default. */
  readonly provenance?: string;
}

/** The card of an imported model: a language model that knows nothing of Drydock's tasks is shown three of them. */
export const card = (name: string): Policy.PolicyCard => ({
  ...Policy.defaultCard(name),
  prompt: "mbpp-3-shot",
  stop: ["[DONE]"],
  generation: { temperature: 1, maxNewTokens: 160 },
});

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
  const match = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
  return `blk.${match?.[1]}.${parts.get(match?.[2] ?? "")}.${match?.[3]}`;
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

const REMEDY = "Use a GGUF of a Llama or Qwen2 model, such as SmolLM2.";

/**
 * The scaling of rotary frequencies. llama.cpp has no metadata for Llama 3's: it stores what each frequency is divided
 * by, from which the factor is read; the rest is what all Llama 3 models have, and is checked against the table.
 */
const ropeScaling = (file: Gguf.GgufFile, prefix: string, base: ModelConfig.ModelConfig) =>
  Effect.gen(function* () {
    const refuse = (reason: string) => new PolicyError({ path: file.path, reason, remedy: REMEDY });
    const type = file.metadata[`${prefix}.rope.scaling.type`] ?? "none";
    const factor = file.metadata[`${prefix}.rope.scaling.factor`];
    const factors = file.tensors.has(ROPE_FACTORS) ? file.read(ROPE_FACTORS) : undefined;
    if (type === "linear" && typeof factor === "number" && factor > 0 && factors === undefined) {
      return { rope_type: "linear", factor: shortest(factor) } as const;
    }
    if (type !== "none") {
      return yield* refuse(
        `rotary embeddings are scaled by ${JSON.stringify(type)} with factor ${JSON.stringify(factor) ?? "missing"}, expected "linear" with a factor, or "none".`,
      );
    }
    if (factors === undefined) return null;
    const scaling = {
      rope_type: "llama3",
      factor: shortest(Math.max(...factors)),
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    } as const;
    const plain = Rotary.frequencies(base);
    const scaled = Rotary.frequencies({ ...base, rope_scaling: scaling });
    const same = plain.every((x, i) => Math.abs(x / factors[i] - scaled[i]) <= 1e-5 * scaled[i]);
    if (factors.length !== plain.length || !same) {
      return yield* refuse(
        `"${ROPE_FACTORS}" has ${factors.length} factors up to ${scaling.factor} that are not Llama 3's scaling of ${plain.length} frequencies (low 1, high 4, from 8192 positions).`,
      );
    }
    return scaling;
  });

/** The name of llama.cpp's tensor of what each rotary frequency is divided by. */
const ROPE_FACTORS = "rope_freqs.weight";

const configOf = (file: Gguf.GgufFile, special: GgufTokenizer.SpecialIds) =>
  Effect.gen(function* () {
    const refuse = (reason: string) => new PolicyError({ path: file.path, reason, remedy: REMEDY });
    const files = file.metadata["split.count"];
    if (typeof files === "number" && files > 1) {
      return yield* new PolicyError({
        path: file.path,
        reason: `this is one of the ${files} files of a model that was split.`,
        remedy: "Join them first: llama-gguf-split --merge, from llama.cpp.",
      });
    }
    const name = file.metadata["general.architecture"];
    const row = Architecture.findGguf(name);
    if (row === undefined) {
      const known = Architecture.table.map(({ gguf }) => `"${gguf}"`).join(" or ");
      return yield* refuse(`the architecture is ${JSON.stringify(name) ?? "missing"}, expected ${known}.`);
    }
    const of = (key: string): unknown => file.metadata[`${row.gguf}.${key}`];
    const experts = of("expert_count");
    if (typeof experts === "number" && experts > 0) {
      return yield* refuse(`it is a mixture of ${experts} experts, which is not supported.`);
    }
    const theta = of("rope.freq_base");
    const epsilon = of("attention.layer_norm_rms_epsilon");
    const config = yield* ModelConfig.decode(
      {
        architectures: [row.className],
        // The embedding's rows are the truth; Policy.write compares them with the tokenizer.
        vocab_size: file.tensors.get("token_embd.weight")?.shape[0],
        hidden_size: of("embedding_length"),
        intermediate_size: of("feed_forward_length"),
        num_hidden_layers: of("block_count"),
        num_attention_heads: of("attention.head_count"),
        num_key_value_heads: of("attention.head_count_kv"),
        head_dim: of("attention.key_length"),
        max_position_embeddings: of("context_length"),
        rope_theta: typeof theta === "number" ? shortest(theta) : undefined,
        rms_norm_eps: typeof epsilon === "number" ? shortest(epsilon) : undefined,
        tie_word_embeddings: !file.tensors.has("output.weight"),
        attention_bias: row.gguf === "llama" && file.tensors.has("blk.0.attn_q.bias"),
        mlp_bias: row.gguf === "llama" && file.tensors.has("blk.0.ffn_up.bias"),
        bos_token_id: special.bos,
        eos_token_id: special.eos,
        pad_token_id: special.pad,
      },
      file.path,
    );
    const rotary = of("rope.dimension_count") ?? config.head_dim;
    if (rotary !== config.head_dim) {
      return yield* refuse(
        `rotary embeddings cover ${JSON.stringify(rotary)} of ${config.head_dim} dimensions, expected all.`,
      );
    }
    return { ...config, rope_scaling: yield* ropeScaling(file, row.gguf, config) };
  });

/** Fails where a tensor is missing, of another shape, or has no place in the model. */
const checkTensors = (file: Gguf.GgufFile, shapes: ReadonlyArray<ModelConfig.TensorShape>) =>
  Effect.gen(function* () {
    const known = new Set([ROPE_FACTORS]);
    for (const { name, shape } of shapes) {
      const tensor = file.tensors.get(ggufName(name));
      known.add(ggufName(name));
      if (tensor === undefined || tensor.shape.join() !== shape.join()) {
        return yield* new PolicyError({
          path: file.path,
          reason: `tensor "${ggufName(name)}" is ${tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`}, expected [${shape.join(", ")}].`,
          remedy: "The file is damaged or not a plain model: download it again or choose another.",
        });
      }
    }
    const unknown = [...file.tensors.keys()].find((name) => !known.has(name));
    if (unknown !== undefined) {
      return yield* new PolicyError({
        path: file.path,
        reason: `tensor "${unknown}" has no place in the model that the metadata describe.`,
        remedy: REMEDY,
      });
    }
  });

/** Imports `file` into the policy directory `directory`. The weights pass through memory one at a time. */
export const run = Effect.fn("GgufImport.run")(function* (
  file: string,
  directory: string,
  options: Options = {},
): Effect.fn.Return<Summary, PolicyError> {
  const gguf = yield* Gguf.open(file);
  const tokenizer = yield* GgufTokenizer.convert(gguf.metadata, file);
  const config = yield* configOf(gguf, tokenizer.special);
  const shapes = ModelConfig.tensorShapes(config);
  yield* checkTensors(gguf, shapes);
  yield* Room.checkWriting(directory, config, options.dtype ?? "F32");
  const permutes = Architecture.of(config).ggufPermutes;
  const types: Record<string, number> = {};
  for (const { type } of gguf.tensors.values()) types[type] = (types[type] ?? 0) + 1;

  const name = options.name ?? path.basename(path.resolve(directory));
  const modelName = gguf.metadata["general.name"];
  const licence = gguf.metadata["general.license"];
  yield* Policy.write(
    directory,
    {
      config,
      tokenizer,
      card: {
        ...card(name),
        description: typeof modelName === "string" ? modelName : "",
        ...(typeof licence === "string" && licence !== "" ? { licence } : {}),
        provenance:
          options.provenance ??
          `Imported from ${path.basename(file)} (${gguf.size} bytes; ${Object.entries(types)
            .map(([type, count]) => `${count} ${type}`)
            .join(", ")}).`,
      },
      endTokens: tokenizer.special.ends,
      weights: shapes.map((t) => ({
        ...t,
        data: () => {
          const data = gguf.read(ggufName(t.name));
          const projection = permutes ? /\.([qk])_proj\./.exec(t.name)?.[1] : undefined;
          if (projection === undefined) return data;
          const heads = projection === "q" ? config.num_attention_heads : config.num_key_value_heads;
          return unpermute(data, heads, config.head_dim);
        },
      })),
    },
    options,
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
