/**
 * The policy's network: a transformer of the Llama and Qwen2 families, recorded against `Graph`.
 *
 * Pre-norm layers with RMSNorm, rotary position embeddings, grouped-query attention and SwiGLU
 * (Touvron et al., "LLaMA", arXiv 2302.13971; Ainslie et al., "GQA", arXiv 2305.13245), numerically that of
 * Hugging Face's LlamaForCausalLM and Qwen2ForCausalLM. Sequences are right-padded where nothing else is
 * said: under the causal mask no real position sees padding, so training needs no other mask.
 *
 * Shapes: B sequences of T positions, N = B * T rows, d the model's width, hd a head's, V the vocabulary. The
 * same layer serves whole sequences and decoding with a cache: a decoding step is T = 1 with keys and values
 * that the cache returns.
 */
import * as Random from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import * as Layer from "./Layer.ts";
import * as Lora from "./Lora.ts";
import * as ModelConfig from "./ModelConfig.ts";
import * as Rotary from "./Rotary.ts";
import * as WeightLayout from "./WeightLayout.ts";

export type { Attend, Model } from "./Layer.ts";
type Model = Layer.Model;
type Attend = Layer.Attend;

/** A model whose own weights train. */
export const trainable = (config: ModelConfig.ModelConfig): Model => ({
  config,
  storage: WeightLayout.trained,
  lora: null,
});

/** A frozen model, with adapters that train or without. */
export const frozen = (
  config: ModelConfig.ModelConfig,
  frozenType: "float32" | "bfloat16",
  lora: Lora.Lora | null = null,
): Model => ({
  config,
  storage: WeightLayout.frozen(frozenType),
  lora: lora === null ? null : Lora.of(lora),
});

/** Added to the scores of positions that may not be seen. */
export const HIDDEN = -1e9;

/** Queries of a block at the least, and blocks at the most: a fifth of the scores that nobody sees are left. */
const BLOCK = 64;
const MOST_BLOCKS = 4;

/** The residual stream x [N, d] after layers 0 .. `layers`-1, all by default. */
export const layers = (
  g: Graph,
  model: Model,
  x: Value,
  attend: Attend,
  count = model.config.num_hidden_layers,
): Value => {
  let out = x;
  for (let layer = 0; layer < count; layer++) {
    out = Layer.apply(g, model, layer, g.checkpoint(out), attend);
  }
  return out;
};

/** Token embeddings of ids [n] -> [n, d] float32. */
export const embed = (g: Graph, model: Model, ids: Value): Value => {
  const { vocab_size, hidden_size } = model.config;
  return g.cast(
    g.gather(Layer.weight(g, model, WeightLayout.EMBEDDING, [vocab_size, hidden_size]), ids),
    "float32",
  );
};

/** The final norm of the residual stream: what the output matrix and the value heads see. */
export const finalNorm = (g: Graph, model: Model, x: Value): Value =>
  Layer.rmsNorm(g, model, WeightLayout.FINAL_NORM, x);

/** The attention of whole right-padded sequences [B, T] from position 0. */
export const causal = (g: Graph, model: Model, batch: number, time: number): Attend => {
  const tables = Rotary.tables(model.config, time);
  const mask = new Float32Array(time * time);
  for (let t = 0; t < time; t++) mask.fill(HIDDEN, t * time + t + 1, (t + 1) * time);
  const shape = [time, model.config.head_dim];
  return {
    batch,
    time,
    cos: g.constant(tables.cos, shape),
    sin: g.constant(tables.sin, shape),
    mask: g.constant(mask, [time, time]),
    blocks: Math.min(MOST_BLOCKS, Math.max(1, Math.floor(time / BLOCK))),
  };
};

/**
 * The attention of whole left-padded sequences [B, T]: sequence b begins at `starts`[b] (int32 [B], below T),
 * where its positions count from 0, and nothing sees what is before. With starts of 0 it is `causal`.
 */
