/**
 * Value heads on the policy's hidden states.
 *
 *     Q_i(s, v) = sigmoid(<W_i h, e_v> + w_i . h + b_i),  i = 1 .. M        V(s) = sigmoid(head(h))
 *
 * e_v is the model's own token embedding, through which no gradient flows, so Q is evaluated on candidate
 * tokens only: memory O(tokens * candidates), not O(tokens * vocabulary). The sigmoid bounds Q by the largest
 * return, 1: it cannot be overestimated past it. M is 2 by default, as in TD3 (Fujimoto et al., arXiv 1802.09477);
 * more make an ensemble (REDQ, Chen et al., arXiv 2101.05982). With `layerNorm` a critic reads LayerNorm(h), with a
 * gain and a bias of its own (RLPD, Ball et al., arXiv 2302.02948). Target copies are variables beside them.
 *
 * The design is W = 0 with a pessimistic bias. Critics that start equal and see the same batches stay equal and
 * their minimum is worth nothing, so W starts at noise of 1e-3 / sqrt(d), seeded by its name: Q differs from
 * its bias in the fourth digit.
 */
import * as Random from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import type * as Lora from "./Lora.ts";
import type * as ModelConfig from "./ModelConfig.ts";
import * as Transformer from "./Transformer.ts";

/** What a file of heads tells by its tensors. */
export interface Shape {
  /** M: critics, at least 2. */
  readonly critics: number;
  /** Whether critics read the normalised hidden state. */
  readonly layerNorm: boolean;
}

export interface Heads extends Shape {
  /** Critics whose minimum the backups of a step take, drawn afresh for each; null: all of them. */
  readonly subset: number | null;
  /** k: candidates are the k most probable tokens (and the data token where there is one). */
  readonly candidates: number;
  /** Width of V's hidden layer (ReLU); 0 makes V affine in h. */
  readonly valueWidth: number;
  /** Initial logit of Q and V: pessimistic, yet not so far out that the sigmoid's gradient vanishes. */
  readonly initialLogit: number;
}

export const defaults: Heads = {
  critics: 2,
  layerNorm: false,
  subset: null,
  candidates: 32,
  valueWidth: 0,
  initialLogit: -2,
};

export type Critic = `q${number}` | `target.q${number}`;
export type ValueHead = "v" | "target.v";

/** q1 .. qM. */
export const critics = ({ critics: count }: Shape): ReadonlyArray<Critic> =>
  Array.from({ length: count }, (_, i): Critic => `q${i + 1}`);

/** The Polyak copies of `critics`. */
export const targets = ({ critics: count }: Shape): ReadonlyArray<Critic> =>
  Array.from({ length: count }, (_, i): Critic => `target.q${i + 1}`);

/** The shape of the heads whose tensors have these names. */
export const shapeOf = (names: Iterable<string>): Shape => {
  const all = [...names];
  return {
    critics: all.filter((name) => /^heads\.q\d+\.b$/.test(name)).length,
    layerNorm: all.includes("heads.q1.norm.gain"),
  };
};

/** Added to the variance: PyTorch's default. */
const NORM_EPSILON = 1e-5;

const normParameters = (c: ModelConfig.ModelConfig, critic: Critic): ReadonlyArray<Lora.Parameter> =>
  ["gain", "bias"].map((part) => ({ name: `heads.${critic}.norm.${part}`, shape: [c.hidden_size] }));

const criticParameters = (c: ModelConfig.ModelConfig, critic: Critic): ReadonlyArray<Lora.Parameter> => [
  { name: `heads.${critic}.W`, shape: [c.hidden_size, c.hidden_size] },
  { name: `heads.${critic}.w`, shape: [c.hidden_size, 1] },
  { name: `heads.${critic}.b`, shape: [1] },
];

const valueParameters = (
  c: ModelConfig.ModelConfig,
  heads: Heads,
  head: ValueHead,
): ReadonlyArray<Lora.Parameter> => {
  const inner = heads.valueWidth > 0 ? heads.valueWidth : c.hidden_size;
  return [
    ...(heads.valueWidth > 0
      ? [
          { name: `heads.${head}.W`, shape: [c.hidden_size, heads.valueWidth] },
          { name: `heads.${head}.c`, shape: [heads.valueWidth] },
        ]
      : []),
    { name: `heads.${head}.w`, shape: [inner, 1] },
    { name: `heads.${head}.b`, shape: [1] },
  ];
};

