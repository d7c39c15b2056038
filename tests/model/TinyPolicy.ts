/** A tiny policy for tests of files: the golden Llama's shape with a tokenizer of 300 tokens. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as BpeTrainer from "../../src/model/tokenizer/BpeTrainer.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as TinyLlama from "./TinyLlama.ts";

const trained = BpeTrainer.train(["const f = (xs) => xs.map((x) => x + 1);\n", "naïve 🙂 1234"], {
  vocabSize: 300,
});
const eos = trained.added_tokens.find((t) => t.content === BpeTrainer.END_OF_TEXT)?.id ?? 0;
const size = Math.max(...Object.values(trained.model.vocab), eos) + 1;

export const tokenizer: Policy.TokenizerFiles = {
  tokenizer: { ...trained },
  config: { tokenizer_class: "PreTrainedTokenizerFast", eos_token: BpeTrainer.END_OF_TEXT },
};

export const config: ModelConfig.ModelConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: size,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 64,
  rope_theta: 10000,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.02,
  bos_token_id: null,
  eos_token_id: eos,
  pad_token_id: null,
};

export const weights = (): ReadonlyArray<Policy.TensorToWrite> => {
  const read = TinyLlama.weights(config);
  return ModelConfig.tensorShapes(config).map((t) => ({ ...t, data: () => read(t.name) }));
};

export const policy = (): Policy.NewPolicy => ({
  config,
  card: Policy.defaultCard("tiny"),
  tokenizer,
  weights: weights(),
});

/** Runs `body` with a new directory, removed afterwards. */
export const withDirectory = async <A>(body: (directory: string) => Promise<A>): Promise<A> => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-model-"));
  try {
    return await body(directory);
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true });
  }
};
