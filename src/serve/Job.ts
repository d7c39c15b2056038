/** What a request asks of the model, whichever endpoint it came by, and the model's answer to it. */
import { randomInt } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { ComputeError } from "../compute/Compute.ts";
import type * as ChatTemplate from "../model/tokenizer/ChatTemplate.ts";
import type { PolicyFiles } from "../model/directory/Policy.ts";
import * as Sampling from "../model/generation/Sampling.ts";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";
import type { Text } from "../policy/Text.ts";
import * as Random from "../random/Random.ts";
import * as ApiError from "./ApiError.ts";

/** The policy that is served. */
export interface Model {
  /** What clients call it. */
  readonly name: string;
  readonly files: PolicyFiles;
  readonly text: Text;
  readonly chat: ChatTemplate.Render;
  /** Tokens of a prompt and its continuation together at most. */
  readonly context: number;
  readonly stream: (request: StreamRequest) => Stream.Stream<StreamEvent, ComputeError>;
}

/** The decoded parameters that both endpoints share. */
export interface Parameters {
  readonly model?: string;
  readonly n?: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly tilt?: number;
  readonly stop?: string | ReadonlyArray<string>;
  readonly seed?: number;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean | null };
  readonly return_tokens_as_token_ids?: boolean;
}

export interface Job {
  readonly requests: ReadonlyArray<StreamRequest>;
  /** Choices a prompt. */
  readonly n: number;
  readonly promptTokens: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** How many tokens are reported beside each chosen one; null: no log-probs at all. */
  readonly logProbs: number | null;
  /** Tokens are named "token_id:N" in log-probs. */
  readonly tokenIds: boolean;
}

const MAX_STOPS = 16;

const fail = (message: string, param: string, code: string | null = "invalid_value") =>
  Effect.fail(ApiError.invalid(message, param, code));

/** What the endpoints differ in. */
export interface Asked {
  readonly prompts: ReadonlyArray<ReadonlyArray<number>>;
  /** Name of the parameter that holds the prompts, for errors. */
  readonly promptParam: string;
  readonly logProbs: number | null;
  /** As asked for; null: `defaultMax`, or as many as fit. */
  readonly maxTokens: number | null;
  readonly defaultMax: number;
  readonly defaultStop: ReadonlyArray<string>;
}

/** Seed of a prompt's i-th choice: the first has the request's own. */
const seedOf = (seed: number, i: number): number =>
  i === 0 ? seed : Random.make(`${seed}/${i}`).int(2 ** 31);

/** Checks what a schema cannot: against the model. What a request leaves out comes from the policy's card. */
export const make = (model: Model, p: Parameters, asked: Asked): Effect.Effect<Job, ApiError.ApiError> =>
  Effect.gen(function* () {
    const { generation, tilt: cardTilt } = model.files.card;
    const { context } = model;
    const { prompts, promptParam } = asked;
    if (p.model !== undefined && p.model !== model.name) {
      return yield* Effect.fail(ApiError.unknownModel(p.model, model.name));
    }
    if (p.stream_options !== undefined && p.stream !== true) {
      return yield* fail("'stream_options' goes with 'stream': true only.", "stream_options");
    }
    const { maxTokens, defaultMax } = asked;
    const longest = Math.max(...prompts.map(({ length }) => length));
    const wanted = maxTokens ?? 1;
    if (longest + wanted > context) {
      return yield* fail(
        `This model's maximum context length is ${context} tokens. However, you requested ${longest + wanted} tokens (${longest} in the prompt; ${wanted} for the completion). Please reduce the prompt or the completion length.`,
        promptParam,
        "context_length_exceeded",
      );
    }
    if (prompts.some(({ length }) => length === 0)) {
      return yield* fail("The prompt must have at least one token.", promptParam);
    }
    const vocabulary = model.files.config.vocab_size;
    const topK = p.top_k ?? generation.topK ?? 0;
    if (topK > Sampling.WINDOW && topK < vocabulary) {
      return yield* fail(`'top_k' may be at most ${Sampling.WINDOW}, or 0 for every token.`, "top_k");
    }
    const topP = p.top_p ?? generation.topP ?? 1;
    const tilt = p.tilt ?? (model.files.heads === null ? 0 : cardTilt);
    if (tilt !== 0 && model.files.heads === null) {
      return yield* fail("'tilt' needs value heads, and this policy has none.", "tilt");
    }
    const stop = typeof p.stop === "string" ? [p.stop] : (p.stop ?? asked.defaultStop);
    if (stop.length > MAX_STOPS || stop.some((text) => text === "")) {
      return yield* fail(`'stop' takes up to ${MAX_STOPS} strings, none of them empty.`, "stop");
    }
    const n = p.n ?? 1;
    const settings = {
      temperature: p.temperature ?? generation.temperature,
      ...(topK > 0 && topK < vocabulary ? { topK } : {}),
      ...(topP < 1 ? { topP } : {}),
      stop,
      tilt,
      topLogProbs: asked.logProbs ?? 0,
    };
    return {
      requests: prompts.map((prompt) => {
        // Without a seed each prompt draws its own; with one, equal prompts have equal answers.
        const seed = p.seed ?? randomInt(2 ** 31);
        const maxNewTokens = maxTokens ?? Math.min(defaultMax, context - prompt.length);
        return {
          ...settings,
          maxNewTokens,
          prompt,
          seeds: Array.from({ length: n }, (_, i) => seedOf(seed, i)),
        };
      }),
      n,
      promptTokens: prompts.reduce((sum, { length }) => sum + length, 0),
      stream: p.stream === true,
      includeUsage: p.stream_options?.include_usage === true,
      logProbs: asked.logProbs,
      tokenIds: p.return_tokens_as_token_ids === true,
    };
  });

/** What happens to one choice; `choice` counts over prompts, then over each one's samples. */
export type ChoiceEvent = Extract<StreamEvent, { readonly sample: number }> & { readonly choice: number };

/** Every choice's events as they come; prompts share the model's batch. */
export const run = (model: Model, job: Job): Stream.Stream<ChoiceEvent, ApiError.ApiError> =>
  Stream.mergeAll(
    job.requests.map((request, prompt) =>
      model.stream(request).pipe(
        Stream.filter((event) => event.kind !== "started"),
        Stream.map((event) => ({ ...event, choice: prompt * job.n + event.sample })),
      ),
    ),
    { concurrency: "unbounded" },
  ).pipe(
    Stream.mapError(({ reason, remedy }) =>
      ApiError.failed(remedy === undefined ? reason : `${reason} ${remedy}`),
    ),
    Stream.tapError(({ message }) => Effect.logError(message)),
  );
