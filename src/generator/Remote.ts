/**
 * A generator behind an OpenAI-compatible server.
 *
 * The samples of one prompt are one request where the server takes `n`, else one request each. An attempt that may go
 * better next time is repeated, after what the server asks to wait or after an exponentially growing time with a
 * jitter that follows from the request's seed. Interrupting a request closes its connection.
 */
import * as ByteSize from "effect/ByteSize";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Redacted from "effect/Redacted";
import * as HttpClient from "effect/http/HttpClient";
import * as HttpClientRequest from "effect/http/HttpClientRequest";
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage";
import * as RateLimiter from "effect/persistence/RateLimiter";
import type { Completion } from "../compute/Compute.ts";
import type { RemoteGenerator } from "../config/RunConfig.ts";
import * as Stop from "../model/generation/Stop.ts";
import type { Tokenizer } from "../model/tokenizer/Tokenizer.ts";
import type * as Programs from "../policy/Programs.ts";
import * as Random from "../random/Random.ts";
import * as Alignment from "./Alignment.ts";
import * as Failure from "./Failure.ts";
import * as Fence from "./Fence.ts";
import { Generator, GeneratorError } from "./Generator.ts";
import * as OpenAi from "./OpenAi.ts";

export interface Options {
  readonly config: RemoteGenerator;
  /** The own policy's: log-probs are of its tokens. */
  readonly tokenizer: Tokenizer;
  readonly key: Redacted.Redacted | null;
}

const LONGEST_ANSWER = ByteSize.megabytes(64);

const none = {
  requests: 0,
  retries: 0,
  /** Requests given up. */
  failures: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  /** Programs with log-probs of our tokens; with log-probs of other tokens; without. */
  log_probs_aligned: 0,
  log_probs_unaligned: 0,
  log_probs_absent: 0,
};

/** Milliseconds before attempt 1, 2, …: 1 s, 2 s, 4 s, … up to a minute, of which the jitter takes up to a half. */
export const backoff = (attempt: number, chance: number): number =>
  Math.round(Math.min(60_000, 1000 * 2 ** (attempt - 1)) * (1 - chance / 2));

