/**
 * One step of critic training on frozen features (hidden states [rows, d]) at SmolLM2-135M's shape, in tokens/s:
 * our bounded twin Q over candidate tokens with V (algorithm cql, expectile backup; forward, backward, AdamW, Polyak)
 * beside ILQL's form with two Q heads d -> vocabulary in PyTorch (bench/peers/candidates.py).
 *
 * "given" (the figure): both get the features and a frozen policy's candidate tokens, which depend on the data alone
 * and are found once; ILQL's form needs none. "chosen" (printed): we find the candidates in each step by the
 * policy's output product and a top-k over the whole vocabulary, while the peer still does without.
 *
 * Options: --rows N (512), --candidates k (32), --threads N (2), --rounds N (5), --no-peer.
 */
import { parseArgs } from "node:util";
import * as Result from "effect/Result";
import type * as Algorithm from "../src/algorithms/Algorithm.ts";
import * as Table from "../src/algorithms/Table.ts";
import * as Heads from "../src/model/Heads.ts";
import type * as ModelConfig from "../src/model/ModelConfig.ts";
import * as Transformer from "../src/model/Transformer.ts";
import * as Random from "../src/random/Random.ts";
import * as Executors from "../src/tensor/Executor.ts";
import { gradients } from "../src/tensor/Gradient.ts";
import { Graph } from "../src/tensor/Graph.ts";
import type { Executor } from "../src/tensor/Session.ts";
import * as Peer from "./Peer.ts";
import { median as medianOf } from "../src/domain/Numbers.ts";

/** SmolLM2-135M without its layers. */
const config: ModelConfig.ModelConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 0,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  head_dim: 64,
  max_position_embeddings: 8192,
  rope_theta: 100000,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.04,
  bos_token_id: null,
  eos_token_id: 0,
  pad_token_id: null,
};
const RATE = 0.01;

const floats = [
  "weight",
  "passingWeight",
  "return",
  "nonTerminal",
  "passRate",
  "behaviourLogProb",
  "behaviourKnown",
] as const;
const ints = ["action", "next", "sequence"] as const;

