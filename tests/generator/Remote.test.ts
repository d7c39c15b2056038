/** The remote generator against a real server that misbehaves on purpose. Time is virtual: no test waits for any. */
import { assert, describe, it } from "@effect/vitest";
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import * as Clock from "effect/Clock";
import * as Deferred from "effect/Deferred";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Redacted from "effect/Redacted";
import type { RemoteGenerator } from "../../src/config/RunConfig.ts";
import { Generator, GeneratorError } from "../../src/generator/Generator.ts";
import * as Remote from "../../src/generator/Remote.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
import type * as Programs from "../../src/policy/Programs.ts";
import * as TinyPolicy from "../model/TinyPolicy.ts";
import * as FakeServer from "./FakeServer.ts";

const TIMEOUT = 77;

/** A clock on which every sleep is over at once, but for that of the request's timeout. */
const virtual = (timeout: Effect.Effect<void> = Effect.never) => {
  let now = 1_000_000;
  const slept: Array<number> = [];
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    sleep: (duration) =>
      Effect.suspend(() => {
        const millis = Duration.toMillis(duration);
        if (millis === TIMEOUT * 1000) return timeout;
        slept.push(millis);
        now += millis;
        return Effect.void;
      }),
  };
  return { clock, slept };
};

const settings = (url: string, change: Partial<RemoteGenerator> = {}): RemoteGenerator => ({
  kind: "remote",
  url,
  model: "other",
  api: "completions",
  concurrency: 4,
  retries: 3,
  timeoutSeconds: TIMEOUT,
  logprobs: "wanted",
  ...change,
});

const request = (
  items: Programs.Request["items"] = [{ prompt: "p", seed: 11 }],
  change: Partial<Programs.Request> = {},
): Programs.Request => ({ items, temperature: 0.5, maxNewTokens: 24, stop: ["\n"], tilt: 0, ...change });

const SECRET = "sk-very-secret";

/** Asks a generator; `time` is the clock it sees. */
const using = <A, E>(
  config: RemoteGenerator,
  body: (generator: Generator["Service"]) => Effect.Effect<A, E>,
  time = virtual(),
) =>
  Effect.gen(function* () {
    const tokenizer = yield* Tokenizer.make(TinyPolicy.tokenizer, "tiny");
    const key = config.apiKeyEnv === undefined ? null : Redacted.make(SECRET);
    const layer = Remote.layer({ config, tokenizer, key });
    return yield* Effect.flatMap(Generator, body).pipe(
      Effect.provide(layer),
      Effect.provideService(Clock.Clock, time.clock),
    );
  }).pipe(Effect.provide(NodeHttpClient.layerNodeHttp));

const failing = (config: RemoteGenerator, asked = request()) =>
  using(config, ({ generate }) => Effect.flip(generate(asked))).pipe(
    Effect.map((error) => {
      assert.instanceOf(error, GeneratorError);
      return error;
    }),
  );

const twice = [
  { prompt: "p", seed: 11 },
  { prompt: "p", seed: 12 },
];

