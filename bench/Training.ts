/**
 * Whole training steps (batch from the replay memory, forward, backward, clipping, AdamW) through the learner, in
 * tokens per second, beside the same step in PyTorch (bench/peers/train.py). Every position of a sequence is an
 * action: prompts are one token long.
 *
 * Options of each: --rounds N (5), --steps N a round, --threads N (2), --model DIR, --batch N, --time N, --no-peer,
 * --microBatch N, --recompute.
 */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { parseArgs } from "node:util";
import * as Effect from "effect/Effect";
import * as Learner from "../src/learner/Learner.ts";
import type * as ModelConfig from "../src/model/ModelConfig.ts";
import * as Policy from "../src/model/directory/Policy.ts";
import * as Random from "../src/random/Random.ts";
import * as Executors from "../src/tensor/Executor.ts";
import { Graph } from "../src/tensor/Graph.ts";
import * as Peer from "./Peer.ts";

export type Mode = "small" | "lora" | "full" | "heads";

/** A Llama of 0.87 million parameters. */
export const small: ModelConfig.ModelConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 512,
  hidden_size: 128,
  intermediate_size: 352,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 32,
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

const DEFAULTS: Record<Mode, { readonly batch: number; readonly time: number; readonly steps: number }> = {
  small: { batch: 8, time: 128, steps: 40 },
  lora: { batch: 4, time: 256, steps: 2 },
  full: { batch: 4, time: 256, steps: 2 },
  heads: { batch: 4, time: 256, steps: 3 },
};

export interface Options {
  readonly mode: Mode;
  readonly model: string;
  readonly dtype: "f32" | "bf16";
  readonly batch: number;
  readonly time: number;
  readonly microBatch: number;
  readonly recompute: boolean;
  readonly steps: number;
  readonly threads: number;
  readonly rounds: number;
  readonly peer: boolean;
}

export const options = (mode: Mode, args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: "string", default: "policies/smollm2-135m" },
      dtype: { type: "string", default: "f32" },
      batch: { type: "string", default: String(DEFAULTS[mode].batch) },
      time: { type: "string", default: String(DEFAULTS[mode].time) },
      microBatch: { type: "string" },
      recompute: { type: "boolean", default: false },
      steps: { type: "string", default: String(DEFAULTS[mode].steps) },
      threads: { type: "string", default: "2" },
      rounds: { type: "string", default: "5" },
      "no-peer": { type: "boolean", default: false },
    },
  });
  if (values.dtype !== "f32" && values.dtype !== "bf16") {
    throw new Error(`--dtype is f32 or bf16, found ${values.dtype}`);
  }
  return {
    mode,
    model: values.model,
    dtype: values.dtype,
    batch: Number(values.batch),
    time: Number(values.time),
    microBatch: Number(values.microBatch ?? values.batch),
    recompute: values.recompute,
    steps: Number(values.steps),
    threads: Number(values.threads),
    rounds: Number(values.rounds),
    peer: !values["no-peer"],
  };
};

const policyOf = async ({ mode, model }: Options): Promise<Parameters<typeof Learner.record>[1]> => {
  if (mode === "small") return { directory: "", config: small, weights: null, heads: null };
  if (!Fs.existsSync(Path.join(model, "model.safetensors"))) {
    throw new Error(`There is no policy in ${model}: import SmolLM2-135M there by "drydock policy import".`);
  }
  return Effect.runPromise(Policy.read(model));
};

export const spec = ({ mode, dtype, batch, time, microBatch, recompute }: Options): Learner.LearnerSpec => ({
  init: mode === "small" ? "random" : "weights",
  seed: 1,
  trainable:
    mode === "lora"
      ? { kind: "lora", lora: { rank: 8, alpha: 16, targets: ["q", "v"] } }
      : mode === "heads"
        ? { kind: "heads" }
        : { kind: "full" },
  frozenType: dtype === "bf16" ? "bfloat16" : "float32",
  heads: mode === "heads",
  maxTrainTokens: time + 1,
  recompute,
  trainings: [
    {
      id: "bench",
      algorithm: mode === "heads" ? "cql" : "sft",
      config: {},
      batchSize: batch,
      microBatch,
      optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
      episodes: "all",
    },
  ],
});

/** Episodes of random tokens, as many as a batch takes, each of `time` actions. */
const episodes = (batch: number, time: number, vocabulary: number) =>
  Array.from({ length: batch }, (_, i) => {
    const random = Random.make(`episode ${i}`);
    return {
      id: String(i),
      taskId: String(i),
      tokens: Int32Array.from({ length: time + 1 }, () => 3 + random.int(Math.min(vocabulary, 2000) - 3)),
      promptLength: 1,
      reward: i % 2,
      behaviourLogProbs: null,
      policyVersion: null,
    };
  });

/** Records the training; `open` makes a session of it, and each call of what that gives is one step. */
export const record = async (o: Options) => {
  const policy = await policyOf(o);
  const executor = await Executors.load("native", { threads: o.threads });
  const graph = new Graph();
  const recorded = Learner.record(graph, policy, spec(o));
  const open = (): (() => Record<string, number>) => {
    const session = executor.open(graph, recorded.initial, recorded.files);
    const learner = recorded.attach(session, executor.name);
    learner.addEpisodes("offline", episodes(o.batch, o.time, policy.config.vocab_size));
    return () => learner.trainStep({ training: "bench", learningRate: 1e-5, offlineFraction: 1 });
  };
  return { graph, open, weights: policy.weights };
};

export const bench = async (mode: Mode, args: ReadonlyArray<string>) => {
  const o = options(mode, args);
  const step = (await record(o)).open();
  const rate = (steps: number): number => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) step();
    return (steps * o.batch * o.time * 1000) / (performance.now() - start);
  };
  rate(mode === "small" ? 20 : 2);
  const peer = o.peer
    ? await Peer.open("train", [
        `--mode=${mode}`,
        `--model=${o.model}`,
        `--dtype=${o.dtype}`,
        `--threads=${o.threads}`,
        `--batch=${o.batch}`,
        `--time=${o.time}`,
      ])
    : null;
  if (peer !== null) console.error(`peer: ${JSON.stringify(peer.about)}`);
  const figures = await Peer.interleave(
    o.rounds,
    () => rate(o.steps),
    peer === null ? null : () => peer.round({ steps: o.steps }),
  );
  peer?.close();
  return { ...figures, unit: "tokens/s" };
};