export const leftPadded = (g: Graph, model: Model, starts: Value, time: number): Attend => {
  const batch = starts.shape[0];
  const whole = causal(g, model, batch, time);
  const steps = Int32Array.from({ length: time }, (_, t) => t);
  const own = g.sub(g.constant(steps, [1, time]), g.reshape(starts, [batch, 1]));
  const at = (table: Value): Value =>
    g.reshape(g.gather(table, g.maximum(own, 0)), [batch, 1, time, model.config.head_dim]);
  const seen = g.reshape(g.greaterEqual(own, 0), [batch, 1, 1, time]);
  const mask = g.minimum(
    g.reshape(whole.mask, [1, 1, time, time]),
    g.select(seen, g.scalar(0), g.scalar(HIDDEN)),
  );
  return { batch, time, cos: at(whole.cos), sin: at(whole.sin), mask };
};

/** The attention of one new position a sequence: `positions` int32 [B], each below `length`, the cache's S. */
export const decoding = (
  g: Graph,
  model: Model,
  positions: Value,
  length: number,
  cache: NonNullable<Attend["cache"]>,
): Attend => {
  const batch = positions.shape[0];
  const width = model.config.head_dim;
  const tables = Rotary.tables(model.config, length);
  const at = (table: Float32Array): Value =>
    g.reshape(g.gather(g.constant(table, [length, width]), positions), [batch, 1, 1, width]);
  const slots = g.constant(
    Int32Array.from({ length }, (_, s) => s),
    [1, length],
  );
  const seen = g.lessEqual(slots, g.reshape(positions, [batch, 1]));
  return {
    batch,
    time: 1,
    cos: at(tables.cos),
    sin: at(tables.sin),
    mask: g.reshape(g.select(seen, g.scalar(0), g.scalar(HIDDEN)), [batch, 1, 1, length]),
    cache,
  };
};

export interface ForwardOptions {
  /** Stop after this many layers: the residual stream, not normed. */
  readonly upToLayer?: number;
  /** Masks of `Lora.maskFeed`: adapters' inputs are dropped out. */
  readonly dropout?: Value | undefined;
  /** int32 [B]: the sequences are left-padded and begin here. */
  readonly starts?: Value | undefined;
}

/**
 * Hidden states [B * T, d] of sequences ids [B, T] (int32, any valid id as padding) after the final norm.
 * They are right-padded, or left-padded with `starts`.
 */
export const forward = (g: Graph, model: Model, ids: Value, options: ForwardOptions = {}): Value => {
  const [batch, time] = ids.shape as readonly [number, number];
  const count = options.upToLayer ?? model.config.num_hidden_layers;
  const x = embed(g, model, g.reshape(ids, [batch * time]));
  const { starts, dropout } = options;
  const attend = starts === undefined ? causal(g, model, batch, time) : leftPadded(g, model, starts, time);
  const out = layers(g, model, x, { ...attend, dropout }, count);
  return count === model.config.num_hidden_layers ? finalNorm(g, model, out) : out;
};

/** Logits [n, V] of hidden rows [n, d]. */
export const logits = (g: Graph, model: Model, hidden: Value): Value => {
  const { hidden_size: d, vocab_size: V, tie_word_embeddings: tied } = model.config;
  if (!tied || (model.storage.outputCopy && model.storage.dtype === "float32")) {
    return Layer.linear(g, model, WeightLayout.OUTPUT, hidden, [d, V]);
  }
  const embedding = Layer.weight(g, model, WeightLayout.EMBEDDING, [V, d]);
  const x = g.cast(hidden, embedding.dtype);
  return g.cast(g.matMul(x, embedding, { transposeB: true }), "float32");
};

/** Row ranges of at most `chunk` rows: a large vocabulary's logits are never all held at once. */
const chunks = (rows: number, chunk: number): ReadonlyArray<readonly [number, number]> =>
  Array.from({ length: Math.ceil(rows / chunk) }, (_, i) => [i * chunk, Math.min(chunk, rows - i * chunk)]);

/**
 * log pi(label) [n] of hidden rows [n, d] with labels int32 [n]. Give only the rows needed, for instance
 * `g.gather(hidden, rows)` with the program's positions fed.
 */
export const logProbs = (g: Graph, model: Model, hidden: Value, labels: Value, chunk = 256): Value => {
  const [n, d] = hidden.shape as readonly [number, number];
  const parts = chunks(n, chunk).map(([begin, size]) =>
    g.sparseCrossEntropy(
      logits(g, model, g.slice(hidden, [begin, 0], [size, d])),
      g.slice(labels, [begin], [size]),
    ),
  );
  return g.neg(g.concat(parts, 0));
};