describe("asking a completions server", () => {
  it.live("sends the sampling settings, the seed and the key, and cuts at the stop string", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.start(FakeServer.choices({ text: "x + 1\nmore" }));
      const config = settings(server.url, { apiKeyEnv: "ANY" });
      const [completion] = yield* using(config, ({ generate }) => generate(request()));
      assert.deepInclude(completion, { text: "x + 1", tokens: [], logProbs: [], finished: "stop" });
      const { path, headers, body } = server.received[0];
      assert.strictEqual(path, "/v1/completions");
      assert.strictEqual(headers.authorization, `Bearer ${SECRET}`);
      assert.isUndefined(headers["traceparent"]);
      assert.deepStrictEqual(body, {
        model: "other",
        prompt: "p",
        max_tokens: 24,
        temperature: 0.5,
        seed: 11,
        stop: ["\n"],
        logprobs: 1,
      });
    }),
  );

  it.live("log-probs come with our tokens where the server's are the same, and with nothing elsewhere", () =>
    Effect.gen(function* () {
      const tokenizer = yield* Tokenizer.make(TinyPolicy.tokenizer, "tiny");
      const text = "const f = 1";
      const own = tokenizer.encode(text);
      const tokens = [...own.map((id) => tokenizer.decode([id])), ""];
      const server = yield* FakeServer.start(
        FakeServer.choices({ text, tokens }),
        FakeServer.choices({ text, tokens: [text, ""] }),
        FakeServer.choices({ text, tokens, finish: "length" }),
        FakeServer.choices({ text }),
      );
      yield* using(settings(server.url), ({ generate, takeFigures }) =>
        Effect.gen(function* () {
          const answers = yield* Effect.forEach([1, 2, 3, 4], () => generate(request()));
          const [aligned, ...others] = answers.flat();
          assert.strictEqual(aligned.finished, "end");
          assert.deepStrictEqual(aligned.tokens, [...own, tokenizer.eos]);
          assert.deepStrictEqual(
            aligned.logProbs,
            tokens.map((_, i) => -(i + 1) / 8),
          );
          for (const { tokens: none, logProbs } of others) assert.deepStrictEqual([none, logProbs], [[], []]);
          assert.deepStrictEqual(
            others.map(({ finished }) => finished),
            ["stop", "length", "stop"],
          );
          assert.deepStrictEqual(yield* takeFigures, {
            requests: 4,
            retries: 0,
            failures: 0,
            prompt_tokens: 28,
            completion_tokens: 12,
            log_probs_aligned: 1,
            log_probs_unaligned: 2,
            log_probs_absent: 1,
          });
          assert.strictEqual((yield* takeFigures)["requests"], 0);
        }),
      );
    }),
  );

  it.live("asks for the samples of a prompt at once, and answers in the order of the items", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.start(FakeServer.obedient);
      const items = [twice[0], { prompt: "q", seed: 21 }, twice[1]];
      const completions = yield* using(settings(server.url), ({ generate }) => generate(request(items)));
      assert.deepStrictEqual(
        completions.map(({ text }) => text),
        ["11/0", "21/0", "11/1"],
      );
      assert.deepStrictEqual(server.received.map(({ body }) => body["n"] ?? 1).sort(), [1, 2]);
    }),
  );

  for (const [what, first] of [
    ["answers with one choice", FakeServer.choices({ text: "11/0" })],
    ["refuses it", FakeServer.error(400, "n must be 1")],
  ] as const) {
    it.live(
      `where the server does not take n and ${what}, the samples are asked for one by one from then on`,
      () =>
        Effect.gen(function* () {
          const server = yield* FakeServer.start(first, FakeServer.obedient);
          const texts = yield* using(settings(server.url), ({ generate }) =>
            Effect.forEach([1, 2], () => generate(request(twice))),
          );
          assert.deepStrictEqual(
            texts.map((completions) => completions.map(({ text }) => text)),
            [
              ["11/0", "12/0"],
              ["11/0", "12/0"],
            ],
          );
          assert.deepStrictEqual(
            server.received.slice(1).map(({ body }) => body["n"]),
            Array.from({ length: server.received.length - 1 }, () => undefined),
          );
        }),
    );
  }
});

