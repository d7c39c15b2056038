/**
 * How the weights of a Hugging Face model are stored in a session, and back: pure, exact both ways.
 *
 * The query, key and value matrices are one variable, and so are gate and up: one matrix product each.
 * Float32 matrices are stored [in, out], because a transposed product with few rows costs up to 2.5 times
 * as much on a CPU; bfloat16 ones [out, in], which is what its kernel wants. The embedding stays [vocab, d]
 * for lookups; a frozen tied one may have a second, transposed copy for the output product.
 */
import * as ModelConfig from "./ModelConfig.ts";

export interface Storage {
  /** Type of the matrices. Norm gains and biases are float32 always. bfloat16 is for frozen weights only. */
  readonly dtype: "float32" | "bfloat16";
  /** Tied float32 embedding: hold a [d, vocab] copy for the output product. For frozen weights only. */
  readonly outputCopy: boolean;
}

export const trained: Storage = { dtype: "float32", outputCopy: false };
export const frozen = (dtype: "float32" | "bfloat16"): Storage => ({
  dtype,
  outputCopy: dtype === "float32",
});

/** A variable of the session and the Hugging Face matrices that it holds, one under the other by rows. */
export interface Stored {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
  readonly dtype: "float32" | "bfloat16";
  /** Hugging Face matrices [rows, columns] ([out, in]) in order; of gains and biases, columns is 1. */
  readonly parts: ReadonlyArray<{ readonly name: string; readonly rows: number }>;
  readonly columns: number;
  /** The variable is the transpose of the parts stacked by rows. */
  readonly transposed: boolean;
  /** A second copy of what another variable holds: never trained, never exported. */
  readonly copy: boolean;
}

export const EMBEDDING = "model.embed_tokens.weight";
export const FINAL_NORM = "model.norm.weight";
export const OUTPUT = "lm_head.weight";

/** The projections that are one variable and one matrix product, in order. */
export const FUSED = {
  qkv: ["q", "k", "v"],
  o: ["o"],
  gateUp: ["gate", "up"],
  down: ["down"],
} as const;
export type Fused = keyof typeof FUSED;

/** Names of a layer's variables; the bias of a projection's `X.weight` is `X.bias`. */
export const layerNames = (layer: number) => {
  const prefix = `model.layers.${layer}.`;
  return {
    norm1: `${prefix}input_layernorm.weight`,
    qkv: `${prefix}self_attn.qkv_proj.weight`,
    o: `${prefix}self_attn.o_proj.weight`,
    norm2: `${prefix}post_attention_layernorm.weight`,
    gateUp: `${prefix}mlp.gate_up_proj.weight`,
    down: `${prefix}mlp.down_proj.weight`,
  };
};

/** [in, out] of a fused matrix. */
export const widths = (c: ModelConfig.ModelConfig, fused: Fused): readonly [number, number] => {
  const all = FUSED[fused].map((projection) => ModelConfig.widths(c, projection));
  return [all[0]?.[0] ?? 0, all.reduce((sum, [, output]) => sum + output, 0)];
};

/** The variable that holds a fused matrix's bias [out]; null where the architecture has none. */
export const biasName = (c: ModelConfig.ModelConfig, layer: number, fused: Fused): string | null =>
  ModelConfig.biases(c).includes(FUSED[fused][0])
    ? layerNames(layer)[fused].replace(/\.weight$/, ".bias")
    : null;

