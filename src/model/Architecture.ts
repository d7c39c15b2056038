/**
 * The architectures that the one transformer serves: a row each, with what differs between them.
 *
 * All of them are pre-norm decoders with RMSNorm, rotary embeddings, grouped-query attention and SwiGLU. What
 * the shape alone does not say is here: names, which projections have biases, and how llama.cpp stores them.
 */

/** The matrices of a layer, by the stem of Hugging Face's names (`q` is `self_attn.q_proj`). */
export const PROJECTIONS = ["q", "k", "v", "o", "gate", "up", "down"] as const;
export type Projection = (typeof PROJECTIONS)[number];

/** The fields of config.json that decide about biases; only Llama reads them. */
export interface BiasFields {
  readonly attention_bias: boolean;
  readonly mlp_bias: boolean;
}

export interface Architecture {
  /** Hugging Face's class, in config.json's `architectures`. */
  readonly className: "LlamaForCausalLM" | "Qwen2ForCausalLM";
  readonly modelType: "llama" | "qwen2";
  /** GGUF's `general.architecture`, and the prefix of its metadata. */
  readonly gguf: string;
  /** llama.cpp interleaves the rows of q and k (weights and biases) for its own rotary embedding. */
  readonly ggufPermutes: boolean;
  /** Projections with a bias: of q, k, v all or none, of gate and up likewise. */
  readonly biases: (fields: BiasFields) => ReadonlyArray<Projection>;
  /** max_position_embeddings where config.json leaves it out. */
  readonly positions: number;
}

export const table: ReadonlyArray<Architecture> = [
  {
    className: "LlamaForCausalLM",
    modelType: "llama",
    gguf: "llama",
    ggufPermutes: true,
    biases: (fields) => [
      ...(fields.attention_bias ? (["q", "k", "v", "o"] as const) : []),
      ...(fields.mlp_bias ? (["gate", "up", "down"] as const) : []),
    ],
    positions: 2048,
  },
  {
    className: "Qwen2ForCausalLM",
    modelType: "qwen2",
    gguf: "qwen2",
    ggufPermutes: false,
    biases: () => ["q", "k", "v"],
    positions: 32768,
  },
];

/** The row of a class name or a model_type; undefined for any other. */
export const find = (name: unknown): Architecture | undefined =>
  table.find((row) => row.className === name || row.modelType === name);

/** The row whose GGUF name this is; undefined for any other. */
export const findGguf = (name: unknown): Architecture | undefined => table.find((row) => row.gguf === name);

/** A model's row, by its model_type. */
export const of = (config: { readonly model_type: Architecture["modelType"] }): Architecture =>
  find(config.model_type) as Architecture;
