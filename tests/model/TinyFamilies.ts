/** A tiny policy of each family: its shape's particulars, and the tokenizer of golden/tiny-tokenizers.json. */
import * as Fs from "node:fs";
import type { ModelConfig } from "../../src/model/ModelConfig.ts";
import * as Shapes from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as TinyLlama from "./TinyLlama.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

type Name = "sentencepiece" | "llama3" | "qwen2";

interface Family {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly answers: ReadonlyArray<{ readonly text: string; readonly ids: ReadonlyArray<number> }>;
}

export const tokenizers = JSON.parse(
  Fs.readFileSync(new URL("golden/tiny-tokenizers.json", import.meta.url), "utf8"),
) as Readonly<Record<Name, Family>>;

const particulars: Readonly<Record<Name, Partial<ModelConfig>>> = {
  // TinyLlama's: linear scaling, an output matrix of its own.
  sentencepiece: {
    vocab_size: 420,
    bos_token_id: 1,
    eos_token_id: 2,
    tie_word_embeddings: false,
    rope_scaling: { rope_type: "linear", factor: 4 },
  },
  // Rows beyond the tokenizer's, and a context that its scaling changes at every wave length.
  llama3: {
    vocab_size: 448,
    bos_token_id: 0,
    eos_token_id: 1,
    head_dim: 16,
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    },
  },
  qwen2: {
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    vocab_size: 416,
    eos_token_id: 0,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
  },
};

export const names = ["sentencepiece", "llama3", "qwen2"] as const;

/** The policy of a family, to write. */
export const policy = (name: Name): Policy.NewPolicy => {
  const config: ModelConfig = {
    ...TinyPolicy.config,
    bos_token_id: null,
    pad_token_id: null,
    ...particulars[name],
  };
  const read = TinyLlama.weights(config);
  const family = tokenizers[name];
  return {
    config,
    card: { ...Policy.defaultCard(name), description: "A test", licence: "mit" },
    tokenizer: {
      tokenizer: family.tokenizer,
      config: {
        tokenizer_class: "PreTrainedTokenizerFast",
        chat_template: "{{ messages[0].content }}",
        ...family.config,
      },
    },
    weights: Shapes.tensorShapes(config).map((t) => ({ ...t, data: () => read(t.name) })),
  };
};
