/**
 * The shape of a model of `Architecture.table`, in the field names of Hugging Face's config.json.
 *
 * What this code does not compute (other activations, other scalings of rotary embeddings, sliding windows,
 * other architectures) is refused here, before any weight is read.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as Architecture from "./Architecture.ts";
import { isRecord } from "./files/Files.ts";
import { PolicyError } from "./PolicyError.ts";

const Positive = Schema.Int.check(Schema.isGreaterThan(0));
const PositiveNumber = Schema.Finite.check(Schema.isGreaterThan(0));
const TokenId = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** How rotary frequencies are scaled for contexts longer than the original one; null is not at all. */
const RopeScaling = Schema.NullOr(
  Schema.Union([
    Schema.Struct({ rope_type: Schema.Literal("linear"), factor: PositiveNumber }),
    Schema.Struct({
      rope_type: Schema.Literal("llama3"),
      factor: PositiveNumber,
      low_freq_factor: PositiveNumber,
      /** Above low_freq_factor. */
      high_freq_factor: PositiveNumber,
      original_max_position_embeddings: Positive,
    }),
  ]),
);

/** A model's shape. Every field is set: defaults of Hugging Face's LlamaConfig are filled in by `decode`. */
export const ModelConfig = Schema.Struct({
  architectures: Schema.Tuple([Schema.Literals(["LlamaForCausalLM", "Qwen2ForCausalLM"])]),
  model_type: Schema.Literals(["llama", "qwen2"]),
  vocab_size: Positive,
  hidden_size: Positive,
  /** Width of the SwiGLU's inner layer. */
  intermediate_size: Positive,
  /** Far above any model's, so that a number of nonsense is refused before its weights are listed. */
  num_hidden_layers: Positive.check(Schema.isLessThanOrEqualTo(4096)),
  num_attention_heads: Positive,
  /** Divides num_attention_heads: each key-value head serves a group of query heads. */
  num_key_value_heads: Positive,
  /** Even; query width is num_attention_heads * head_dim, which need not be hidden_size. */
  head_dim: Positive,
  max_position_embeddings: Positive,
  rope_theta: PositiveNumber,
  rope_scaling: RopeScaling,
  rms_norm_eps: PositiveNumber,
  /** The output matrix is the embedding: no lm_head.weight on disk. */
  tie_word_embeddings: Schema.Boolean,
  hidden_act: Schema.Literal("silu"),
  /** Llama only: q, k, v and o have biases. Qwen2's q, k and v have them whatever this says. */
  attention_bias: Schema.Boolean,
  /** Llama only: gate, up and down have biases. */
  mlp_bias: Schema.Boolean,
  /** Standard deviation of random initial weights. */
  initializer_range: PositiveNumber,
  bos_token_id: Schema.NullOr(TokenId),
  /** The end-of-sequence token; of a list the first, taken by `decode`. */
  eos_token_id: TokenId,
  pad_token_id: Schema.NullOr(TokenId),
});
export type ModelConfig = typeof ModelConfig.Type;

const decodeStrict = Schema.decodeUnknownResult(ModelConfig, { errors: "all" });

/** transformers 5 writes rope_parameters, earlier versions rope_theta and rope_scaling; 5 reads both thus. */
const ropeOf = (json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  if (isRecord(json["rope_scaling"])) return json["rope_scaling"];
  return isRecord(json["rope_parameters"]) ? json["rope_parameters"] : {};
};

const ropeType = (rope: Readonly<Record<string, unknown>>): unknown =>
  rope["rope_type"] ?? rope["type"] ?? "default";

