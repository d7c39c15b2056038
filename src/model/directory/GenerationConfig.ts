/**
 * generation_config.json: the tokens that end a text, and decoding defaults, as transformers keeps them.
 *
 * A model may have several end tokens (Llama 3: end of text, of message and of turn); config.json may list them
 * too. transformers ends at those of generation_config.json; Drydock ends at any that one of the files names.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as fs from "node:fs";
import * as path from "node:path";
import { readJson } from "../files/Files.ts";
import type { ModelConfig } from "../ModelConfig.ts";
import type { PolicyCard } from "./Policy.ts";
import { PolicyError } from "../PolicyError.ts";

export const FILE = "generation_config.json";

const TokenId = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));
const TokenIds = Schema.Union([TokenId, Schema.Array(TokenId)]);

/** What Drydock reads of the file; the rest is left alone. */
const GenerationConfig = Schema.Struct({
  eos_token_id: Schema.optionalKey(Schema.NullOr(TokenIds)),
  do_sample: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  temperature: Schema.optionalKey(Schema.NullOr(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))),
  top_k: Schema.optionalKey(Schema.NullOr(TokenId)),
  top_p: Schema.optionalKey(
    Schema.NullOr(Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))),
  ),
});
export type GenerationConfig = typeof GenerationConfig.Type;

const decode = Schema.decodeUnknownResult(GenerationConfig, { errors: "all" });

/** The directory's file; empty where there is none. */
export const read = (directory: string): Effect.Effect<GenerationConfig, PolicyError> =>
  Effect.gen(function* () {
    const file = path.join(directory, FILE);
    if (!fs.existsSync(file)) return {};
    const decoded = decode(yield* readJson(file));
    if (decoded._tag === "Success") return decoded.success;
    return yield* new PolicyError({
      path: file,
      reason: `not a generation configuration: ${decoded.failure.message.replaceAll("\n", " ")}.`,
      remedy: "Correct the file, or remove it: it is optional.",
    });
  });

/** The different ids in values that are each a token id or a list of them; what is neither is left out. */
export const tokenIds = (...values: ReadonlyArray<unknown>): ReadonlyArray<number> => [
  ...new Set(values.flat().filter((id): id is number => typeof id === "number")),
];

/** Decoding defaults for a model without a card: the file's where it samples (in transformers, 0 and 1 are none). */
export const defaults = (file: GenerationConfig): Partial<PolicyCard["generation"]> => {
  if (file.do_sample !== true) return {};
  const { temperature, top_k: topK, top_p: topP } = file;
  return {
    ...(typeof temperature === "number" ? { temperature } : {}),
    ...(typeof topK === "number" && topK > 0 ? { topK } : {}),
    ...(typeof topP === "number" && topP < 1 ? { topP } : {}),
  };
};

/** The file to write. transformers samples from the 50 likeliest tokens unless told otherwise; 0 is none of that. */
export const toJson = (
  config: ModelConfig,
  { generation }: PolicyCard,
  endTokens: ReadonlyArray<number> = [config.eos_token_id],
) => ({
  bos_token_id: config.bos_token_id,
  eos_token_id: endTokens.length === 1 ? endTokens[0] : endTokens,
  pad_token_id: config.pad_token_id ?? config.eos_token_id,
  max_new_tokens: generation.maxNewTokens,
  ...(generation.temperature > 0
    ? {
        do_sample: true,
        temperature: generation.temperature,
        top_k: generation.topK ?? 0,
        top_p: generation.topP ?? 1,
      }
    : { do_sample: false }),
});
