/** The remote generator asking `drydock serve`'s own server for the shipped policy. */
import * as Fs from "node:fs";
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest";
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import * as Effect from "effect/Effect";
import * as Redacted from "effect/Redacted";
import { Generator, GeneratorError } from "../../src/generator/Generator.ts";
import * as Remote from "../../src/generator/Remote.ts";
import * as Served from "../serve/Served.ts";

const KEY = "a-key-for-this-test";
const directory = Served.withChatTemplate();
let served: Served.Served;
beforeAll(async () => {
  served = await Served.open(directory, { apiKey: KEY });
});
afterAll(async () => {
  await served.close();
  Fs.rmSync(directory, { recursive: true });
});

const statements = ["Double every number.", "Sum of the squares."];

const ask = (api: "completions" | "chat", model = "js", key = KEY) =>
  Effect.flatMap(Generator, ({ generate, takeFigures }) =>
    Effect.all([
      generate({
        items: statements.flatMap((statement, task) =>
          [1, 2, 3].map((sample) => ({
            // The chat template adds the line's end.
            prompt: api === "chat" ? statement : `${statement}\n`,
            seed: 10 * task + sample,
          })),
        ),
        temperature: 0.7,
        maxNewTokens: 80,
        stop: ["\n"],
        tilt: 0,
      }),
      takeFigures,
    ]),
  ).pipe(
    Effect.provide(
      Remote.layer({
        config: {
          kind: "remote",
          url: served.server.url,
          model,
          api,
          apiKeyEnv: "KEY",
          concurrency: 2,
          retries: 0,
          timeoutSeconds: 60,
          logprobs: "required",
        },
        tokenizer: served.files.tokenizer,
        key: Redacted.make(key),
      }),
    ),
    Effect.provide(NodeHttpClient.layerNodeHttp),
  );

describe("a generator that is a served policy", () => {
  it.live.each(["completions", "chat"] as const)(
    "gives log-probs of our own tokens, which are those that scoring finds: %s",
    (api) =>
      Effect.gen(function* () {
        const [completions, figures] = yield* ask(api);
        assert.strictEqual(completions.length, 6);
        const ended = completions.filter(({ finished }) => finished === "end");
        assert.isAtLeast(ended.length, 1);
        assert.strictEqual(figures["log_probs_aligned"], ended.length);
        assert.strictEqual(figures["log_probs_absent"], 0);
        const scores = yield* served.compute.score(
          completions.map(({ text }, i) => ({ prompt: `${statements[i < 3 ? 0 : 1]}\n`, program: text })),
        );
        for (const [i, { finished, tokens, logProbs }] of completions.entries()) {
          if (finished !== "end") continue;
          assert.strictEqual(tokens.length, logProbs.length);
          const score = scores[i];
          assert.isNotNull(score);
          assert.strictEqual(score?.tokens, tokens.length);
          assert.closeTo(
            logProbs.reduce((a, b) => a + b, 0),
            score?.logProb ?? 0,
            1e-3,
          );
        }
      }),
  );

  it.live("tells a wrong key and an unknown model", () =>
    Effect.gen(function* () {
      for (const [model, key, reason] of [
        ["js", "another", "refuses the key (401)"],
        ["other", KEY, 'does not know the model "other"'],
      ] as const) {
        const error = yield* Effect.flip(ask("completions", model, key));
        assert(error instanceof GeneratorError);
        assert.include(error.reason, reason);
        assert.isTrue(error.lasting);
      }
    }),
  );
});
