/** Prompts as token ids, checked before anything long is done with them. */
import * as Effect from "effect/Effect";
import * as ApiError from "./ApiError.ts";
import type { Model } from "./Job.ts";

const longest = new WeakMap<Model, number>();

/** Bytes of the longest token: a text of more than this times the limit cannot fit. */
const longestToken = (model: Model): number => {
  const known = longest.get(model);
  if (known !== undefined) return known;
  const { tokenizer } = model.files;
  let most = 1;
  for (let id = 0; id < tokenizer.size; id++) most = Math.max(most, tokenizer.bytes(id).length);
  // Control tokens are written out in a chat template's text.
  for (const text of Object.values(tokenizer.specialText)) most = Math.max(most, text?.length ?? 0);
  longest.set(model, most);
  return most;
};

/** A text's tokens. A text that cannot fit is refused without being tokenised. */
export const encode = (
  model: Model,
  text: string,
  tokens: (text: string) => ReadonlyArray<number>,
  param: string,
): Effect.Effect<ReadonlyArray<number>, ApiError.ApiError> =>
  Effect.suspend(() => {
    const fits = model.context * Math.max(longestToken(model), 32);
    if (Buffer.byteLength(text) <= fits) return Effect.succeed(tokens(text));
    return Effect.fail(
      ApiError.invalid(
        `This model's maximum context length is ${model.context} tokens, and the prompt of ${text.length} characters is far longer. Please reduce it.`,
        param,
        "context_length_exceeded",
      ),
    );
  });

/** Token ids as they were given. */
export const check = (
  model: Model,
  tokens: ReadonlyArray<number>,
  param: string,
): Effect.Effect<ReadonlyArray<number>, ApiError.ApiError> => {
  const { vocab_size: size } = model.files.config;
  const wrong = tokens.find((token) => token < 0 || token >= size);
  return wrong === undefined
    ? Effect.succeed(tokens)
    : Effect.fail(
        ApiError.invalid(`'${param}' holds token ${wrong}; the vocabulary is 0 to ${size - 1}.`, param),
      );
};