describe("asking a chat server", () => {
  const answer = (content: string | null) =>
    FakeServer.json({
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    });

  it.live("sends messages without stop strings, and takes the program out of its fence", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.start(
        answer("Sure!\n```js\nconst f = 1;\nconst g = 2;\n```\nDone."),
        answer("const f = 1;\n\nIt works."),
        answer(null),
      );
      const config = settings(`${server.url}/v1/`, { api: "chat", systemPrompt: "s", maxTokens: 300 });
      const answers = yield* using(config, ({ generate }) =>
        Effect.forEach([1, 2, 3], () => generate(request())),
      );
      assert.deepStrictEqual(
        answers.flat().map(({ text }) => text),
        ["const f = 1;\nconst g = 2;", "const f = 1;", ""],
      );
      const { path, body } = server.received[0];
      assert.strictEqual(path, "/v1/chat/completions");
      assert.deepStrictEqual(body, {
        model: "other",
        messages: [
          { role: "system", content: "s" },
          { role: "user", content: "p" },
        ],
        max_tokens: 300,
        temperature: 0.5,
        seed: 11,
        logprobs: true,
      });
    }),
  );

  it.live("names the longest answer as the server wants it, and remembers that", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.start((response, received) => {
        const behave =
          "max_tokens" in received.body
            ? FakeServer.error(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
              )
            : FakeServer.json({ choices: [{ message: { content: "x" }, finish_reason: "stop" }] });
        behave(response, received);
      });
      const time = virtual();
      const ask = using(
        settings(server.url, { api: "chat" }),
        ({ generate, takeFigures }) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* generate(request()))[0].text, "x");
            assert.strictEqual((yield* generate(request()))[0].text, "x");
            const { requests, retries, failures } = yield* takeFigures;
            assert.deepStrictEqual({ requests, retries, failures }, { requests: 3, retries: 0, failures: 0 });
          }),
        time,
      );
      yield* ask;
      const lengths = server.received.map(({ body }) => [body["max_tokens"], body["max_completion_tokens"]]);
      assert.deepStrictEqual(lengths, [
        [24, undefined],
        [undefined, 24],
        [undefined, 24],
      ]);
      assert.deepStrictEqual(time.slept, []);
    }),
  );

  it.live("a server that refuses both names is asked twice and not again", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.start(FakeServer.error(400, "max_completion_tokens is too large"));
      const error = yield* failing(settings(server.url, { api: "chat" }));
      assert.include(error.reason, "max_completion_tokens is too large");
      assert.strictEqual(server.received.length, 2);
    }),
  );

  it.live("reads the chat API's log-probs by their bytes", () =>
    Effect.gen(function* () {
      const tokenizer = yield* Tokenizer.make(TinyPolicy.tokenizer, "tiny");
      const text = "naïve 🙂";
      const content = [
        ...tokenizer.encode(text).map((id) => ({ token: "?", logprob: -1, bytes: [...tokenizer.bytes(id)] })),
        { token: "", logprob: -2, bytes: null },
      ];
      const server = yield* FakeServer.start(
        FakeServer.json({
          choices: [{ message: { content: text }, finish_reason: "stop", logprobs: { content } }],
        }),
      );
      const config = settings(server.url, { api: "chat", logprobs: "required" });
      const [completion] = yield* using(config, ({ generate }) => generate(request()));
      assert.deepStrictEqual(
        completion.logProbs,
        content.map(({ logprob }) => logprob),
      );
    }),
  );
});

describe("what may pass is tried again", () => {
  const ok = FakeServer.choices({ text: "ok" });
  const cut: FakeServer.Behaviour = (response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write('{"choices": [');
    setImmediate(() => response.destroy());
  };
  for (const [what, ...behaviours] of [
    ["429", FakeServer.error(429, "slow down")],
    ["500 and 503", FakeServer.error(500, "oops"), FakeServer.error(503, "overloaded")],
    [
      "a connection that is cut before the answer",
      (response: Parameters<typeof cut>[0]) => response.destroy(),
    ],
    ["an answer that is cut off", cut],
    ["what is not JSON", (response: Parameters<typeof cut>[0]) => response.end("<html>")],
    ["JSON of another shape", FakeServer.json({ choice: [] })],
    ["no choice", FakeServer.json({ choices: [] })],
  ] as const) {
    it.live(what, () =>
      Effect.gen(function* () {
        const server = yield* FakeServer.start(...behaviours, ok);
        const time = virtual();
        yield* using(
          settings(server.url),
          ({ generate, takeFigures }) =>
            Effect.gen(function* () {
              assert.strictEqual((yield* generate(request()))[0].text, "ok");
              assert.strictEqual((yield* takeFigures)["retries"], behaviours.length);
            }),
          time,
        );
        // 1 s, 2 s, … less a jitter of up to a half, which is the same in every run.
        for (const [i, millis] of time.slept.entries()) {
          assert.isAtLeast(millis, 500 * 2 ** i);
          assert.isAtMost(millis, 1000 * 2 ** i);
        }
        assert.strictEqual(time.slept.length, behaviours.length);
      }),
    );
  }

  it.live("after what the server asks to wait: seconds or a date", () =>
    Effect.gen(function* () {
      const time = virtual();
      const date = new Date(1_000_000 + 30_000 + 90_000).toUTCString();
      const server = yield* FakeServer.start(
        FakeServer.error(429, "later", { "retry-after": "30" }),
        FakeServer.error(503, "later", { "retry-after": date }),
        ok,
      );
      yield* using(settings(server.url), ({ generate }) => generate(request()), time);
      assert.deepStrictEqual(time.slept, [30_000, 90_000]);
    }),
  );

  it.live("a request that is never answered ends with its time, and its connection is closed", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>();
      const closed = yield* Deferred.make<void>();
      const context = yield* Effect.context();
      const fork = Effect.runForkWith(context);
      const server = yield* FakeServer.start((response) => {
        response.on("close", () => void fork(Deferred.succeed(closed, undefined)));
        fork(Deferred.succeed(arrived, undefined));
      }, ok);
      const time = virtual(Deferred.await(arrived));
      const error = yield* using(
        settings(server.url, { retries: 0 }),
        ({ generate }) => Effect.flip(generate(request())),
        time,
      );
      assert(error instanceof GeneratorError);
      assert.include(error.reason, "gave no answer within 77 s");
      assert.include(error.remedy, "timeoutSeconds");
      yield* Deferred.await(closed);
    }),
  );

  it.live("an interrupted request closes its connection", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>();
      const closed = yield* Deferred.make<void>();
      const fork = Effect.runForkWith(yield* Effect.context());
      const server = yield* FakeServer.start((response) => {
        response.on("close", () => void fork(Deferred.succeed(closed, undefined)));
        fork(Deferred.succeed(arrived, undefined));
      });
      const fiber = yield* using(settings(server.url), ({ generate }) => generate(request())).pipe(
        Effect.forkChild,
      );
      yield* Deferred.await(arrived);
      yield* Fiber.interrupt(fiber);
      yield* Deferred.await(closed);
    }),
  );
});