/** Every variable of a model's weights. */
export const layout = (c: ModelConfig.ModelConfig, storage: Storage): ReadonlyArray<Stored> => {
  const d = c.hidden_size;
  const transposed = storage.dtype === "float32";
  const total = (parts: Stored["parts"]): number => parts.reduce((sum, part) => sum + part.rows, 0);
  const matrix = (name: string, columns: number, parts: Stored["parts"], copy = false): Stored => {
    const shape = transposed ? [columns, total(parts)] : [total(parts), columns];
    return { name, shape, dtype: storage.dtype, parts, columns, transposed, copy };
  };
  const vector = (name: string, parts: Stored["parts"]): Stored => ({
    name,
    shape: [total(parts)],
    dtype: "float32",
    parts,
    columns: 1,
    transposed: false,
    copy: false,
  });
  const gain = (name: string): Stored => vector(name, [{ name, rows: d }]);
  const projection = (layer: number, fused: Fused): ReadonlyArray<Stored> => {
    const parts = (kind: "weight" | "bias") =>
      FUSED[fused].map((one) => ({
        name: `${ModelConfig.projectionName(layer, one)}.${kind}`,
        rows: ModelConfig.widths(c, one)[1],
      }));
    const weight = matrix(layerNames(layer)[fused], widths(c, fused)[0], parts("weight"));
    const bias = biasName(c, layer, fused);
    return bias === null ? [weight] : [weight, vector(bias, parts("bias"))];
  };
  const embedding = [{ name: EMBEDDING, rows: c.vocab_size }];
  const list: Array<Stored> = [
    { ...matrix(EMBEDDING, d, embedding), shape: [c.vocab_size, d], transposed: false },
  ];
  for (let layer = 0; layer < c.num_hidden_layers; layer++) {
    const names = layerNames(layer);
    list.push(
      gain(names.norm1),
      ...projection(layer, "qkv"),
      ...projection(layer, "o"),
      gain(names.norm2),
      ...projection(layer, "gateUp"),
      ...projection(layer, "down"),
    );
  }
  list.push(gain(FINAL_NORM));
  if (!c.tie_word_embeddings) list.push(matrix(OUTPUT, d, [{ name: OUTPUT, rows: c.vocab_size }]));
  else if (storage.outputCopy && transposed) list.push(matrix(OUTPUT, d, embedding, true));
  return list;
};

/** Transposes [rows, columns] in blocks, so that neither side of the copy misses the cache at each step. */
const transpose = (from: Float32Array, rows: number, columns: number): Float32Array => {
  const to = new Float32Array(from.length);
  const block = 32;
  for (let r0 = 0; r0 < rows; r0 += block) {
    const r1 = Math.min(rows, r0 + block);
    for (let c0 = 0; c0 < columns; c0 += block) {
      const c1 = Math.min(columns, c0 + block);
      for (let r = r0; r < r1; r++) {
        for (let c = c0; c < c1; c++) to[c * rows + r] = from[r * columns + c];
      }
    }
  }
  return to;
};

/** The variable's content from the Hugging Face matrices that `read` gives by name ([out, in], row-major). */
export const pack = (stored: Stored, read: (name: string) => Float32Array): Float32Array => {
  const rows = stored.parts.reduce((sum, part) => sum + part.rows, 0);
  const stacked = new Float32Array(rows * stored.columns);
  let row = 0;
  for (const part of stored.parts) {
    const data = read(part.name);
    if (data.length !== part.rows * stored.columns) {
      throw new RangeError(
        `${part.name} has ${data.length} numbers, expected ${part.rows} x ${stored.columns}`,
      );
    }
    stacked.set(data, row * stored.columns);
    row += part.rows;
  }
  return stored.transposed ? transpose(stacked, rows, stored.columns) : stacked;
};

/** The Hugging Face matrices that a variable holds, by name: the inverse of `pack`. */
export const unpack = (stored: Stored, data: Float32Array): ReadonlyMap<string, Float32Array> => {
  const rows = stored.parts.reduce((sum, part) => sum + part.rows, 0);
  const stacked = stored.transposed ? transpose(data, stored.columns, rows) : data;
  const parts = new Map<string, Float32Array>();
  let row = 0;
  for (const part of stored.parts) {
    parts.set(part.name, stacked.slice(row * stored.columns, (row + part.rows) * stored.columns));
    row += part.rows;
  }
  return parts;
};

/**
 * Reads Hugging Face matrices out of a session's variables. The last variable read is kept, so that
 * reading the parts of one in order copies it out of the session once.
 */
export const reader = (
  list: ReadonlyArray<Stored>,
  variable: (name: string) => Float32Array,
): ((name: string) => Float32Array) => {
  let last: { readonly name: string; readonly parts: ReadonlyMap<string, Float32Array> } | null = null;
  return (name) => {
    const stored = list.find((s) => !s.copy && s.parts.some((part) => part.name === name));
    if (stored === undefined) throw new RangeError(`no variable holds ${name}`);
    if (last === null || last.name !== stored.name) {
      last = { name: stored.name, parts: unpack(stored, variable(stored.name)) };
    }
    return last.parts.get(name) as Float32Array;
  };
};
