/**
 * Tokens per second of sampling at temperature 1 from a small policy (1 million parameters, 64 slots, prompts of
 * 96 tokens, 64 new ones): native TensorFlow (ours) beside the same programs on WebAssembly (peer).
 */
import * as Generation from "../src/model/generation/Generation.ts";
import type * as ModelConfig from "../src/model/ModelConfig.ts";
import * as Transformer from "../src/model/Transformer.ts";
import { Graph } from "../src/tensor/Graph.ts";
import * as Executors from "../src/tensor/Executor.ts";
import type { Executor } from "../src/tensor/Session.ts";

const config: ModelConfig.ModelConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 1024,
  hidden_size: 144,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 24,
  max_position_embeddings: 256,
  rope_theta: 10000,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.02,
  bos_token_id: null,
  eos_token_id: 0,
  pad_token_id: null,
};
const SLOTS = 64;
const NEW_TOKENS = 64;

const rate = (executor: Executor, rounds: number, newTokens: number): number => {
  const model = Transformer.trainable(config);
  const g = new Graph();
  const programs = Generation.record(g, model, {
    name: "generate",
    batch: SLOTS,
    maxPrompt: 96,
    maxNew: NEW_TOKENS,
    heads: null,
    modes: ["full"],
  });
  const session = executor.open(g, Transformer.initial(model, Transformer.randomWeights(config, 1), 1));
  const generator = new Generation.Generator(session, programs);
  const items = Array.from({ length: SLOTS * rounds }, (_, i) => ({
    promptIds: Array.from({ length: 96 - (i % 20) }, (__, t) => (t * 7919 + (i >> 2) * 31) % 1024),
    seed: i,
  }));
  const settings = { temperature: 1, tilt: 0, maxNewTokens: newTokens, ends: [] };
  generator.generate(items.slice(0, SLOTS), { ...settings, maxNewTokens: 2 });
  const start = performance.now();
  const samples = generator.generate(items, settings);
  const seconds = (performance.now() - start) / 1000;
  session.dispose();
  return samples.reduce((sum, { tokens }) => sum + tokens.length, 0) / seconds;
};

export default async () => ({
  ours: rate(await Executors.load(Executors.nativeBackend()), 4, NEW_TOKENS),
  peer: rate(await Executors.load("wasm"), 1, NEW_TOKENS / 2),
  unit: "tokens/s",
});