/** The variables that train: the critics and V. */
export const parameters = (c: ModelConfig.ModelConfig, heads: Heads): ReadonlyArray<Lora.Parameter> => [
  ...critics(heads).flatMap((critic) => [
    ...criticParameters(c, critic),
    ...(heads.layerNorm ? normParameters(c, critic) : []),
  ]),
  ...valueParameters(c, heads, "v"),
];

/** The target copies: each is `targetOf` a parameter. */
export const targetParameters = (c: ModelConfig.ModelConfig, heads: Heads): ReadonlyArray<Lora.Parameter> =>
  parameters(c, heads).map(({ name, shape }) => ({ name: targetOf(name), shape }));

export const targetOf = (name: string): string => name.replace(/^heads\./, "heads.target.");

/** Initial value of a head's variable; a target's is its online head's. */
export const initial = (heads: Heads, parameter: Lora.Parameter, seed: number): Float32Array => {
  const { name, shape } = parameter;
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const online = name.replace(/^heads\.target\./, "heads.");
  if (online.endsWith(".b")) return data.fill(heads.initialLogit);
  if (online.endsWith(".norm.gain")) return data.fill(1);
  if (!online.endsWith(".W")) return data;
  const deviation = (online.startsWith("heads.q") ? 1e-3 : 1) / Math.sqrt(shape[0]);
  const random = Random.make(seed).split(online);
  for (let i = 0; i < data.length; i++) data[i] = deviation * random.normal();
  return data;
};

const variables = (g: Graph, list: ReadonlyArray<Lora.Parameter>): ReadonlyArray<Value> =>
  list.map(({ name, shape }) => g.variable(name, shape));

/** (x - mean) / sqrt(variance + epsilon) of each row [n, d]. */
const standardised = (g: Graph, x: Value): Value => {
  const centred = g.sub(x, g.mean(x, 1, true));
  return g.mul(centred, g.rsqrt(g.add(g.mean(g.square(centred), 1, true), NORM_EPSILON)));
};

/** What each of the critics reads of hidden rows [n, d]: the rows, or with `layerNorm` its own norm of them. */
const inputs = (
  g: Graph,
  { config }: Transformer.Model,
  heads: Shape,
  which: ReadonlyArray<Critic>,
  hidden: Value,
): ReadonlyArray<Value> => {
  if (!heads.layerNorm) return which.map(() => hidden);
  const rows = standardised(g, hidden);
  return which.map((critic) => {
    const [gain, bias] = variables(g, normParameters(config, critic)) as [Value, Value];
    return g.add(g.mul(rows, gain), bias);
  });
};

/** W h [n, d] and w . h + b [n, 1] of a critic. */
const projections = (g: Graph, model: Transformer.Model, critic: Critic, hidden: Value) => {
  const [W, w, b] = variables(g, criticParameters(model.config, critic)) as [Value, Value, Value];
  return { tokens: g.matMul(hidden, W), state: g.add(g.matMul(hidden, w), b) };
};

/**
 * Logits of Q (before the sigmoid), one [n, k] for each critic asked for, of hidden rows [n, d] and
 * candidate tokens int32 [n, k]. The candidates' embeddings are gathered once for all of them.
 */
export const qLogits = (
  g: Graph,
  model: Transformer.Model,
  heads: Shape,
  which: ReadonlyArray<Critic>,
  hidden: Value,
  candidates: Value,
): ReadonlyArray<Value> => {
  const [n, k] = candidates.shape as readonly [number, number];
  const d = model.config.hidden_size;
  const flat = Transformer.embed(g, model, g.reshape(candidates, [n * k]));
  const embeddings = g.reshape(g.stopGradient(flat), [n, k, d]);
  const read = inputs(g, model, heads, which, hidden);
  const parts = which.map((critic, i) => projections(g, model, critic, read[i]));
  // [n, k, d] x [n, d, critics]
  const directions = g.concat(
    parts.map(({ tokens }) => g.reshape(tokens, [n, d, 1])),
    2,
  );
  const products = g.batchMatMul(embeddings, directions);
  return g
    .split(
      products,
      parts.map(() => 1),
      2,
    )
    .map((product, i) => g.add(g.reshape(product, [n, k]), parts[i].state));
};

