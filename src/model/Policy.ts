/**
 * A policy directory: a Llama-family model in Hugging Face's layout with Drydock's card beside it.
 *
 *     config.json  tokenizer.json  tokenizer_config.json  generation_config.json
 *     model.safetensors    weights under Hugging Face's names; transformers' from_pretrained loads them
 *     heads.safetensors    optional: value heads of the critic that tilts the policy
 *     policy.json          the card: prompt template, stop strings, decoding defaults, provenance, figures
 */
import * as Schema from "effect/Schema";
import type { ModelConfig } from "./ModelConfig.ts";

export const POLICY_FORMAT = 1;

/** How a task becomes a prompt; see PromptTemplate.ts. */
export const TemplateName = Schema.Literals(["plain", "mbpp-3-shot", "chat"]);
export type TemplateName = typeof TemplateName.Type;

/** policy.json. */
export const PolicyCard = Schema.Struct({
  formatVersion: Schema.Literal(POLICY_FORMAT),
  name: Schema.NonEmptyString,
  description: Schema.String,
  licence: Schema.NonEmptyString,
  /** Where the weights come from: a file with its hash, a training configuration with its seed, … */
  provenance: Schema.String,
  prompt: TemplateName,
  /** Generation ends before the first of these, and at the end-of-sequence token. */
  stop: Schema.Array(Schema.NonEmptyString),
  /** Decoding defaults; a run's configuration may override each. */
  generation: Schema.Struct({
    temperature: Schema.Finite,
    topK: Schema.optionalKey(Schema.Int),
    topP: Schema.optionalKey(Schema.Finite),
    maxNewTokens: Schema.Int,
  }),
  /** beta of logits' = log pi + beta (minQ - V); 0 where there are no heads or they are not used. */
  tilt: Schema.Finite,
  /** Measured figures, by name, for a person to read. */
  figures: Schema.Record(Schema.String, Schema.Json),
});
export type PolicyCard = typeof PolicyCard.Type;

export type StoredType = "F32" | "F16" | "BF16";

/** Tensors of a file, read one at a time so that two copies of a model are never in memory at once. */
export interface TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<
    string,
    { readonly dtype: StoredType; readonly shape: ReadonlyArray<number> }
  >;
  /** Reads one tensor, row-major, widened to float32. Synchronous; throws a PolicyError. */
  readonly read: (name: string) => Float32Array;
}

/** A tensor to write; `data` is called once, when its turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
  readonly data: () => Float32Array;
}

/** A policy directory that was read and checked: shapes, vocabulary and special tokens agree. */
export interface PolicyFiles {
  readonly directory: string;
  readonly config: ModelConfig;
  readonly card: PolicyCard;
  /** Parsed tokenizer.json and tokenizer_config.json; `Tokenizer.make` takes them. */
  readonly tokenizer: TokenizerFiles;
  /** Every tensor of `ModelConfig.tensorShapes(config)`, with these shapes; null where read with `weights: "none"`. */
  readonly weights: TensorSource | null;
  readonly heads: TensorSource | null;
}

export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}