describe("what will not pass is told at once", () => {
  for (const [what, behaviour, change, reason, remedy, lasting] of [
    [
      "a wrong key",
      FakeServer.error(401, `no such key ${SECRET}`),
      { apiKeyEnv: "THE_KEY" },
      "refuses the key (401): no such key …",
      "THE_KEY",
      true,
    ],
    ["no key", FakeServer.error(401, "key?"), {}, "wants a key (401): key?", "apiKeyEnv", true],
    [
      "an unknown model",
      FakeServer.error(404, "no model other"),
      {},
      'does not know the model "other"',
      "generator.model",
      true,
    ],
    [
      "a refused request",
      FakeServer.error(400, "too long"),
      {},
      "refuses the request (400): too long",
      "maxTokens",
      false,
    ],
    ["a redirection", FakeServer.error(308, "there"), {}, "redirection", "generator.url", true],
    [
      "no log-probs where they are required",
      FakeServer.obedient,
      { logprobs: "required" },
      "gives no log-probs",
      '"wanted"',
      true,
    ],
    [
      "too many choices",
      FakeServer.choices({ text: "a" }, { text: "b" }),
      {},
      "2 choices where 1 were asked for",
      "samplesPerProblem",
      true,
    ],
    [
      "a wait of an hour",
      FakeServer.error(429, "quota", { "retry-after": "3600" }),
      {},
      "asks to wait 60 minutes (429): quota",
      "resume",
      true,
    ],
  ] as const) {
    it.live(what, () =>
      Effect.gen(function* () {
        const server = yield* FakeServer.start(behaviour);
        const error = yield* failing(settings(server.url, change));
        assert.include(error.reason, `the generator at ${server.url}/v1/completions`);
        assert.include(error.reason, reason);
        assert.include(error.remedy, remedy);
        assert.strictEqual(error.lasting, lasting);
        assert.strictEqual(server.received.length, 1);
        assert.notInclude(JSON.stringify(error), SECRET);
      }),
    );
  }

  it.live("a host that cannot be reached is given up after its retries", () =>
    Effect.gen(function* () {
      const { url } = yield* FakeServer.start(FakeServer.obedient).pipe(Effect.scoped);
      const error = yield* failing(settings(url));
      assert.include(error.reason, "cannot be reached (ECONNREFUSED)");
      assert.include(error.remedy, "start the server");
      assert.isFalse(error.lasting);
    }),
  );
});

describe("rates", () => {
  it.live("requests and tokens a minute are kept to", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.start(FakeServer.obedient);
      const five = [1, 2, 3, 4, 5];
      const requests = virtual();
      yield* using(
        settings(server.url, { requestsPerMinute: 2 }),
        ({ generate }) => Effect.forEach(five, () => generate(request())),
        requests,
      );
      assert.deepStrictEqual(requests.slept, [60_000, 60_000]);
      // A prompt of one token and an answer of 24: two fit into 60 a minute.
      const tokens = virtual();
      yield* using(
        settings(server.url, { tokensPerMinute: 50 }),
        ({ generate }) => Effect.forEach(five, () => generate(request())),
        tokens,
      );
      assert.deepStrictEqual(tokens.slept, [60_000, 60_000]);
    }),
  );
});
