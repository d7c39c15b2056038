/**
 * The policy's network: a transformer of the Llama and Qwen2 families, recorded against `Graph`.
 *
 * Pre-norm layers with RMSNorm, rotary position embeddings, grouped-query attention and SwiGLU
 * (Touvron et al., "LLaMA", arXiv 2302.13971; Ainslie et al., "GQA", arXiv 2305.13245), numerically that of
 * Hugging Face's LlamaForCausalLM and Qwen2ForCausalLM. Sequences are right-padded: under the causal mask no real position sees
 * padding, so training needs no other mask.
 *
 * Shapes: B sequences of T positions, N = B * T rows, d the model's width, H query heads and KV key-value
 * heads of width hd, G = H / KV, V the vocabulary. The same layer serves whole sequences and decoding with a
 * cache: a decoding step is T = 1 with keys and values that the cache returns.
 */
import * as Random from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import * as Lora from "./Lora.ts";
import * as ModelConfig from "./ModelConfig.ts";
import * as Rotary from "./Rotary.ts";
import * as WeightLayout from "./WeightLayout.ts";

export interface Model {
  readonly config: ModelConfig.ModelConfig;
  readonly storage: WeightLayout.Storage;
  readonly lora: Lora.Lora | null;
}

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
): Model => ({ config, storage: WeightLayout.frozen(frozenType), lora });

/** Added to the scores of positions that may not be seen. */
export const HIDDEN = -1e9;

/** A weight of the model by its stored name. */
const weight = (g: Graph, model: Model, name: string, shape: ReadonlyArray<number>): Value => {
  const [first, second] = shape;
  if (second === undefined) return g.variable(name, shape);
  const { dtype } = model.storage;
  // Matrices are asked for as [in, out] and stored as WeightLayout says; the embedding is [vocab, d] always.
  const stored = dtype === "bfloat16" && name !== WeightLayout.EMBEDDING ? [second, first] : shape;
  return g.variable(name, stored, dtype);
};

/** x [n, in] times a stored matrix -> [n, out] float32; bfloat16 matrices multiply in bfloat16. */
const linear = (
  g: Graph,
  model: Model,
  name: string,
  x: Value,
  [input, output]: readonly [number, number],
): Value => {
  const w = weight(g, model, name, [input, output]);
  return w.dtype === "bfloat16"
    ? g.cast(g.matMul(g.cast(x, "bfloat16"), w, { transposeB: true }), "float32")
    : g.matMul(x, w);
};

/** The projections of a layer that are one product: x [n, in] -> [n, out], with their bias where there is one. */
const project = (g: Graph, model: Model, layer: number, fused: WeightLayout.Fused, x: Value): Value => {
  const { config } = model;
  const widths = WeightLayout.widths(config, fused);
  const y = linear(g, model, WeightLayout.layerNames(layer)[fused], x, widths);
  const bias = WeightLayout.biasName(config, layer, fused);
  return bias === null ? y : g.add(y, weight(g, model, bias, [widths[1]]));
};

/** x / sqrt(mean(x^2) + eps) * gain, over rows (Zhang and Sennrich, arXiv 1910.07467). */
const rmsNorm = (g: Graph, model: Model, name: string, x: Value): Value => {
  const { hidden_size, rms_norm_eps } = model.config;
  const scale = g.rsqrt(g.add(g.mean(g.square(x), 1, true), rms_norm_eps));
  return g.mul(g.mul(x, scale), weight(g, model, name, [hidden_size]));
};

export const rotaryTables = Rotary.tables;

/** What a pass through the layers needs besides its input. */
export interface Attend {
  readonly batch: number;
  /** T: positions a sequence in the input. */
  readonly time: number;
  /** cos and sin, broadcasting over [B, H + KV, T, hd]. */
  readonly cos: Value;
  readonly sin: Value;
  /** Added to scores; broadcasts over [B, H, T, S]. */
  readonly mask: Value;
  /** Called with this step's keys and values [B, KV, T, hd] of a layer; returns those to attend to [B, KV, S, hd]. */
  readonly cache?: (layer: number, keys: Value, values: Value) => readonly [Value, Value];
  /** Masks of `Lora.maskFeed`, while adapters train with dropout. */
  readonly dropout?: Value | undefined;
}

const withDelta = (g: Graph, x: Value, delta: Value | null): Value => (delta === null ? x : g.add(x, delta));

