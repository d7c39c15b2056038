/**
 * Rotary position embeddings (Su et al., "RoFormer", arXiv 2104.09864) with linear and Llama 3's scaling,
 * rounded to float32 at each step, as Hugging Face's code (modeling_rope_utils.py) computes them.
 */
import type { ModelConfig } from "./ModelConfig.ts";

const f32 = Math.fround;

/** Llama 3's scaling: long waves are stretched by `factor`, short ones kept, those between interpolated. */
const llama3 = (
  frequency: number,
  scaling: Extract<NonNullable<ModelConfig["rope_scaling"]>, { readonly rope_type: "llama3" }>,
): number => {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  const context = scaling.original_max_position_embeddings;
  // torch divides a number by a tensor as the tensor's reciprocal times the number
  const wave = f32(f32(1 / frequency) * f32(2 * Math.PI));
  if (wave > context / low) return f32(frequency / factor);
  if (wave < context / high) return frequency;
  const smooth = f32(f32(f32(f32(1 / wave) * context) - low) / (high - low));
  return f32(f32(f32(f32(1 - smooth) * frequency) / factor) + f32(smooth * frequency));
};

/** Radians a position of each pair of a head's elements, [head_dim / 2]. */
export const frequencies = (config: ModelConfig): Float32Array => {
  const { head_dim: width, rope_theta: theta, rope_scaling: scaling } = config;
  return Float32Array.from({ length: width / 2 }, (_, i) => {
    const plain = f32(1 / f32(theta ** f32((2 * i) / width)));
    if (scaling === null) return plain;
    return scaling.rope_type === "linear" ? plain / scaling.factor : llama3(plain, scaling);
  });
};

/** cos and signed sin of positions 0 .. length-1, each [length, hd], for x * cos + roll(x, hd / 2) * sin. */
export const tables = (
  config: ModelConfig,
  length: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } => {
  const width = config.head_dim;
  const half = width / 2;
  const cos = new Float32Array(length * width);
  const sin = new Float32Array(length * width);
  frequencies(config).forEach((frequency, i) => {
    for (let t = 0; t < length; t++) {
      const angle = f32(t * frequency);
      const at = t * width + i;
      cos[at] = Math.cos(angle);
      cos[at + half] = Math.cos(angle);
      sin[at] = -Math.sin(angle);
      sin[at + half] = Math.sin(angle);
    }
  });
  return { cos, sin };
};