/** What of a model this code does not compute, and what to do; undefined where it computes all of it. */
const unsupported = (
  json: Readonly<Record<string, unknown>>,
): readonly [reason: string, remedy: string] | undefined => {
  const rope = ropeOf(json);
  const type = ropeType(rope);
  if (type !== "default" && type !== "linear" && type !== "llama3") {
    return [
      `rotary embeddings of type ${JSON.stringify(type)}, expected "default", "linear" or "llama3".`,
      "Choose a model with one of these scalings, or without any.",
    ];
  }
  const part = rope["partial_rotary_factor"] ?? json["partial_rotary_factor"] ?? 1;
  if (part !== 1) {
    return [
      `partial_rotary_factor is ${JSON.stringify(part)}, expected 1.`,
      "Choose a model whose heads are rotated whole.",
    ];
  }
  const types = json["layer_types"];
  const other: unknown = Array.isArray(types) ? types.find((kind) => kind !== "full_attention") : undefined;
  if (json["use_sliding_window"] === true || other !== undefined) {
    return [
      other === undefined
        ? "use_sliding_window is true, expected false."
        : `layer_types holds ${JSON.stringify(other)}, expected "full_attention" only.`,
      "Sliding windows are not computed: choose a model with full attention.",
    ];
  }
  return undefined;
};

const scalingOf = (rope: Readonly<Record<string, unknown>>, positions: unknown) => {
  const type = ropeType(rope);
  if (type === "default") return null;
  const original = rope["original_max_position_embeddings"] ?? positions;
  return { ...rope, rope_type: type, original_max_position_embeddings: original };
};

/** Why a decoded shape makes no sense; undefined where it does. */
const contradiction = (c: ModelConfig): string | undefined => {
  if (c.num_attention_heads % c.num_key_value_heads !== 0) {
    return `num_attention_heads is ${c.num_attention_heads}, which num_key_value_heads (${c.num_key_value_heads}) does not divide.`;
  }
  if (c.head_dim % 2 !== 0) return `head_dim is ${c.head_dim}, expected an even number.`;
  const scaling = c.rope_scaling;
  if (scaling?.rope_type === "llama3" && scaling.high_freq_factor <= scaling.low_freq_factor) {
    return `rope_scaling's high_freq_factor (${scaling.high_freq_factor}) is not above its low_freq_factor (${scaling.low_freq_factor}).`;
  }
  for (const name of ["bos_token_id", "eos_token_id", "pad_token_id"] as const) {
    const id = c[name];
    if (id !== null && id >= c.vocab_size) return `${name} is ${id}, but vocab_size is ${c.vocab_size}.`;
  }
  return undefined;
};

/** Decodes the parsed content of a config.json; `path` is named in errors. */
export const decode = (json: unknown, path: string): Effect.Effect<ModelConfig, PolicyError> =>
  Effect.suspend(() => {
    const fail = (reason: string, remedy: string) => Effect.fail(new PolicyError({ path, reason, remedy }));
    if (!isRecord(json)) return fail("expected a JSON object.", "Give a Hugging Face config.json.");
    const name: unknown = Array.isArray(json["architectures"])
      ? json["architectures"][0]
      : json["model_type"];
    const row = Architecture.find(name);
    if (row === undefined) {
      const known = Architecture.table.map(({ className }) => `"${className}"`).join(" or ");
      return fail(
        `the architecture is ${JSON.stringify(name)}, expected ${known}.`,
        "Only models of the Llama and Qwen2 families are supported.",
      );
    }
    const refused = unsupported(json);
    if (refused !== undefined) return fail(...refused);
    const rope = ropeOf(json);
    const heads = json["num_attention_heads"];
    const hidden = json["hidden_size"];
    const eos = json["eos_token_id"];
    const positions = json["max_position_embeddings"] ?? row.positions;
    const filled = {
      ...json,
      architectures: [row.className],
      model_type: row.modelType,
      num_key_value_heads: json["num_key_value_heads"] ?? heads,
      head_dim:
        json["head_dim"] ??
        (typeof hidden === "number" && typeof heads === "number" && heads > 0 ? hidden / heads : undefined),
      max_position_embeddings: positions,
      rope_theta: rope["rope_theta"] ?? json["rope_theta"] ?? 10000,
      rope_scaling: scalingOf(rope, positions),
      rms_norm_eps: json["rms_norm_eps"] ?? 1e-6,
      tie_word_embeddings: json["tie_word_embeddings"] ?? false,
      hidden_act: json["hidden_act"] ?? "silu",
      attention_bias: json["attention_bias"] ?? false,
      mlp_bias: json["mlp_bias"] ?? false,
      initializer_range: json["initializer_range"] ?? 0.02,
      bos_token_id: json["bos_token_id"] ?? null,
      eos_token_id: Array.isArray(eos) ? eos[0] : eos,
      pad_token_id: json["pad_token_id"] ?? null,
    };
    const decoded = decodeStrict(filled);
    if (decoded._tag === "Failure") {
      return fail(
        `not a model shape this program can run: ${decoded.failure.message.replaceAll("\n", " ")}.`,
        "Correct the file, or import the model again.",
      );
    }
    const wrong = contradiction(decoded.success);
    return wrong === undefined ? Effect.succeed(decoded.success) : fail(wrong, "Correct the file.");
  });

