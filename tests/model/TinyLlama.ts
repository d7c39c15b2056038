/**
 * The weights of golden/tiny-llama.json: a formula that Python and TypeScript compute to the same bits.
 *
 * Value i (row-major) of tensor t (its place in ModelConfig.tensorShapes) from 32-bit arithmetic:
 *
 *     h = t * 0x9E3779B1 + i * 0x85EBCA77 + 1
 *     h ^= h >> 16;  h *= 0x7FEB352D;  h ^= h >> 15;  h *= 0x846CA68B;  h ^= h >> 16
 *     u = h / 2^32 * 2 - 1                          in float64
 *     value = 1 + 0.2 u for vectors, 0.3 u for matrices, rounded to float32
 */
import * as Fs from "node:fs";
import * as ModelConfig from "../../src/model/ModelConfig.ts";

export const value = (tensor: number, i: number, vector: boolean): number => {
  let h = (Math.imul(tensor, 0x9e3779b1) + Math.imul(i, 0x85ebca77) + 1) >>> 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  h ^= h >>> 16;
  const u = ((h >>> 0) / 2 ** 32) * 2 - 1;
  return Math.fround(vector ? 1 + 0.2 * u : 0.3 * u);
};

/** Reads the formula's weights by Hugging Face's names. */
export const weights = (config: ModelConfig.ModelConfig): ((name: string) => Float32Array) => {
  const shapes = ModelConfig.tensorShapes(config);
  return (name) => {
    const tensor = shapes.findIndex((t) => t.name === name);
    const shape = shapes[tensor]?.shape;
    if (shape === undefined) throw new Error(`no tensor ${name}`);
    const count = shape.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: count }, (_, i) => value(tensor, i, shape.length === 1));
  };
};

export interface Golden {
  /** First values of three tensors, to check the formula itself. */
  readonly check: Readonly<Record<string, ReadonlyArray<number>>>;
  readonly cases: ReadonlyArray<{
    readonly name: string;
    readonly config: ModelConfig.ModelConfig;
    readonly sequences: ReadonlyArray<{
      readonly ids: ReadonlyArray<number>;
      /** Of the last position, [vocab_size]. */
      readonly logits: ReadonlyArray<number>;
      /** log p(ids[i + 1] | ids up to i), one fewer than ids. */
      readonly logProbs: ReadonlyArray<number>;
      /** The next 12 tokens by argmax. */
      readonly greedy: ReadonlyArray<number>;
    }>;
    /** Mean cross-entropy of the first sequence's next tokens, and its gradients. */
    readonly loss: number;
    readonly gradients: Readonly<
      Record<string, { readonly norm: number; readonly first: ReadonlyArray<number> }>
    >;
  }>;
}

export const golden = (): Golden =>
  JSON.parse(Fs.readFileSync(new URL("golden/tiny-llama.json", import.meta.url), "utf8")) as Golden;
