/** POST /v1/completions: plain prompts, as text or as token ids. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as ApiError from "./ApiError.ts";
import { type Endpoint, nameOf } from "./Endpoint.ts";
import * as Fields from "./Fields.ts";
import * as Job from "./Job.ts";
import * as Tokens from "./Tokens.ts";

const Request = Schema.Struct({
  ...Fields.sampling,
  prompt: Schema.Union([
    Schema.String,
    Schema.Array(Schema.String),
    Schema.Array(Schema.Int),
    Schema.Array(Schema.Array(Schema.Int)),
  ]),
  logprobs: Schema.optionalKey(Fields.topCount),
});

const read = Fields.reader(Request);

const MAX_PROMPTS = 128;

type Prompt = string | ReadonlyArray<number>;
const isNumbers = (prompts: ReadonlyArray<unknown>): prompts is ReadonlyArray<number> =>
  prompts.every((token) => typeof token === "number");

/** The four forms of `prompt` as one. */
const promptsOf = (prompt: (typeof Request.Type)["prompt"]): ReadonlyArray<Prompt> =>
  typeof prompt === "string" || (prompt.length > 0 && isNumbers(prompt))
    ? [prompt]
    : (prompt as ReadonlyArray<Prompt>);

export const endpoint: Endpoint = {
  prefix: "cmpl",
  object: "text_completion",
  chunkObject: "text_completion",
  read: (model, body) =>
    Effect.gen(function* () {
      const request = yield* read(body);
      const given = promptsOf(request.prompt);
      if (given.length === 0 || given.length > MAX_PROMPTS) {
        return yield* Effect.fail(
          ApiError.invalid(`'prompt' takes 1 to ${MAX_PROMPTS} prompts, found ${given.length}.`, "prompt"),
        );
      }
      const prompts = yield* Effect.forEach(given, (prompt) =>
        typeof prompt === "string"
          ? Tokens.encode(model, prompt, model.text.prompt, "prompt")
          : Tokens.check(model, prompt, "prompt"),
      );
      const { card } = model.files;
      return yield* Job.make(model, request, {
        prompts,
        promptParam: "prompt",
        logProbs: request.logprobs ?? null,
        maxTokens: request.max_tokens ?? null,
        defaultMax: card.generation.maxNewTokens,
        defaultStop: card.stop,
      });
    }),
  logprobs: (_, job, tokens, offset) => {
    let at = offset;
    const textOffsets = tokens.map(({ tokenText }) => {
      const here = at;
      at += tokenText.length;
      return here;
    });
    return {
      tokens: tokens.map(({ token, tokenText }) => nameOf(job, token, tokenText)),
      token_logprobs: tokens.map(({ logProb }) => logProb),
      top_logprobs: tokens.map(({ top, token, tokenText, logProb }) =>
        Object.fromEntries([
          // Two tokens may have the same text: the more probable one keeps the name, the chosen one before all.
          ...top.toReversed().map((one) => [nameOf(job, one.token, one.text), one.logProb] as const),
          [nameOf(job, token, tokenText), logProb],
        ]),
      ),
      text_offset: textOffsets,
    };
  },
  choice: ({ index, text, logprobs, finish }) => ({ index, text, logprobs, finish_reason: finish }),
  opening: () => null,
  chunk: ({ index, text, logprobs, finish }) => ({ index, text, logprobs, finish_reason: finish }),
};