/** Logits of Q over the whole vocabulary [n, V], for small vocabularies and tests. */
export const fullLogits = (
  g: Graph,
  model: Transformer.Model,
  heads: Shape,
  critic: Critic,
  hidden: Value,
): Value => {
  const { vocab_size } = model.config;
  const all = g.constant(
    Int32Array.from({ length: vocab_size }, (_, v) => v),
    [vocab_size],
  );
  const embeddings = g.stopGradient(Transformer.embed(g, model, all));
  const [read] = inputs(g, model, heads, [critic], hidden);
  const { tokens, state } = projections(g, model, critic, read);
  return g.add(g.matMul(tokens, embeddings, { transposeB: true }), state);
};

/** min_i Q_i and max_i Q_i [n, k] of all the online critics, bounded to (0, 1). */
export const extremeQ = (
  g: Graph,
  model: Transformer.Model,
  heads: Shape,
  hidden: Value,
  candidates: Value,
): { readonly min: Value; readonly max: Value } => {
  const logits = qLogits(g, model, heads, critics(heads), hidden, candidates);
  return {
    min: g.sigmoid(logits.reduce((a, b) => g.minimum(a, b))),
    max: g.sigmoid(logits.reduce((a, b) => g.maximum(a, b))),
  };
};

/** min_i Q_i [n, k] of all the online critics, bounded to (0, 1). */
export const minQ = (
  g: Graph,
  model: Transformer.Model,
  heads: Shape,
  hidden: Value,
  candidates: Value,
): Value => extremeQ(g, model, heads, hidden, candidates).min;

/** Logits of V [n] (before the sigmoid) of hidden rows [n, d]. */
export const valueLogits = (
  g: Graph,
  model: Transformer.Model,
  heads: Heads,
  hidden: Value,
  head: ValueHead = "v",
): Value => {
  const list = variables(g, valueParameters(model.config, heads, head));
  const [w, b] = list.slice(-2) as [Value, Value];
  const [W, c] = list.length > 2 ? (list as [Value, Value]) : [undefined, undefined];
  const inner = W === undefined || c === undefined ? hidden : g.relu(g.add(g.matMul(hidden, W), c));
  return g.reshape(g.add(g.matMul(inner, w), b), [hidden.shape[0]]);
};

/** Candidates with the data token in the last column, and what it is needed to take expectations over them. */
export interface Candidates {
  /** int32 [n, k + 1]: the top k of pi, then the data token. */
  readonly ids: Value;
  /** log pi [n, k + 1]. */
  readonly logProbs: Value;
  /** [n, k + 1]: 1, but 0 for the last column where the data token is among the top k already. */
  readonly counted: Value;
}

/**
 * The candidate tokens of hidden rows [n, d] with data tokens int32 [n] under the policy. Nothing of this
 * passes a gradient: it is about which tokens, and with which weights.
 */
export const candidates = (
  g: Graph,
  model: Transformer.Model,
  heads: Heads,
  hidden: Value,
  labels: Value,
  chunk = 256,
): Candidates => {
  const n = hidden.shape[0];
  const top = Transformer.topTokens(g, model, g.stopGradient(hidden), labels, heads.candidates, chunk);
  const k = top.ids.shape[1];
  const label = g.reshape(labels, [n, 1]);
  const among = g.max(g.cast(g.equal(top.ids, label), "float32"), 1, true);
  return {
    ids: g.concat([top.ids, label], 1),
    logProbs: g.stopGradient(g.concat([top.logProbs, g.reshape(top.labelLogProbs, [n, 1])], 1)),
    counted: g.concat([g.constant(new Float32Array(n * k).fill(1), [n, k]), g.sub(g.scalar(1), among)], 1),
  };
};

/** E_pi of values [n, k + 1] over the candidates, pi renormalised over them: [n]. */
export const expectation = (g: Graph, among: Candidates, values: Value): Value => {
  const mass = g.mul(g.exp(among.logProbs), among.counted);
  return g.div(g.sum(g.mul(mass, values), 1), g.sum(mass, 1));
};