/** Grouped-query attention without repeating keys and values; h [N, d] normed -> [N, H * hd]. */
const attention = (g: Graph, model: Model, layer: number, h: Value, a: Attend): Value => {
  const { config: c, lora } = model;
  const { num_attention_heads: H, num_key_value_heads: KV, head_dim: hd } = c;
  const { batch: B, time: T } = a;
  const widths = [H * hd, KV * hd, KV * hd];
  let qkv = project(g, model, layer, "qkv", h);
  const deltas = (["q", "k", "v"] as const).map((target) =>
    Lora.delta(g, c, lora, layer, target, h, a.dropout),
  );
  if (deltas.some((delta) => delta !== null)) {
    const parts = g.split(qkv, widths, 1);
    qkv = g.concat(
      parts.map((part, i) => withDelta(g, part, deltas[i] ?? null)),
      1,
    );
  }
  const heads = g.transpose(g.reshape(qkv, [B, T, H + 2 * KV, hd]), [0, 2, 1, 3]);
  const [queryKey, newValues] = g.split(heads, [H + KV, KV], 1) as [Value, Value];
  const turned = g.add(g.mul(queryKey, a.cos), g.mul(g.roll(queryKey, hd / 2, 3), a.sin));
  const [query, newKeys] = g.split(turned, [H, KV], 1) as [Value, Value];
  const [keys, values] = a.cache?.(layer, newKeys, newValues) ?? [newKeys, newValues];
  const S = keys.shape[2];
  const G = H / KV;
  const scaled = g.reshape(g.mul(query, 1 / Math.sqrt(hd)), [B, KV, G * T, hd]);
  const scores = g.reshape(g.batchMatMul(scaled, keys, { adjointB: true }), [B, H, T, S]);
  const weights = g.reshape(g.softmax(g.add(scores, a.mask)), [B, KV, G * T, S]);
  const mixed = g.reshape(g.batchMatMul(weights, values), [B, H, T, hd]);
  return g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [B * T, H * hd]);
};

/** SwiGLU: (silu(h gate) * (h up)) down (Shazeer, arXiv 2002.05202); h [N, d] normed -> [N, d]. */
const feedForward = (g: Graph, model: Model, layer: number, h: Value, a: Attend): Value => {
  const { config: c, lora } = model;
  const f = c.intermediate_size;
  const both = project(g, model, layer, "gateUp", h);
  const [gate, up] = (["gate", "up"] as const).map((target, i) =>
    withDelta(g, g.split(both, [f, f], 1)[i], Lora.delta(g, c, lora, layer, target, h, a.dropout)),
  ) as [Value, Value];
  const inner = g.mul(g.mul(gate, g.sigmoid(gate)), up);
  return withDelta(
    g,
    project(g, model, layer, "down", inner),
    Lora.delta(g, c, lora, layer, "down", inner, a.dropout),
  );
};

/** The residual stream x [N, d] after layers 0 .. `layers`-1, all by default. */
export const layers = (
  g: Graph,
  model: Model,
  x: Value,
  attend: Attend,
  count = model.config.num_hidden_layers,
): Value => {
  const { config: c, lora } = model;
  let out = x;
  for (let layer = 0; layer < count; layer++) {
    out = g.checkpoint(out);
    const names = WeightLayout.layerNames(layer);
    const mixed = attention(g, model, layer, rmsNorm(g, model, names.norm1, out), attend);
    const projected = project(g, model, layer, "o", mixed);
    out = g.add(out, withDelta(g, projected, Lora.delta(g, c, lora, layer, "o", mixed, attend.dropout)));
    out = g.add(out, feedForward(g, model, layer, rmsNorm(g, model, names.norm2, out), attend));
  }
  return out;
};

/** Token embeddings of ids [n] -> [n, d] float32. */
export const embed = (g: Graph, model: Model, ids: Value): Value => {
  const { vocab_size, hidden_size } = model.config;
  return g.cast(
    g.gather(weight(g, model, WeightLayout.EMBEDDING, [vocab_size, hidden_size]), ids),
    "float32",
  );
};

/** The final norm of the residual stream: what the output matrix and the value heads see. */
export const finalNorm = (g: Graph, model: Model, x: Value): Value =>
  rmsNorm(g, model, WeightLayout.FINAL_NORM, x);

/** The attention of whole right-padded sequences [B, T] from position 0. */
export const causal = (g: Graph, model: Model, batch: number, time: number): Attend => {
  const tables = rotaryTables(model.config, time);
  const mask = new Float32Array(time * time);
  for (let t = 0; t < time; t++) mask.fill(HIDDEN, t * time + t + 1, (t + 1) * time);
  const shape = [time, model.config.head_dim];
  return {
    batch,
    time,
    cos: g.constant(tables.cos, shape),
    sin: g.constant(tables.sin, shape),
    mask: g.constant(mask, [time, time]),
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
  const tables = rotaryTables(model.config, length);
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
    return linear(g, model, WeightLayout.OUTPUT, hidden, [d, V]);
  }
  const embedding = weight(g, model, WeightLayout.EMBEDDING, [V, d]);
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
