/**
 * The weights of golden/tiny-models.json: a formula that Python and TypeScript compute to the same bits.
 *
 * Value i (row-major) of tensor t (its place in ModelConfig.tensorShapes) from 32-bit arithmetic:
 *
 *     h = t * 0x9E3779B1 + i * 0x85EBCA77 + 1
 *     h ^= h >> 16;  h *= 0x7FEB352D;  h ^= h >> 15;  h *= 0x846CA68B;  h ^= h >> 16
 *     u = h / 2^32 * 2 - 1                          in float64
 *     value = 1 + 0.2 u for gains, 0.3 u for matrices and biases, rounded to float32
 */
import * as Fs from "node:fs";
import * as ModelConfig from "../../src/model/ModelConfig.ts";

export const value = (tensor: number, i: number, gain: boolean): number => {
  let h = (Math.imul(tensor, 0x9e3779b1) + Math.imul(i, 0x85ebca77) + 1) >>> 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  h ^= h >>> 16;
  const u = ((h >>> 0) / 2 ** 32) * 2 - 1;
  return Math.fround(gain ? 1 + 0.2 * u : 0.3 * u);
};

/** Reads the formula's weights by Hugging Face's names. */
export const weights = (config: ModelConfig.ModelConfig): ((name: string) => Float32Array) => {
  const shapes = ModelConfig.tensorShapes(config);
  return (name) => {
    const tensor = shapes.findIndex((t) => t.name === name);
    const shape = shapes[tensor]?.shape;
    if (shape === undefined) throw new Error(`no tensor ${name}`);
    const count = shape.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: count }, (_, i) => value(tensor, i, name.includes("norm")));
  };
};

/** Little-endian float32 numbers in base64. */
export type Packed = string;
export const unpacked = (text: Packed): Float32Array => {
  const bytes = Buffer.from(text, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
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
      readonly logits: Packed;
      /** log p(ids[i + 1] | ids up to i), one fewer than ids. */
      readonly logProbs: Packed;
      /** The next 12 tokens by argmax. */
      readonly greedy: ReadonlyArray<number>;
    }>;
    /** Logits of the sequences as one left-padded batch at its real positions. */
    readonly padded: Packed;
    /** Mean cross-entropy of the first sequence's next tokens, and its gradients by Hugging Face's names. */
    readonly loss: number;
    readonly gradients: Readonly<Record<string, Packed>>;
    /** The same for adapters on every projection, rank 3 and alpha 6, in torch's layout. */
    readonly lora: ReadonlyArray<{
      readonly dropout: number;
      readonly loss: number;
      readonly gradients: Readonly<Record<string, Packed>>;
      /** A bit an element in base64, the first in the lowest. */
      readonly masks: string;
    }>;
  }>;
}

export const golden = (): Golden =>
  JSON.parse(Fs.readFileSync(new URL("golden/tiny-models.json", import.meta.url), "utf8")) as Golden;
