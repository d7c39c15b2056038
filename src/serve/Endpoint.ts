/** What an endpoint adds to a job: how a body becomes one, and how choices become the answer or its chunks. */
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { StreamEvent } from "../policy/Streaming.ts";
import type { ApiError } from "./ApiError.ts";
import * as Job from "./Job.ts";

export type Token = Extract<StreamEvent, { readonly kind: "token" }>;
export type Finish = "stop" | "length";

/** A choice, or the part of one that a chunk brings. */
export interface Piece {
  readonly index: number;
  readonly text: string;
  /** Log-probs in the endpoint's form; null where not asked for. */
  readonly logprobs: unknown;
  /** Null where the choice goes on. */
  readonly finish: Finish | null;
}

export interface Endpoint {
  /** Of `id`, e.g. "cmpl". */
  readonly prefix: string;
  /** Of `object`, in a whole answer and in a chunk. */
  readonly object: string;
  readonly chunkObject: string;
  readonly read: (model: Job.Model, body: unknown) => Effect.Effect<Job.Job, ApiError>;
  /** Log-probs of tokens; `offset` is how many characters of the choice came before them. */
  readonly logprobs: (
    model: Job.Model,
    job: Job.Job,
    tokens: ReadonlyArray<Token>,
    offset: number,
  ) => unknown;
  readonly choice: (piece: Piece) => unknown;
  /** What a choice's first chunk brings before any text; null for nothing. */
  readonly opening: (index: number) => unknown;
  readonly chunk: (piece: Piece) => unknown;
}

/** What all answers to one request begin with. */
export interface Head {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

interface Growing {
  readonly tokens: Array<Token>;
  text: string;
  finish: Finish;
  newTokens: number;
}

/** OpenAI's word: "stop" at a stop string and at the end of the text. */
const finishOf = (reason: "stop" | "end" | "length"): Finish => (reason === "length" ? "length" : "stop");

const usageOf = (job: Job.Job, completionTokens: number) => ({
  prompt_tokens: job.promptTokens,
  completion_tokens: completionTokens,
  total_tokens: job.promptTokens + completionTokens,
});

/** The whole answer. */
export const answer = (
  endpoint: Endpoint,
  model: Job.Model,
  job: Job.Job,
  head: Head,
): Effect.Effect<unknown, ApiError> =>
  Effect.suspend(() => {
    const choices = Array.from(
      { length: job.n * job.requests.length },
      (): Growing => ({ tokens: [], text: "", finish: "length", newTokens: 0 }),
    );
    return Stream.runForEach(Job.run(model, job), (event) =>
      Effect.sync(() => {
        const choice = choices[event.choice];
        choice.text += event.text;
        if (event.kind === "token") {
          if (job.logProbs !== null) choice.tokens.push(event);
        } else {
          choice.finish = finishOf(event.reason);
          choice.newTokens = event.newTokens;
        }
      }),
    ).pipe(
      Effect.map(() => ({
        ...head,
        object: endpoint.object,
        choices: choices.map(({ tokens, text, finish }, index) =>
          endpoint.choice({
            index,
            text,
            logprobs: job.logProbs === null ? null : endpoint.logprobs(model, job, tokens, 0),
            finish,
          }),
        ),
        usage: usageOf(
          job,
          choices.reduce((sum, { newTokens }) => sum + newTokens, 0),
        ),
      })),
    );
  });

/** The answer's chunks: text as it becomes certain, the reason at each choice's end, the usage last where asked for. */
export const chunks = (
  endpoint: Endpoint,
  model: Job.Model,
  job: Job.Job,
  head: Head,
): Stream.Stream<unknown, ApiError> =>
  Stream.suspend(() => {
    const offsets = Array.from({ length: job.n * job.requests.length }, () => 0);
    let completionTokens = 0;
    const usage = job.includeUsage ? { usage: null } : {};
    const chunk = (choice: unknown) => ({
      ...head,
      object: endpoint.chunkObject,
      choices: [choice],
      ...usage,
    });
    const openings = offsets.map((_, i) => endpoint.opening(i)).filter((choice) => choice !== null);
    const pieces = Job.run(model, job).pipe(
      Stream.map((event): Piece | null => {
        const { choice: index, text } = event;
        if (event.kind === "finished") {
          completionTokens += event.newTokens;
          return { index, text, logprobs: null, finish: finishOf(event.reason) };
        }
        if (job.logProbs === null) return text === "" ? null : { index, text, logprobs: null, finish: null };
        const offset = offsets[index];
        offsets[index] = offset + event.tokenText.length;
        return { index, text, logprobs: endpoint.logprobs(model, job, [event], offset), finish: null };
      }),
      Stream.filter((piece) => piece !== null),
      Stream.map((piece) => chunk(endpoint.chunk(piece))),
    );
    const last = Stream.suspend(() =>
      job.includeUsage
        ? Stream.succeed({
            ...head,
            object: endpoint.chunkObject,
            choices: [],
            usage: usageOf(job, completionTokens),
          })
        : Stream.empty,
    );
    return Stream.fromIterable(openings).pipe(Stream.map(chunk), Stream.concat(pieces), Stream.concat(last));
  });

/** How a token is named in log-probs. */
export const nameOf = (job: Job.Job, token: number, text: string): string =>
  job.tokenIds ? `token_id:${token}` : text;
