/** A tiny Llama for tests, an executor to run it on, and an independent forward pass in plain float64. */
import * as Transformer from "../../src/model/Transformer.ts";
import type * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Heads from "../../src/model/Heads.ts";
import type { Graph } from "../../src/tensor/Graph.ts";
import type { Executor, Session } from "../../src/tensor/Session.ts";
import * as Random from "../../src/random/Random.ts";
import { testExecutor } from "../support/executor.ts";

export const tiny: ModelConfig.ModelConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 29,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 6,
  max_position_embeddings: 64,
  rope_theta: 10000,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.25,
  bos_token_id: null,
  eos_token_id: 0,
  pad_token_id: null,
};

/** Native TensorFlow where it is set up, else WebAssembly. */
export const executor: Executor = await testExecutor();

export const open = (
  g: Graph,
  model: Transformer.Model,
  options: {
    readonly read?: (name: string) => Float32Array;
    readonly heads?: Heads.Heads;
    readonly headNoise?: number;
    readonly seed?: number;
    readonly on?: Executor;
  } = {},
): Session => {
  const seed = options.seed ?? 1;
  const own = Transformer.initial(model, options.read ?? Transformer.randomWeights(model.config, seed), seed);
  const { heads } = options;
  return (options.on ?? executor).open(g, (name, shape) => {
    const value = own(name);
    if (value !== undefined || heads === undefined || !name.startsWith("heads.")) return value;
    const data = Heads.initial(heads, { name, shape }, seed);
    const random = Random.make(seed).split(`noise ${name}`);
    return data.map((x) => x + (options.headNoise ?? 0) * random.normal());
  });
};

export const randomIds = (random: Random.Random, count: number, vocabulary: number): Array<number> =>
  Array.from({ length: count }, () => random.int(vocabulary));

/** Largest absolute difference. */
export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
};

/** Logits [T][V] of one sequence, written straight from the paper's formulas in float64. */
export const reference = (
  c: ModelConfig.ModelConfig,
  read: (name: string) => Float32Array,
  ids: ReadonlyArray<number>,
): Array<Array<number>> => {
  const { hidden_size: d, head_dim: hd, num_attention_heads: H, num_key_value_heads: KV } = c;
  const times = (x: ReadonlyArray<number>, name: string): Array<number> => {
    const w = read(name);
    const n = w.length / x.length;
    return Array.from({ length: n }, (_, o) => x.reduce((sum, xi, i) => sum + xi * w[o * x.length + i], 0));
  };
  const norm = (x: ReadonlyArray<number>, name: string): Array<number> => {
    const gain = read(name);
    const r = 1 / Math.sqrt(x.reduce((s, v) => s + v * v, 0) / d + c.rms_norm_eps);
    return x.map((v, i) => v * r * gain[i]);
  };
  const turn = (x: ReadonlyArray<number>, t: number): Array<number> =>
    x.map((v, i) => {
      const pair = i % (hd / 2);
      const angle = t / c.rope_theta ** ((2 * pair) / hd);
      const other = i < hd / 2 ? -x[i + hd / 2] : x[i - hd / 2];
      return v * Math.cos(angle) + other * Math.sin(angle);
    });
  const head = (x: ReadonlyArray<number>, h: number): Array<number> => x.slice(h * hd, (h + 1) * hd);
  const embedding = read("model.embed_tokens.weight");
  let x = ids.map((id) => Array.from(embedding.slice(id * d, (id + 1) * d)));
  for (let l = 0; l < c.num_hidden_layers; l++) {
    const p = `model.layers.${l}.`;
    const normed = x.map((row) => norm(row, `${p}input_layernorm.weight`));
    const q = normed.map((row) => times(row, `${p}self_attn.q_proj.weight`));
    const k = normed.map((row) => times(row, `${p}self_attn.k_proj.weight`));
    const v = normed.map((row) => times(row, `${p}self_attn.v_proj.weight`));
    x = x.map((row, t) => {
      const mixed: Array<number> = [];
      for (let h = 0; h < H; h++) {
        const group = Math.floor(h / (H / KV));
        const query = turn(head(q[t], h), t);
        const scores = k.slice(0, t + 1).map((key, s) => {
          const turned = turn(head(key, group), s);
          return query.reduce((sum, a, i) => sum + a * turned[i], 0) / Math.sqrt(hd);
        });
        const top = Math.max(...scores);
        const e = scores.map((score) => Math.exp(score - top));
        const total = e.reduce((a, b) => a + b, 0);
        for (let i = 0; i < hd; i++) {
          mixed.push(e.reduce((sum, w, s) => sum + (w / total) * head(v[s], group)[i], 0));
        }
      }
      return times(mixed, `${p}self_attn.o_proj.weight`).map((y, i) => y + row[i]);
    });
    x = x.map((row) => {
      const h = norm(row, `${p}post_attention_layernorm.weight`);
      const gate = times(h, `${p}mlp.gate_proj.weight`);
      const up = times(h, `${p}mlp.up_proj.weight`);
      const inner = gate.map((a, i) => (a / (1 + Math.exp(-a))) * up[i]);
      return times(inner, `${p}mlp.down_proj.weight`).map((y, i) => y + row[i]);
    });
  }
  const output = c.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  return x.map((row) => times(norm(row, "model.norm.weight"), output));
};