const make = Effect.fnUntraced(function* ({ config, tokenizer, key }: Options) {
  const client = yield* HttpClient.HttpClient;
  const limiter = yield* RateLimiter.make.pipe(Effect.provide(RateLimiter.layerStoreMemory));
  const endpoint = OpenAi.endpoint(config);
  let figures = { ...none };
  /** Until a server shows that it does not take `n`. */
  let grouping = true;
  /** Until a server asks for the new name. */
  let lengthField: OpenAi.LengthField = "max_tokens";

  const within = (kind: string, limit: number | undefined, cost: () => number) =>
    limit === undefined
      ? Effect.void
      : RateLimiter.sleep(limiter, { key: kind, limit, tokens: cost(), window: "1 minute" }).pipe(
          Effect.orDie,
        );

  /** One request, without repetition. */
  const send = Effect.fnUntraced(function* (question: OpenAi.Question, field: OpenAi.LengthField) {
    const { prompt, samples, maxTokens } = question;
    yield* within("requests", config.requestsPerMinute, () => 1);
    yield* within(
      "tokens",
      config.tokensPerMinute,
      () => tokenizer.encode(prompt).length + samples * maxTokens,
    );
    figures.requests++;
    const request = HttpClientRequest.post(endpoint).pipe(
      HttpClientRequest.bodyJsonUnsafe(OpenAi.body(config, question, field)),
      key === null ? (same) => same : HttpClientRequest.bearerToken(key),
    );
    const answered = Effect.gen(function* () {
      const response = yield* client.execute(request);
      return { response, text: yield* response.text };
    });
    return yield* answered.pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, LONGEST_ANSWER),
      // Our traces are no business of somebody else's server.
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
      Effect.mapError((error) => Failure.ofTransport(config, error)),
      Effect.timeoutOrElse({
        duration: config.timeoutSeconds * 1000,
        orElse: () => Effect.fail(Failure.timedOut(config)),
      }),
    );
  });

  /** What the server answers; asked anew where it only wants the longest answer by its other name. */
  const attempt = Effect.fnUntraced(function* (question: OpenAi.Question) {
    const field = lengthField;
    let { response, text } = yield* send(question, field);
    if (OpenAi.wantsNewLength(config.api, field, response.status, text)) {
      lengthField = "max_completion_tokens";
      ({ response, text } = yield* send(question, lengthField));
    }
    if (response.status < 200 || response.status > 299) {
      const wait = Failure.retryAfter(response.headers["retry-after"], yield* Clock.currentTimeMillis);
      // Some servers say which key it was that they refuse.
      const said = key === null ? text : text.replaceAll(Redacted.value(key), "…");
      return yield* Failure.ofStatus(config, response.status, said, wait);
    }
    const json = yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => Failure.malformed(config, `${JSON.stringify(text.slice(0, 80))} is not JSON`),
    });
    const answer = yield* OpenAi.read(config.api, json).pipe(
      Effect.mapError((error) => Failure.malformed(config, error.message)),
    );
    const { choices } = answer;
    if (choices.length === 0) return yield* Failure.malformed(config, "there is no choice in it");
    if (choices.length > question.samples)
      return yield* Failure.tooMany(config, choices.length, question.samples);
    if (config.logprobs === "required" && choices.some((choice) => choice.tokens === null)) {
      return yield* Failure.noLogProbs(config);
    }
    figures.prompt_tokens += answer.promptTokens;
    figures.completion_tokens += answer.completionTokens;
    return choices;
  });

  const ask = Effect.fnUntraced(function* (question: OpenAi.Question) {
    const random = Random.make(question.seed).split("retry");
    for (let tried = 1; ; tried++) {
      const outcome = yield* attempt(question).pipe(
        Effect.catchTag("Failure", (failure) =>
          failure.kind === "passing" && tried <= config.retries
            ? Effect.succeed(failure)
            : Effect.fail(failure),
        ),
      );
      if (!(outcome instanceof Failure.Failure)) return outcome;
      figures.retries++;
      yield* Effect.sleep(Math.max(outcome.retryAfter ?? 0, backoff(tried, random.next())));
    }
  });

  /** A choice for each seed. What a server without `n` leaves out is asked for one by one. */
  const samplesOf = Effect.fnUntraced(function* (
    seeds: ReadonlyArray<number>,
    question: (seed: number, samples: number) => OpenAi.Question,
  ) {
    const together =
      grouping && seeds.length > 1
        ? yield* ask(question(seeds[0], seeds.length)).pipe(
            Effect.catchIf(
              ({ kind }) => kind === "refused",
              () => Effect.succeed([]),
            ),
          )
        : [];
    const choices = [...together];
    for (const seed of seeds.slice(together.length)) choices.push(...(yield* ask(question(seed, 1))));
    if (seeds.length > 1 && together.length < seeds.length) grouping = false;
    return choices;
  });

  const completion = (choice: OpenAi.Choice, stop: ReadonlyArray<string>): Completion => {
    const fenced = config.api === "chat" ? Fence.code(choice.text) : null;
    const text = fenced ?? Stop.cut(choice.text, stop);
    const own = [...tokenizer.encode(text, "inside"), tokenizer.eos];
    const { tokens } = choice;
    const generated = choice.generated ?? tokens?.length ?? own.length;
    const logProbs =
      tokens === null || choice.cut || text !== choice.text
        ? null
        : Alignment.logProbs(tokenizer, own, tokens);
    if (logProbs !== null) {
      figures.log_probs_aligned++;
      return { text, tokens: own, logProbs, finished: "end", generated };
    }
    if (tokens === null) figures.log_probs_absent++;
    else figures.log_probs_unaligned++;
    return { text, tokens: [], logProbs: [], finished: choice.cut ? "length" : "stop", generated };
  };

  const generate = Effect.fn("Remote.generate")(function* (request: Programs.Request) {
    const byPrompt = new Map<string, Array<number>>();
    for (const { prompt, seed } of request.items) {
      byPrompt.set(prompt, [...(byPrompt.get(prompt) ?? []), seed]);
    }
    const answered = yield* Effect.forEach(
      byPrompt,
      ([prompt, seeds]) =>
        samplesOf(seeds, (seed, samples) => ({
          prompt,
          samples,
          seed,
          maxTokens: config.maxTokens ?? request.maxNewTokens,
          of: request,
        })).pipe(Effect.map((choices) => [prompt, choices.values()] as const)),
      { concurrency: config.concurrency },
    );
    const next = new Map(answered);
    return request.items.flatMap(({ prompt }) => {
      const choice = next.get(prompt)?.next().value;
      return choice === undefined ? [] : [completion(choice, request.stop)];
    });
  });

  return Generator.of({
    remote: { origin: `remote:${config.model}`, concurrency: config.concurrency },
    generate: (request) =>
      generate(request).pipe(
        Effect.catchTag("Failure", ({ kind, reason, remedy }) => {
          figures.failures++;
          return Effect.fail(new GeneratorError({ reason, remedy, lasting: kind === "lasting" }));
        }),
      ),
    takeFigures: Effect.sync(() => {
      const taken = figures;
      figures = { ...none };
      return taken;
    }),
  });
});

export const layer = (options: Options): Layer.Layer<Generator, never, HttpClient.HttpClient> =>
  Layer.effect(Generator, make(options));