/**
 * The k most probable tokens of each hidden row [n, d] and their log pi, both [n, k], falling; and with
 * labels int32 [n] the label's log pi [n]. No gradient flows through the choice of tokens; the log-probs'
 * gradient does not go beyond a top-k gather, so wrap `hidden` in stopGradient where none is wanted.
 */
export const topTokens = (
  g: Graph,
  model: Model,
  hidden: Value,
  labels: Value,
  k: number,
  chunk = 256,
): { readonly ids: Value; readonly logProbs: Value; readonly labelLogProbs: Value } => {
  const [n, d] = hidden.shape as readonly [number, number];
  const parts = chunks(n, chunk).map(([begin, size]) => {
    const row = logits(g, model, g.slice(hidden, [begin, 0], [size, d]));
    const label = g.slice(labels, [begin], [size]);
    const labelLogProbs = g.neg(g.sparseCrossEntropy(row, label));
    const top = g.topK(row, Math.min(k, model.config.vocab_size));
    // log pi of the top tokens by the label's: log pi(v) = logit(v) - logit(label) + log pi(label)
    const labelLogit = g.gatherBatch(row, g.reshape(label, [size, 1]));
    const shift = g.sub(g.reshape(labelLogProbs, [size, 1]), labelLogit);
    return { ids: top.indices, logProbs: g.add(top.values, shift), labelLogProbs };
  });
  return {
    ids: g.concat(
      parts.map((part) => part.ids),
      0,
    ),
    logProbs: g.concat(
      parts.map((part) => part.logProbs),
      0,
    ),
    labelLogProbs: g.concat(
      parts.map((part) => part.labelLogProbs),
      0,
    ),
  };
};

/** Every variable of the model's own weights. */
export const weights = (model: Model): ReadonlyArray<WeightLayout.Stored> =>
  WeightLayout.layout(model.config, model.storage);

/** The variables that train: the adapters where there are any, else every weight; names and stored shapes. */
export const trainableParameters = (model: Model): ReadonlyArray<Lora.Parameter> =>
  model.lora === null ? weights(model) : Lora.parameters(model.config, model.lora);

/**
 * Initial values of the model's variables, by name: its weights out of `read` (Hugging Face matrices, [out,
 * in]) and fresh adapters. Undefined for a variable that is not the model's (heads, optimizer slots).
 */
export const initial = (
  model: Model,
  read: (name: string) => Float32Array,
  seed: number,
): ((name: string) => Float32Array | undefined) => {
  const stored = new Map(weights(model).map((s) => [s.name, s]));
  const adapters = new Map(
    (model.lora === null ? [] : Lora.parameters(model.config, model.lora)).map((p) => [p.name, p]),
  );
  return (name) => {
    const own = stored.get(name);
    if (own !== undefined) return WeightLayout.pack(own, read);
    const adapter = adapters.get(name);
    return adapter === undefined ? undefined : Lora.initial(adapter, seed);
  };
};

/** Random Hugging Face matrices for training from scratch: normal with the config's deviation, gains 1, biases 0. */
export const randomWeights = (
  config: ModelConfig.ModelConfig,
  seed: number,
): ((name: string) => Float32Array) => {
  const shapes = new Map(ModelConfig.tensorShapes(config).map(({ name, shape }) => [name, shape]));
  const random = Random.make(seed);
  return (name) => {
    const shape = shapes.get(name);
    if (shape === undefined) throw new RangeError(`the model has no weight ${name}`);
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (shape.length === 1) return data.fill(name.endsWith(".bias") ? 0 : 1);
    const stream = random.split(name);
    for (let i = 0; i < data.length; i++) data[i] = config.initializer_range * stream.normal();
    return data;
  };
};

/**
 * The model's Hugging Face matrices as they are now, adapters merged in: for export. `base` may read a frozen
 * model's original file instead of its variables, which may hold rounded copies.
 */
export const exported = (
  model: Model,
  variable: (name: string) => Float32Array,
  base: (name: string) => Float32Array = WeightLayout.reader(weights(model), variable),
): ((name: string) => Float32Array) =>
  model.lora === null ? base : Lora.merged(model.config, model.lora, base, variable);