/**
 * What to write as config.json: read alike by transformers 4 and 5 (which moves rope_theta and rope_scaling
 * into rope_parameters), and by `decode`.
 */
export const toJson = (c: ModelConfig): Readonly<Record<string, unknown>> => ({
  ...c,
  ...(c.model_type === "qwen2" ? { use_sliding_window: false } : {}),
  use_cache: true,
});

/** A weight's name and shape; matrices are [out, in], as in PyTorch, gains and biases [out]. */
export interface TensorShape {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
}

/** [in, out] of a projection. */
export const widths = (c: ModelConfig, projection: Architecture.Projection): readonly [number, number] => {
  const q = c.num_attention_heads * c.head_dim;
  switch (projection) {
    case "q":
      return [c.hidden_size, q];
    case "k":
    case "v":
      return [c.hidden_size, c.num_key_value_heads * c.head_dim];
    case "o":
      return [q, c.hidden_size];
    case "gate":
    case "up":
      return [c.hidden_size, c.intermediate_size];
    case "down":
      return [c.intermediate_size, c.hidden_size];
  }
};

/** Hugging Face's name of a projection in a layer, without `.weight` or `.bias`. */
export const projectionName = (layer: number, projection: Architecture.Projection): string => {
  const part = projection === "gate" || projection === "up" || projection === "down" ? "mlp" : "self_attn";
  return `model.layers.${layer}.${part}.${projection}_proj`;
};

/** The projections that have a bias. */
export const biases = (c: ModelConfig): ReadonlyArray<Architecture.Projection> =>
  Architecture.of(c).biases(c);

/** Every weight of the model in file order, by Hugging Face's names; lm_head.weight only where it is not tied. */
export const tensorShapes = (c: ModelConfig): ReadonlyArray<TensorShape> => {
  const d = c.hidden_size;
  const biased = biases(c);
  const projection = (layer: number, one: Architecture.Projection): ReadonlyArray<TensorShape> => {
    const [input, output] = widths(c, one);
    const name = projectionName(layer, one);
    const weight = { name: `${name}.weight`, shape: [output, input] };
    return biased.includes(one) ? [weight, { name: `${name}.bias`, shape: [output] }] : [weight];
  };
  const layers = Array.from({ length: c.num_hidden_layers }, (_, layer) => [
    { name: `model.layers.${layer}.input_layernorm.weight`, shape: [d] },
    ...(["q", "k", "v", "o"] as const).flatMap((one) => projection(layer, one)),
    { name: `model.layers.${layer}.post_attention_layernorm.weight`, shape: [d] },
    ...(["gate", "up", "down"] as const).flatMap((one) => projection(layer, one)),
  ]);
  return [
    { name: "model.embed_tokens.weight", shape: [c.vocab_size, d] },
    ...layers.flat(),
    { name: "model.norm.weight", shape: [d] },
    ...(c.tie_word_embeddings ? [] : [{ name: "lm_head.weight", shape: [c.vocab_size, d] }]),
  ];
};

/** Number of weights. */
export const parameterCount = (c: ModelConfig): number =>
  tensorShapes(c).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
