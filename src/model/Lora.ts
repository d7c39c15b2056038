/**
 * Low-rank adapters: y = x W + (alpha / rank) (x A) B, with A random and B zero, so that training starts at
 * the frozen model (Hu et al., "LoRA", arXiv 2106.09685). While it trains, an adapter's input may be dropped out.
 */
import * as Random from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import * as Architecture from "./Architecture.ts";
import { type ModelConfig, projectionName, widths } from "./ModelConfig.ts";

export const TARGETS = Architecture.PROJECTIONS;
export type Target = Architecture.Projection;

export interface Lora {
  /** 0: there are no adapters. */
  readonly rank: number;
  readonly alpha: number;
  readonly targets: ReadonlyArray<Target>;
  /** Probability that an element of an adapter's input is dropped while it trains, below 1; 0 where absent. */
  readonly dropout?: number;
  /** What the names of its variables begin with; "" where absent. */
  readonly prefix?: string;
}

/** These settings, with no targets where the rank is 0: nothing is added to the model, and nothing of it trains. */
export const of = (lora: Lora): Lora => (lora.rank === 0 ? { ...lora, targets: [], dropout: 0 } : lora);

export interface Parameter {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
}

/** Hugging Face's name of a target's matrix in a layer. */
export const matrixName = (layer: number, target: Target): string =>
  `${projectionName(layer, target)}.weight`;

/** The variable of one side of an adapter: A [in, rank] or B [rank, out]. */
const nameOf = (side: "A" | "B", layer: number, target: Target): string =>
  `lora.${projectionName(layer, target)}.${side}`;

const variableOf = (
  g: Graph,
  { prefix = "" }: Lora,
  side: "A" | "B",
  layer: number,
  target: Target,
  shape: ReadonlyArray<number>,
): Value => g.variable(`${prefix}${nameOf(side, layer, target)}`, shape);

/** The adapters' variables: A [in, rank] and B [rank, out] for each target of each layer. */
export const parameters = (c: ModelConfig, lora: Lora): ReadonlyArray<Parameter> => {
  const list: Array<Parameter> = [];
  for (let layer = 0; layer < c.num_hidden_layers; layer++) {
    for (const target of lora.targets) {
      const [input, output] = widths(c, target);
      list.push({ name: nameOf("A", layer, target), shape: [input, lora.rank] });
      list.push({ name: nameOf("B", layer, target), shape: [lora.rank, output] });
    }
  }
  return list;
};

/** Initial value of an adapter's variable: B zero, A normal with deviation 1 / sqrt(in), seeded by its name. */
export const initial = (parameter: Parameter, seed: number): Float32Array => {
  const data = new Float32Array(parameter.shape.reduce((a, b) => a * b, 1));
  if (parameter.name.endsWith(".B")) return data;
  const random = Random.make(seed).split(parameter.name);
  const deviation = 1 / Math.sqrt(parameter.shape[0]);
  for (let i = 0; i < data.length; i++) data[i] = deviation * random.normal();
  return data;
};

/** Where each target's mask begins among the masks of a pass over n rows, and their number in all. */
const maskPlaces = (c: ModelConfig, lora: Lora, rows: number) => {
  const begins = new Map<Target, number>();
  let layerSize = 0;
  for (const target of lora.targets) {
    begins.set(target, layerSize);
    layerSize += rows * widths(c, target)[0];
  }
  return { begins, layerSize, size: layerSize * c.num_hidden_layers };
};

/**
 * The feed of the dropout masks of a training pass over n rows (sequences * positions), for
 * `Transformer.forward`: bool, for each layer and target [n, in], one after the other. Undefined where nothing
 * is dropped.
 */
export const maskFeed = (
  g: Graph,
  c: ModelConfig,
  lora: Lora | null,
  name: string,
  rows: number,
): Value | undefined =>
  lora === null || (lora.dropout ?? 0) === 0
    ? undefined
    : g.feed(name, [maskPlaces(c, lora, rows).size], "bool");

/** Masks to feed: 1 keeps an element, with probability 1 - dropout; each pass needs fresh ones. */
export const drawMask = (c: ModelConfig, lora: Lora, rows: number, random: Random.Random): Uint8Array => {
  const mask = new Uint8Array(maskPlaces(c, lora, rows).size);
  const limit = Math.round((lora.dropout ?? 0) * 65536);
  // Two elements a draw: 16 bits decide each.
  for (let i = 0; i < mask.length; i += 2) {
    const bits = random.uint32();
    mask[i] = (bits & 0xffff) >= limit ? 1 : 0;
    mask[i + 1] = bits >>> 16 >= limit ? 1 : 0;
  }
  return mask;
};

