/**
 * The parts of one layer of the transformer: products with stored weights, norms, attention, SwiGLU.
 *
 * Shapes: B sequences of T positions, N = B * T rows, d the model's width, H query heads and KV key-value
 * heads of width hd, G = H / KV.
 */
import type { Graph, Value } from "../tensor/Graph.ts";
import * as Lora from "./Lora.ts";
import type * as ModelConfig from "./ModelConfig.ts";
import * as WeightLayout from "./WeightLayout.ts";

export interface Model {
  readonly config: ModelConfig.ModelConfig;
  readonly storage: WeightLayout.Storage;
  readonly lora: Lora.Lora | null;
  /** What the names of its variables begin with; "" where absent. */
  readonly prefix?: string;
}

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
  /** Queries are taken in so many blocks, each with the keys that its last one sees: for causal masks. Default 1. */
  readonly blocks?: number;
  /** Called with this step's keys and values [B, KV, T, hd] of a layer; returns those to attend to [B, KV, S, hd]. */
  readonly cache?: (layer: number, keys: Value, values: Value) => readonly [Value, Value];
  /** Takes the place of all of it: a layer's queries, keys and values [N, (H + 2 KV) * hd] -> [N, H * hd]. */
  readonly attention?: (layer: number, qkv: Value) => Value;
  /** Masks of `Lora.maskFeed`, while adapters train with dropout. */
  readonly dropout?: Value | undefined;
}

/** A weight of the model by its stored name. */
export const weight = (g: Graph, model: Model, name: string, shape: ReadonlyArray<number>): Value => {
  const [first, second] = shape;
  const variable = `${model.prefix ?? ""}${name}`;
  if (second === undefined) return g.variable(variable, shape);
  const { dtype } = model.storage;
  // Matrices are asked for as [in, out] and stored as WeightLayout says; the embedding is [vocab, d] always.
  const stored = dtype === "bfloat16" && name !== WeightLayout.EMBEDDING ? [second, first] : shape;
  return g.variable(variable, stored, dtype);
};

/** x [n, in] times a stored matrix -> [n, out] float32; bfloat16 matrices multiply in bfloat16. */
export const linear = (
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
export const rmsNorm = (g: Graph, model: Model, name: string, x: Value): Value => {
  const { hidden_size, rms_norm_eps } = model.config;
  const scale = g.rsqrt(g.add(g.mean(g.square(x), 1, true), rms_norm_eps));
  return g.mul(g.mul(x, scale), weight(g, model, name, [hidden_size]));
};

const withDelta = (g: Graph, x: Value, delta: Value | null): Value => (delta === null ? x : g.add(x, delta));

/**
 * softmax(q k' + mask) v in groups of heads, without repeating keys and values: queries [B, H, T, hd] (scaled),
 * keys and values [B, KV, S, hd], the mask broadcasting over [B, H, T, S] -> [B, H, T, hd].
 */
const mix = (g: Graph, query: Value, keys: Value, values: Value, mask: Value): Value => {
  const [B, H, T, hd] = query.shape as readonly [number, number, number, number];
  const [, KV, S] = keys.shape as readonly [number, number, number];
  const rows = (H / KV) * T;
  const scores = g.batchMatMul(g.reshape(query, [B, KV, rows, hd]), keys, { adjointB: true });
  const weights = g.softmax(g.add(g.reshape(scores, [B, H, T, S]), mask));
  return g.reshape(g.batchMatMul(g.reshape(weights, [B, KV, rows, S]), values), [B, H, T, hd]);
};

/** `mix` by blocks of queries: the last query of a block sees T - end keys fewer than that of the last block. */
const mixBlocks = (
  g: Graph,
  blocks: number,
  query: Value,
  keys: Value,
  values: Value,
  mask: Value,
): Value => {
  const [T, S] = [query.shape[2], keys.shape[2]];
  const size = Math.ceil(T / blocks);
  const cut = (x: Value, axis: number, begin: number, end: number): Value =>
    g.slice(
      x,
      x.shape.map((_, i) => (i === axis ? begin : 0)),
      x.shape.with(axis, end - begin),
    );
  const parts = Array.from({ length: Math.ceil(T / size) }, (_, i) => {
    const [begin, end] = [i * size, Math.min(T, (i + 1) * size)];
    const seen = S - T + end;
    const rows = mask.shape.length - 2;
    return mix(
      g,
      cut(query, 2, begin, end),
      cut(keys, 2, 0, seen),
      cut(values, 2, 0, seen),
      cut(cut(mask, rows, begin, end), rows + 1, 0, seen),
    );
  });
  return g.concat(parts, 2);
};

/** Attention of a layer; h [N, d] normed -> [N, H * hd]. */
const attention = (g: Graph, model: Model, layer: number, h: Value, a: Attend): Value => {
  const { config: c, lora } = model;
  const { num_attention_heads: H, num_key_value_heads: KV, head_dim: hd } = c;
  const { batch: B, time: T } = a;
  const widths = [H * hd, KV * hd, KV * hd];
  let qkv = project(g, model, layer, "qkv", h);
  if (a.dropout === undefined) {
    qkv = withDelta(g, qkv, Lora.jointDelta(g, c, lora, layer, ["q", "k", "v"], h));
  } else {
    // Each target has its own mask.
    const parts = g.split(qkv, widths, 1);
    const deltas = (["q", "k", "v"] as const).map((target) =>
      Lora.delta(g, c, lora, layer, target, h, a.dropout),
    );
    qkv = g.concat(
      parts.map((part, i) => withDelta(g, part, deltas[i] ?? null)),
      1,
    );
  }
  if (a.attention !== undefined) return a.attention(layer, qkv);
  const heads = g.transpose(g.reshape(qkv, [B, T, H + 2 * KV, hd]), [0, 2, 1, 3]);
  const [queryKey, newValues] = g.split(heads, [H + KV, KV], 1) as [Value, Value];
  const turned = g.add(g.mul(queryKey, a.cos), g.mul(g.roll(queryKey, hd / 2, 3), a.sin));
  const [query, newKeys] = g.split(turned, [H, KV], 1) as [Value, Value];
  const [keys, values] = a.cache?.(layer, newKeys, newValues) ?? [newKeys, newValues];
  const mixed = mixBlocks(g, a.blocks ?? 1, g.mul(query, 1 / Math.sqrt(hd)), keys, values, a.mask);
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

/** The residual stream x [N, d] after a layer. */
export const apply = (g: Graph, model: Model, layer: number, x: Value, attend: Attend): Value => {
  const { config: c, lora } = model;
  const names = WeightLayout.layerNames(layer);
  const mixed = attention(g, model, layer, rmsNorm(g, model, names.norm1, x), attend);
  const projected = project(g, model, layer, "o", mixed);
  const out = g.add(x, withDelta(g, projected, Lora.delta(g, c, lora, layer, "o", mixed, attend.dropout)));
  return g.add(out, feedForward(g, model, layer, rmsNorm(g, model, names.norm2, out), attend));
};
