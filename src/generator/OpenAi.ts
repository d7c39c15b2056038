/**
 * The two OpenAI APIs that most servers speak, as plain data: what is asked, and what an answer says.
 *
 * Servers differ in what they add, so an answer is read for what is needed and the rest is let be.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { RemoteGenerator } from "../config/RunConfig.ts";
import type * as Programs from "../policy/Programs.ts";
import type { ServerToken } from "./Alignment.ts";

/** One request: samples of one prompt. */
export interface Question {
  readonly prompt: string;
  readonly samples: number;
  readonly seed: number;
  readonly maxTokens: number;
  readonly of: Pick<Programs.Request, "temperature" | "topP" | "stop">;
}

export interface Choice {
  readonly text: string;
  /** The longest answer was reached, or a filter of the server cut it. */
  readonly cut: boolean;
  /** Null where the server gives no log-probs. */
  readonly tokens: ReadonlyArray<ServerToken> | null;
  /** Tokens that the server wrote, an even share of the answer's where it counts them together; null: it does not say. */
  readonly generated: number | null;
}

export interface Answer {
  readonly choices: ReadonlyArray<Choice>;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Address of the API. */
export const endpoint = ({ url, api }: RemoteGenerator): string => {
  const root = url.replace(/\/+$/, "");
  const path = api === "chat" ? "chat/completions" : "completions";
  return `${root.endsWith("/v1") ? root : `${root}/v1`}/${path}`;
};

/** What the longest answer is called: OpenAI's newer models refuse a chat with the old name, most other servers know only that. */
export type LengthField = "max_tokens" | "max_completion_tokens";

/** Whether a chat server refuses the old name and says the new one. */
export const wantsNewLength = (
  api: RemoteGenerator["api"],
  sent: LengthField,
  status: number,
  text: string,
) => api === "chat" && sent === "max_tokens" && status === 400 && text.includes("max_completion_tokens");

/** A request's body. Stop strings are not sent to a chat model: its program stands in a fence, after a line or two. */
export const body = (
  generator: RemoteGenerator,
  question: Question,
  lengthField: LengthField,
): Schema.JsonObject => {
  const { prompt, samples, seed, maxTokens, of } = question;
  const shared = {
    model: generator.model,
    [lengthField]: maxTokens,
    temperature: of.temperature,
    seed,
    ...(samples === 1 ? {} : { n: samples }),
    ...(of.topP === undefined ? {} : { top_p: of.topP }),
  };
  const asks = generator.logprobs !== "none";
  if (generator.api === "completions") {
    return {
      ...shared,
      prompt,
      ...(of.stop.length === 0 ? {} : { stop: of.stop }),
      // The number of alternatives beside each token: some servers take 0 for "none at all".
      ...(asks ? { logprobs: 1 } : {}),
    };
  }
  const { systemPrompt } = generator;
  return {
    ...shared,
    messages: [
      ...(systemPrompt === undefined ? [] : [{ role: "system", content: systemPrompt }]),
      { role: "user", content: prompt },
    ],
    ...(asks ? { logprobs: true } : {}),
  };
};

const maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

const Content = Schema.Struct({
  content: maybe(
    Schema.Array(
      Schema.Struct({
        token: Schema.String,
        logprob: Schema.NullOr(Schema.Number),
        bytes: maybe(Schema.Array(Schema.Int)),
      }),
    ),
  ),
});
const Lists = Schema.Struct({
  tokens: Schema.Array(Schema.String),
  token_logprobs: Schema.Array(Schema.NullOr(Schema.Number)),
});

const shared = {
  index: maybe(Schema.Int),
  finish_reason: maybe(Schema.String),
  // The completions API has lists; llama.cpp's server answers it in the chat API's form.
  logprobs: maybe(Schema.Union([Lists, Content])),
};
const response = <S extends Schema.Constraint>(choice: S) =>
  Schema.Struct({
    choices: Schema.Array(choice),
    usage: maybe(Schema.Struct({ prompt_tokens: maybe(Schema.Int), completion_tokens: maybe(Schema.Int) })),
  });
const Completions = response(Schema.Struct({ ...shared, text: Schema.String }));
// A model that only thought, or called a tool, has no content.
const Chat = response(
  Schema.Struct({ ...shared, message: Schema.Struct({ content: maybe(Schema.String) }) }),
);

type Raw = (typeof Completions.Type)["choices"][number] | (typeof Chat.Type)["choices"][number];

const tokensOf = (logprobs: Raw["logprobs"]): Choice["tokens"] => {
  if (logprobs === undefined || logprobs === null) return null;
  if ("tokens" in logprobs) {
    return logprobs.tokens.map((text, i) => ({
      text,
      bytes: null,
      logProb: logprobs.token_logprobs[i] ?? null,
    }));
  }
  return (
    logprobs.content?.map(({ token, logprob, bytes }) => ({
      text: token,
      bytes: bytes ?? null,
      logProb: logprob,
    })) ?? null
  );
};

const shareOf = (tokens: number | null | undefined, choices: number): number | null =>
  typeof tokens === "number" && tokens > 0 ? Math.ceil(tokens / choices) : null;

/** An answer's choices in the order of their numbers. */
export const read = (
  api: RemoteGenerator["api"],
  json: unknown,
): Effect.Effect<Answer, Schema.SchemaError> => {
  const decoded: Effect.Effect<typeof Completions.Type | typeof Chat.Type, Schema.SchemaError> =
    api === "chat" ? Schema.decodeUnknownEffect(Chat)(json) : Schema.decodeUnknownEffect(Completions)(json);
  return Effect.map(decoded, ({ choices, usage }) => ({
    choices: [...choices]
      .sort((a, b) => (a.index ?? 0) - (b.index ?? 0))
      .map((choice) => ({
        text: "text" in choice ? choice.text : (choice.message.content ?? ""),
        cut: choice.finish_reason === "length" || choice.finish_reason === "content_filter",
        tokens: tokensOf(choice.logprobs),
        generated: shareOf(usage?.completion_tokens, choices.length),
      })),
    promptTokens: usage?.prompt_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
  }));
};