/**
 * (alpha / rank) (x A) B for x [n, in]; null where the target has no adapter. With masks (of `maskFeed`) x is
 * first dropped out: zeroed where the mask is 0 and divided by 1 - dropout elsewhere, a mask for each target.
 */
export const delta = (
  g: Graph,
  c: ModelConfig,
  lora: Lora | null,
  layer: number,
  target: Target,
  x: Value,
  masks?: Value,
): Value | null => {
  if (lora === null || !lora.targets.includes(target)) return null;
  const [input, output] = widths(c, target);
  const a = variableOf(g, lora, "A", layer, target, [input, lora.rank]);
  const b = variableOf(g, lora, "B", layer, target, [lora.rank, output]);
  const scale = lora.alpha / lora.rank;
  if (masks === undefined) return g.matMul(g.mul(g.matMul(x, a), g.scalar(scale)), b);
  const { begins, layerSize } = maskPlaces(c, lora, x.shape[0]);
  const begin = layer * layerSize + (begins.get(target) ?? 0);
  const kept = g.reshape(g.slice(masks, [begin], [x.shape[0] * input]), x.shape);
  const low = g.matMul(g.mul(x, g.cast(kept, "float32")), a);
  return g.matMul(g.mul(low, g.scalar(scale / (1 - (lora.dropout ?? 0)))), b);
};

/**
 * The `delta`s of targets that read the same x [n, in], side by side: [n, outs], zeros where a target has no
 * adapter; null where none has. All low products are one, and so are all high ones.
 */
export const jointDelta = (
  g: Graph,
  c: ModelConfig,
  lora: Lora | null,
  layer: number,
  targets: ReadonlyArray<Target>,
  x: Value,
): Value | null => {
  if (lora === null || !targets.some((target) => lora.targets.includes(target))) return null;
  const total = targets.reduce((sum, target) => sum + widths(c, target)[1], 0);
  const [low, high]: [Array<Value>, Array<Value>] = [[], []];
  let before = 0;
  for (const target of targets) {
    const [input, output] = widths(c, target);
    if (lora.targets.includes(target)) {
      low.push(variableOf(g, lora, "A", layer, target, [input, lora.rank]));
      const b = variableOf(g, lora, "B", layer, target, [lora.rank, output]);
      high.push(
        g.pad(b, [
          [0, 0],
          [before, total - before - output],
        ]),
      );
    }
    before += output;
  }
  const scaled = g.mul(g.matMul(x, g.concat(low, 1)), g.scalar(lora.alpha / lora.rank));
  return g.matMul(scaled, g.concat(high, 0));
};

/** A [rows, columns] matrix as [columns, rows]. */
export const transposed = (data: Float32Array, rows: number): Float32Array => {
  const columns = data.length / rows;
  return Float32Array.from(
    { length: data.length },
    (_, i) => data[(i % rows) * columns + Math.floor(i / rows)],
  );
};

/** weight [out, in] + scale * b [out, rank] a [rank, in], as a new array. */
export const plusProduct = (
  weight: Float32Array,
  a: Float32Array,
  b: Float32Array,
  rank: number,
  scale: number,
): Float32Array => {
  const input = a.length / rank;
  const row = new Float64Array(input);
  const out = new Float32Array(weight.length);
  for (let o = 0; o * input < weight.length; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * b[o * rank + r];
      for (let i = 0; i < input; i++) row[i] = row[i] + factor * a[r * input + i];
    }
    for (let i = 0; i < input; i++) out[o * input + i] = weight[o * input + i] + row[i];
  }
  return out;
};

/**
 * A reader of Hugging Face matrices ([out, in]) with the adapters merged in, over readers of the base
 * matrices and of the adapters' variables.
 */
export const merged = (
  c: ModelConfig,
  lora: Lora,
  base: (name: string) => Float32Array,
  variable: (name: string) => Float32Array,
): ((name: string) => Float32Array) => {
  const places = new Map<string, readonly [layer: number, target: Target]>();
  for (let layer = 0; layer < c.num_hidden_layers; layer++) {
    for (const target of lora.targets) places.set(matrixName(layer, target), [layer, target]);
  }
  return (name) => {
    const place = places.get(name);
    if (place === undefined) return base(name);
    const a = transposed(variable(nameOf("A", ...place)), widths(c, place[1])[0]);
    const b = transposed(variable(nameOf("B", ...place)), lora.rank);
    return plusProduct(base(name), a, b, lora.rank, lora.alpha / lora.rank);
  };
};