/** Rows a second of one form. */
const prepare = (executor: Executor, rows: number, k: number, chosen: boolean) => {
  const d = config.hidden_size;
  const model = Transformer.frozen(config, "float32");
  const heads: Heads.Heads = { ...Heads.defaults, candidates: k };
  const g = new Graph();
  const columns = Object.fromEntries([
    ...floats.map((name) => [name, g.feed(name, [rows])]),
    ...ints.map((name) => [name, g.feed(name, [rows], "int32")]),
    ["bags", g.feed("bags", [heads.critics, rows])],
  ]) as unknown as Algorithm.Columns;
  const hidden = g.feed("hidden", [rows, d]);
  const networks: Algorithm.Networks = {
    logProb: () => Transformer.logProbs(g, model, hidden, columns.action),
    top: (count) => {
      if (!chosen)
        return {
          tokens: g.feed("tokens", [rows, count], "int32"),
          logProbs: g.feed("logProbs", [rows, count]),
        };
      const top = Transformer.topTokens(g, model, hidden, columns.action, count);
      return { tokens: top.ids, logProbs: top.logProbs };
    },
    reference: () => g.feed("reference", [rows]),
    critic: () => ({
      q: (tokens) => Heads.qLogits(g, model, heads, Heads.critics(heads), hidden, tokens),
      targetQ: (tokens) => Heads.qLogits(g, model, heads, Heads.targets(heads), hidden, tokens),
      subset: null,
      v: () => Heads.valueLogits(g, model, heads, hidden),
    }),
    own: (name) => {
      throw new RangeError(`no variable "${name}" here`);
    },
  };
  const algorithm = Result.getOrThrow(
    Table.configure("cql", { backup: "expectile", candidates: k, conservativeOn: "all" }),
  );
  const { total } = algorithm.loss(g, networks, columns);
  const parameters = Heads.parameters(config, heads);
  const values = parameters.map(({ name, shape }) => g.variable(name, shape));
  const powers = { beta1Power: g.feed("beta1Power", []), beta2Power: g.feed("beta2Power", []) };
  gradients(g, total, values).forEach((gradient, i) => {
    g.adam(parameters[i].name, gradient, {
      learningRate: 1e-4,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0.01,
      ...powers,
    });
  });
  g.program("step", { fetches: { total } });
  for (const { name, shape } of parameters) {
    const target = g.variable(Heads.targetOf(name), shape);
    g.assign(Heads.targetOf(name), g.add(target, g.mul(g.sub(g.variable(name, shape), target), RATE)));
  }
  g.program("polyak", { fetches: {} });

  const random = Random.make(1);
  const normal = (length: number, scale: number) =>
    Float32Array.from({ length }, () => scale * random.normal());
  const embedding = normal(config.vocab_size * d, config.initializer_range);
  const ofModel = Transformer.initial(model, () => embedding, 1);
  const session = executor.open(
    g,
    (name, shape) => ofModel(name) ?? Heads.initial(heads, { name, shape }, 1),
  );
  const tokens = (length: number) => Int32Array.from({ length }, () => random.int(config.vocab_size));
  const feeds = {
    hidden: normal(rows * d, 1),
    action: tokens(rows),
    next: Int32Array.from({ length: rows }, (_, i) => (i % 64 === 63 ? i : i + 1)),
    sequence: Int32Array.from({ length: rows }, (_, i) => Math.floor(i / 64)),
    weight: new Float32Array(rows).fill(1 / rows),
    passingWeight: new Float32Array(rows).fill(1 / rows),
    return: Float32Array.from({ length: rows }, (_, i) => Math.floor(i / 64) % 2),
    nonTerminal: Float32Array.from({ length: rows }, (_, i) => (i % 64 === 63 ? 0 : 1)),
    passRate: new Float32Array(rows).fill(0.5),
    behaviourLogProb: new Float32Array(rows),
    behaviourKnown: new Float32Array(rows),
    ...(chosen ? {} : { tokens: tokens(rows * k), logProbs: new Float32Array(rows * k).fill(-2) }),
  };
  // Only what the program reads may be fed.
  const asked = new Set(g.feeds.keys());
  const known = Object.fromEntries(Object.entries(feeds).filter(([name]) => asked.has(name)));
  let t = 0;
  return (steps: number): number => {
    const start = performance.now();
    for (let step = 0; step < steps; step++) {
      t += 1;
      const beta1Power = Float32Array.of(0.9 ** t);
      const { total: loss } = session.run("step", {
        ...known,
        beta1Power,
        beta2Power: Float32Array.of(0.999 ** t),
      });
      if (!Number.isFinite(loss?.[0])) throw new Error("the loss is not a number");
      session.run("polyak", {});
    }
    return (1000 * rows * steps) / (performance.now() - start);
  };
};

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "512" },
      candidates: { type: "string", default: "32" },
      threads: { type: "string", default: "2" },
      rounds: { type: "string", default: "5" },
      "no-peer": { type: "boolean", default: false },
    },
  });
  const [rows, k, rounds] = [Number(values.rows), Number(values.candidates), Number(values.rounds)];
  const executor = await Executors.load(Executors.nativeBackend(), { threads: Number(values.threads) });
  const given = prepare(executor, rows, k, false);
  const chosen = prepare(executor, rows, k, true);
  const peer = values["no-peer"]
    ? null
    : await Peer.open("candidates", ["--rows", values.rows, "--threads", values.threads]);
  given(3);
  chosen(1);
  await peer?.round({ steps: 1 });
  const withChoice: Array<number> = [];
  const found = await Peer.interleave(
    rounds,
    () => {
      withChoice.push(chosen(2));
      return given(20);
    },
    peer === null ? null : () => peer.round({ steps: 2 }),
  );
  peer?.close();
  const median = medianOf(withChoice);
  console.error(
    `candidates chosen in each step: ${median.toPrecision(4)} tokens/s` +
      (found.peer === null ? "" : `, ratio ${(median / found.peer).toFixed(1)}`),
  );
  return { ...found, unit: "tokens/s" };
};
