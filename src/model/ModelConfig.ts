/**
 * The shape of a Llama-family model, in the field names of Hugging Face's config.json.
 *
 * What this code does not compute (other activations, biases, scaled rotary embeddings, other
 * architectures) is refused here, before any weight is read.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { PolicyError } from "./PolicyError.ts";

const Positive = Schema.Int.check(Schema.isGreaterThan(0));
const TokenId = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));

/** A model's shape. Every field is set: defaults of Hugging Face's LlamaConfig are filled in by `decode`. */
export const ModelConfig = Schema.Struct({
  architectures: Schema.Tuple([Schema.Literal("LlamaForCausalLM")]),
  model_type: Schema.Literal("llama"),
  vocab_size: Positive,
  hidden_size: Positive,
  /** Width of the SwiGLU's inner layer. */
  intermediate_size: Positive,
  num_hidden_layers: Positive,
  num_attention_heads: Positive,
  /** Divides num_attention_heads: each key-value head serves a group of query heads. */
  num_key_value_heads: Positive,
  /** Even; query width is num_attention_heads * head_dim, which need not be hidden_size. */
  head_dim: Positive,
  max_position_embeddings: Positive,
  rope_theta: Schema.Finite.check(Schema.isGreaterThan(0)),
  rms_norm_eps: Schema.Finite.check(Schema.isGreaterThan(0)),
  /** The output matrix is the embedding: no lm_head.weight on disk. */
  tie_word_embeddings: Schema.Boolean,
  hidden_act: Schema.Literal("silu"),
  attention_bias: Schema.Literal(false),
  mlp_bias: Schema.Literal(false),
  /** Standard deviation of random initial weights. */
  initializer_range: Schema.Finite.check(Schema.isGreaterThan(0)),
  bos_token_id: Schema.NullOr(TokenId),
  /** The end-of-sequence token; of a list the first, taken by `decode`. */
  eos_token_id: TokenId,
  pad_token_id: Schema.NullOr(TokenId),
});
export type ModelConfig = typeof ModelConfig.Type;

const decodeStrict = Schema.decodeUnknownResult(ModelConfig, { errors: "all" });

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u);

/** Decodes the parsed content of a config.json; `path` is named in errors. */
export const decode = (json: unknown, path: string): Effect.Effect<ModelConfig, PolicyError> =>
  Effect.suspend(() => {
    const fail = (reason: string, remedy: string) => Effect.fail(new PolicyError({ path, reason, remedy }));
    if (!isRecord(json)) return fail("expected a JSON object.", "Give a Hugging Face Llama config.json.");
    const architecture = Array.isArray(json["architectures"]) ? json["architectures"][0] : json["model_type"];
    if (architecture !== "LlamaForCausalLM" && architecture !== "llama") {
      return fail(
        `the architecture is ${JSON.stringify(architecture)}, expected "LlamaForCausalLM".`,
        "Only Llama-family models are supported.",
      );
    }
    // transformers 5 writes rope_parameters, earlier versions rope_theta and rope_scaling.
    const rope = isRecord(json["rope_parameters"]) ? json["rope_parameters"] : {};
    const scaling = isRecord(json["rope_scaling"]) ? json["rope_scaling"] : rope;
    const ropeType = scaling["rope_type"] ?? scaling["type"] ?? "default";
    if (ropeType !== "default") {
      return fail(
        `rotary embeddings of type ${JSON.stringify(ropeType)}, expected "default".`,
        "Scaled rotary embeddings are not supported: choose a model without them.",
      );
    }
    const heads = json["num_attention_heads"];
    const hidden = json["hidden_size"];
    const eos = json["eos_token_id"];
    const filled = {
      ...json,
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      num_key_value_heads: json["num_key_value_heads"] ?? heads,
      head_dim:
        json["head_dim"] ??
        (typeof hidden === "number" && typeof heads === "number" && heads > 0 ? hidden / heads : undefined),
      max_position_embeddings: json["max_position_embeddings"] ?? 2048,
      rope_theta: json["rope_theta"] ?? rope["rope_theta"] ?? 10000,
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
    const c = decoded.success;
    if (c.num_attention_heads % c.num_key_value_heads !== 0) {
      return fail(
        `num_attention_heads is ${c.num_attention_heads}, which num_key_value_heads (${c.num_key_value_heads}) does not divide.`,
        "Correct the file.",
      );
    }
    if (c.head_dim % 2 !== 0) {
      return fail(`head_dim is ${c.head_dim}, expected an even number.`, "Correct the file.");
    }
    for (const [name, id] of [
      ["bos_token_id", c.bos_token_id],
      ["eos_token_id", c.eos_token_id],
      ["pad_token_id", c.pad_token_id],
    ] as const) {
      if (id !== null && id >= c.vocab_size) {
        return fail(`${name} is ${id}, but vocab_size is ${c.vocab_size}.`, "Correct the file.");
      }
    }
    return Effect.succeed(c);
  });

/** A weight's name and shape; matrices are [out, in], as in PyTorch. */
export interface TensorShape {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
}

/** Every weight of the model in file order, by Hugging Face's names; lm_head.weight only where it is not tied. */
export const tensorShapes = (c: ModelConfig): ReadonlyArray<TensorShape> => {
  const q = c.num_attention_heads * c.head_dim;
  const kv = c.num_key_value_heads * c.head_dim;
  const d = c.hidden_size;
  const f = c.intermediate_size;
  const shapes: Array<TensorShape> = [{ name: "model.embed_tokens.weight", shape: [c.vocab_size, d] }];
  for (let layer = 0; layer < c.num_hidden_layers; layer++) {
    const p = `model.layers.${layer}.`;
    shapes.push(
      { name: `${p}input_layernorm.weight`, shape: [d] },
      { name: `${p}self_attn.q_proj.weight`, shape: [q, d] },
      { name: `${p}self_attn.k_proj.weight`, shape: [kv, d] },
      { name: `${p}self_attn.v_proj.weight`, shape: [kv, d] },
      { name: `${p}self_attn.o_proj.weight`, shape: [d, q] },
      { name: `${p}post_attention_layernorm.weight`, shape: [d] },
      { name: `${p}mlp.gate_proj.weight`, shape: [f, d] },
      { name: `${p}mlp.up_proj.weight`, shape: [f, d] },
      { name: `${p}mlp.down_proj.weight`, shape: [d, f] },
    );
  }
  shapes.push({ name: "model.norm.weight", shape: [d] });
  if (!c.tie_word_embeddings) shapes.push({ name: "lm_head.weight", shape: [c.vocab_size, d] });
  return shapes;
};

/** Number of weights. */
export const parameterCount = (c: ModelConfig): number =>
  tensorShapes(c).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
