/** POST /v1/chat/completions: messages, put into a prompt by the model's own chat template. */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as ChatTemplate from "../model/tokenizer/ChatTemplate.ts";
import * as ApiError from "./ApiError.ts";
import { type Endpoint, nameOf } from "./Endpoint.ts";
import * as Fields from "./Fields.ts";
import * as Job from "./Job.ts";
import * as Tokens from "./Tokens.ts";

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String });

const Message = Schema.Struct({
  role: Schema.Literals(["system", "developer", "user", "assistant"]),
  content: Schema.Union([Schema.String, Schema.Array(Text)]),
  name: Fields.orNull(Schema.String),
  refusal: Fields.orNull(Schema.String),
});

const Request = Schema.Struct({
  ...Fields.sampling,
  messages: Schema.Array(Message).check(Schema.isMinLength(1)),
  max_completion_tokens: Schema.optionalKey(Fields.tokenCount),
  logprobs: Schema.optionalKey(Schema.Boolean),
  top_logprobs: Schema.optionalKey(Fields.topCount),
});

const read = Fields.reader(Request);

/** Templates know the role by its older name. */
const plain = ({ role, content }: typeof Message.Type): ChatTemplate.Message => ({
  role: role === "developer" ? "system" : role,
  content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
});

export const endpoint: Endpoint = {
  prefix: "chatcmpl",
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  read: (model, body) =>
    Effect.gen(function* () {
      const request = yield* read(body);
      const { tokenizer } = model.files;
      if (request.top_logprobs !== undefined && request.logprobs !== true) {
        return yield* Effect.fail(
          ApiError.invalid("'top_logprobs' goes with 'logprobs': true only.", "top_logprobs"),
        );
      }
      const prompt = yield* model
        .chat(tokenizer, request.messages.map(plain), {
          addGenerationPrompt: true,
        })
        .pipe(
          Effect.mapError(({ reason, remedy }) =>
            ApiError.invalid(remedy === undefined ? reason : `${reason} ${remedy}`, "messages"),
          ),
        );
      return yield* Job.make(model, request, {
        prompts: [yield* Tokens.encode(model, prompt, tokenizer.encode, "messages")],
        promptParam: "messages",
        logProbs: request.logprobs === true ? (request.top_logprobs ?? 0) : null,
        maxTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
        defaultMax: model.context,
        // The card's stop strings belong to its own prompts: a chat ends by the template's end token.
        defaultStop: [],
      });
    }),
  logprobs: ({ files: { tokenizer } }, job, tokens) => {
    const one = (token: number, text: string, logProb: number) => ({
      token: nameOf(job, token, text),
      logprob: logProb,
      bytes: Array.from(tokenizer.bytes(token)),
    });
    return {
      content: tokens.map(({ token, tokenText, logProb, top }) => ({
        ...one(token, tokenText, logProb),
        top_logprobs: top.map((other) => one(other.token, other.text, other.logProb)),
      })),
      refusal: null,
    };
  },
  choice: ({ index, text, logprobs, finish }) => ({
    index,
    message: { role: "assistant", content: text, refusal: null },
    logprobs,
    finish_reason: finish,
  }),
  opening: (index) => ({
    index,
    delta: { role: "assistant", content: "" },
    logprobs: null,
    finish_reason: null,
  }),
  chunk: ({ index, text, logprobs, finish }) => ({
    index,
    delta: finish !== null && text === "" ? {} : { content: text },
    logprobs,
    finish_reason: finish,
  }),
};
