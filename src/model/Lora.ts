/**
 * Low-rank adapters: y = x W + (alpha / rank) (x A) B, with A random and B zero, so that training starts at
 * the frozen model (Hu et al., "LoRA", arXiv 2106.09685).
 */
import * as Random from "../random/Random.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import * as Architecture from "./Architecture.ts";
import { type ModelConfig, projectionName, widths } from "./ModelConfig.ts";

export const TARGETS = Architecture.PROJECTIONS;
export type Target = Architecture.Projection;

export interface Lora {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: ReadonlyArray<Target>;
}

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

/** (alpha / rank) (x A) B for x [n, in]; null where the target has no adapter. */
export const delta = (
  g: Graph,
  c: ModelConfig,
  lora: Lora | null,
  layer: number,
  target: Target,
  x: Value,
): Value | null => {
  if (lora === null || !lora.targets.includes(target)) return null;
  const [input, output] = widths(c, target);
  const a = g.variable(nameOf("A", layer, target), [input, lora.rank]);
  const b = g.variable(nameOf("B", layer, target), [lora.rank, output]);
  return g.matMul(g.mul(g.matMul(x, a), g.scalar(lora.alpha / lora.rank)), b);
};

/**
 * A reader of Hugging Face matrices ([out, in]) with the adapters merged in, over readers of the base
 * matrices and of the adapters' variables.
 */
export const merged =
  (
    c: ModelConfig,
    lora: Lora,
    base: (name: string) => Float32Array,
    variable: (name: string) => Float32Array,
  ): ((name: string) => Float32Array) =>
  (name) => {
    const weight = base(name);
    for (let layer = 0; layer < c.num_hidden_layers; layer++) {
      for (const target of lora.targets) {
        if (matrixName(layer, target) !== name) continue;
        const [input, output] = widths(c, target);
        const a = variable(nameOf("A", layer, target));
        const b = variable(nameOf("B", layer, target));
        const scale = lora.alpha / lora.rank;
        const out = Float32Array.from(weight);
        for (let o = 0; o < output; o++) {
          for (let i = 0; i < input; i++) {
            let sum = 0;
            for (let r = 0; r < lora.rank; r++) {
              sum += a[i * lora.rank + r] * b[r * output + o];
            }
            out[o * input + i] = out[o * input + i] + scale * sum;
          }
        }
        return out;
      }
    }
    return weight;
  };
