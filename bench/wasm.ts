/**
 * A training step (forward, backward, Adam) of a Llama of 0.87 million parameters, 8 sequences of 128 tokens, on
 * WebAssembly, in tokens/s: our executor beside the same model written with tf.* operations and trained by
 * tf.variableGrads on tfjs's own WebAssembly backend, in one process, which has one thread. Options: --threads N of ours (2), --rounds N (5), --no-peer.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import * as ModelConfig from "../src/model/ModelConfig.ts";
import * as Transformer from "../src/model/Transformer.ts";
import * as Random from "../src/random/Random.ts";
import * as Executors from "../src/tensor/Executor.ts";
import { gradients } from "../src/tensor/Gradient.ts";
import { Graph } from "../src/tensor/Graph.ts";
import * as Peer from "./Peer.ts";
import { small as config } from "./Training.ts";

const [B, T] = [8, 128];
const adam = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const random = Random.make(1);
const draw = () => Int32Array.from({ length: B * T }, () => random.int(config.vocab_size));
const read = Transformer.randomWeights(config, 1);

/** One step of ours, giving the loss. */
const ours = async (threads: number): Promise<(ids: Int32Array, labels: Int32Array) => number> => {
  const executor = await Executors.load("wasm", { threads });
  const model = Transformer.trainable(config);
  const g = new Graph();
  const hidden = Transformer.forward(g, model, g.feed("ids", [B, T], "int32"));
  const loss = g.neg(
    g.mean(Transformer.logProbs(g, model, hidden, g.feed("labels", [B * T], "int32"), B * T)),
  );
  const parameters = Transformer.trainableParameters(model);
  const powers = { beta1Power: g.feed("beta1Power", []), beta2Power: g.feed("beta2Power", []) };
  gradients(
    g,
    loss,
    parameters.map(({ name, shape }) => g.variable(name, shape)),
  ).forEach((gradient, i) => g.adam(parameters[i].name, gradient, { ...adam, ...powers }));
  g.program("step", { fetches: { loss } });
  const session = executor.open(g, Transformer.initial(model, read, 1));
  let t = 0;
  return (ids, labels) => {
    t += 1;
    const beta1Power = Float32Array.of(adam.beta1 ** t);
    const beta2Power = Float32Array.of(adam.beta2 ** t);
    return session.run("step", { ids, labels, beta1Power, beta2Power })["loss"][0];
  };
};

/** One step of the plain implementation. */
const plain = (): ((ids: Int32Array, labels: Int32Array) => number) => {
  const { hidden_size: d, num_attention_heads: H, head_dim: hd, vocab_size: V, rms_norm_eps: eps } = config;
  const variables = new Map(
    ModelConfig.tensorShapes(config).map(({ name, shape }) => {
      // [in, out], which is what tfjs's own layers hold; the embedding as it is.
      const data = tf.tensor(read(name), [...shape]);
      return [name, tf.variable(shape.length === 2 && !name.includes("embed") ? tf.transpose(data) : data)];
    }),
  );
  const weight = (name: string) => variables.get(name) as tf.Variable;
  const half = hd / 2;
  const angles = tf.outerProduct(
    tf.range(0, T),
    tf.tensor1d(Array.from({ length: half }, (_, i) => config.rope_theta ** ((-2 * i) / hd))),
  );
  const [cos, sin] = [tf.cos(angles), tf.sin(angles)].map((x) => tf.concat([x, x], 1)) as [
    tf.Tensor,
    tf.Tensor,
  ];
  const future = Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0));
  const mask = tf.tensor(future, [T, T]);
  const norm = (x: tf.Tensor, name: string) =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))), weight(name));
  const heads = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [B, T, H, hd]), [0, 2, 1, 3]);
  const turn = (x: tf.Tensor) => {
    const [a, b] = tf.split(x, 2, 3) as [tf.Tensor, tf.Tensor];
    return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(b), a], 3), sin));
  };
  const forward = (ids: tf.Tensor) => {
    // The backend has no gradient of a gather.
    let x: tf.Tensor = tf.matMul(tf.cast(tf.oneHot(ids, V), "float32"), weight("model.embed_tokens.weight"));
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const p = `model.layers.${layer}.`;
      const h = norm(x, `${p}input_layernorm.weight`);
      const [q, k, v] = (["q", "k", "v"] as const).map((name) =>
        heads(tf.matMul(h, weight(`${p}self_attn.${name}_proj.weight`))),
      ) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const scores = tf.mul(tf.matMul(turn(q), turn(k), false, true), 1 / Math.sqrt(hd));
      const mixed = tf.matMul(tf.softmax(tf.add(scores, mask)), v);
      const merged = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B * T, d]);
      x = tf.add(x, tf.matMul(merged, weight(`${p}self_attn.o_proj.weight`)));
      const h2 = norm(x, `${p}post_attention_layernorm.weight`);
      const gate = tf.matMul(h2, weight(`${p}mlp.gate_proj.weight`));
      const up = tf.matMul(h2, weight(`${p}mlp.up_proj.weight`));
      const inner = tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
      x = tf.add(x, tf.matMul(inner, weight(`${p}mlp.down_proj.weight`)));
    }
    return tf.matMul(norm(x, "model.norm.weight"), weight("model.embed_tokens.weight"), false, true);
  };
  const optimizer = tf.train.adam(adam.learningRate, adam.beta1, adam.beta2, adam.epsilon);
  return (ids, labels) =>
    tf.tidy(() => {
      const wanted = tf.oneHot(tf.tensor1d(labels, "int32"), V);
      const { value, grads } = tf.variableGrads(
        () => tf.losses.softmaxCrossEntropy(wanted, forward(tf.tensor1d(ids, "int32"))),
        [...variables.values()],
      );
      optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({ name, tensor })));
      return value.dataSync()[0];
    });
};

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      threads: { type: "string", default: "2" },
      "no-peer": { type: "boolean", default: false },
    },
  });
  const mine = await ours(Number(values.threads));
  const theirs = values["no-peer"] ? null : plain();
  // Same weights and batches, hence the same losses.
  const batches = Array.from({ length: 3 }, () => [draw(), draw()] as const);
  for (const [ids, labels] of batches) {
    const loss = mine(ids, labels);
    const other = theirs === null ? loss : theirs(ids, labels);
    if (!(Math.abs(loss - other) < 1e-3)) throw new Error(`the losses differ: ${loss} and ${other}`);
  }
  const rate = (step: (ids: Int32Array, labels: Int32Array) => number, steps: number) => (): number => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) step(...batches[i % batches.length]);
    return (1000 * B * T * steps) / (performance.now() - start);
  };
  const found = await Peer.interleave(
    Number(values.rounds),
    rate(mine, 4),
    theirs === null ? null : rate(theirs, 1),
  );
  return { ...found, unit: "tokens/s" };
};
