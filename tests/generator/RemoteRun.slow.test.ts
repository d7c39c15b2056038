/** Whole tiny runs whose online programs come from a server. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as GeneratorFor from "../../src/generator/GeneratorFor.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as TinyRun from "../orchestrator/TinyRun.ts";
import * as Served from "../serve/Served.ts";
import * as FakeServer from "./FakeServer.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-remote-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

/** Programs for "+ N #I" that pass, or do not, by the request's seed. */
const author: FakeServer.Behaviour = (response, received) => {
  const { prompt, seed, n } = received.body;
  const add = Number(/^\+ (\d)/.exec(String(prompt))?.[1]);
  const wrong = Number(seed) % 3 === 0 ? 1 : 0;
  const texts = [`const f = (x) => x + ${add + wrong};`, `const f = (x) => ${add} + x;`];
  FakeServer.choices(...texts.slice(0, Number(n ?? 1)).map((text) => ({ text })))(response, received);
};
const hangUp: FakeServer.Behaviour = (response) => response.destroy();

const stages = (generator: Readonly<Record<string, unknown>>, change = {}) => ({
  budget: { verifications: 24, generated: 60 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 2, learningRate: 0.01 },
    {
      kind: "online",
      label: "online",
      rounds: 2,
      programsPerRound: 16,
      samplesPerProblem: 2,
      generator: { kind: "remote", model: "other", retries: 0, ...generator },
      updates: [{ training: "sft", steps: 2, learningRate: 0.003 }],
      validation: null,
      ...change,
    },
  ],
});

const prepared = Effect.fn(function* (name: string, change: ReturnType<typeof stages>) {
  const config = yield* TinyRun.configure(Path.join(root, name), change);
  const { directory } = yield* TinyRun.create(config);
  return { config, directory };
});

const within = <A, E>(
  { directory }: { readonly directory: string },
  body: Effect.Effect<A, E, Effect.Services<ReturnType<typeof TinyRun.go>> | Commands>,
) => body.pipe(Effect.provide(TinyRun.services(directory)));

/** What a finished run shows. */
const shown = Effect.gen(function* () {
  const store = yield* RunStore;
  // CPU time is measured: no two runs have the same.
  const candidates = (yield* store.candidates(1)).map((each) => ({ ...each, cpuSeconds: null }));
  return { candidates, events: yield* Report.allEvents };
});

const weights = ({ directory }: { readonly directory: string }): Buffer =>
  Fs.readFileSync(Path.join(directory, "policy", "model.safetensors"));

const asked = (server: FakeServer.Server): ReadonlyArray<string> =>
  server.received.map(({ body }) => `${String(body["prompt"])} ${String(body["seed"])}`);

describe("a run whose programs another model writes", () => {
  it.live(
    "goes on where its server went away, asks nothing twice, and ends as if it had not",
    () =>
      Effect.gen(function* () {
        const steady = yield* FakeServer.start(author);
        const straight = yield* prepared("straight", stages({ url: steady.url, concurrency: 3 }));
        const whole = yield* within(straight, Effect.andThen(TinyRun.go(straight.config), shown));
        assert.isTrue(whole.candidates.every((c) => c.policyVersion === null && c.origin === "remote:other"));
        assert.isAbove(whole.candidates.filter(({ outcome }) => outcome === "Passed").length, 0);
        // The seeds of the samples are those that the own policy would have had.
        assert.strictEqual(new Set(asked(steady)).size, steady.received.length);
        const figures = whole.events.flatMap(({ event }) =>
          event._tag === "Metrics" && event.training === "generator" ? [event.values] : [],
        );
        assert.strictEqual(figures.length, 2);
        assert.strictEqual(
          figures.reduce((sum, values) => sum + (values["requests"] ?? 0), 0),
          steady.received.length,
        );
        assert.strictEqual(
          figures.reduce((sum, values) => sum + (values["log_probs_absent"] ?? 0), 0),
          whole.candidates.length,
        );

        const shaky = yield* FakeServer.start(author, author, author, hangUp, hangUp, hangUp, author);
        const broken = yield* prepared("broken", stages({ url: shaky.url, concurrency: 1 }));
        const { error, kept } = yield* within(
          broken,
          Effect.gen(function* () {
            const failure = yield* Effect.flip(TinyRun.go(broken.config));
            return { error: failure, kept: yield* shown };
          }),
        );
        assert(error._tag === "GeneratorError");
        assert.include(error.reason, "6 of 12 programs could not be had; the last error: the generator at");
        assert.include(error.remedy, "`drydock resume`");
        assert.strictEqual(kept.candidates.length, 6);
        const before = asked(shaky).slice(0, 3);

        const resumed = yield* within(broken, Effect.andThen(TinyRun.go(broken.config), shown));
        assert.deepStrictEqual(resumed.candidates, whole.candidates);
        for (const question of before) {
          assert.strictEqual(asked(shaky).filter((one) => one === question).length, 1, question);
        }
        assert.isTrue(weights(broken).equals(weights(straight)), "final weights differ");
      }),
    120_000,
  );

  it.live(
    "is stopped while its server is silent, and goes on",
    () =>
      Effect.gen(function* () {
        const silent = yield* Deferred.make<void>();
        const fork = Effect.runForkWith(yield* Effect.context());
        const hold: FakeServer.Behaviour = () => void fork(Deferred.succeed(silent, undefined));
        const server = yield* FakeServer.start(author, author, hold, author);
        const change = { rounds: 1, programsPerRound: 8 };
        const run = yield* prepared("stopped", stages({ url: server.url, concurrency: 1 }, change));
        yield* within(
          run,
          Effect.gen(function* () {
            const { submit } = yield* Commands;
            yield* Deferred.await(silent).pipe(
              Effect.andThen(submit({ command: { _tag: "Stop" }, from: "test" })),
              Effect.forkChild,
            );
            const error = yield* Effect.flip(TinyRun.go(run.config));
            assert.strictEqual(error._tag, "StopRequested");
            const store = yield* RunStore;
            assert.deepStrictEqual(yield* store.budget("generated"), { limit: 60, spent: 4, reserved: 0 });
          }),
        );
        const { candidates } = yield* within(run, Effect.andThen(TinyRun.go(run.config), shown));
        assert.strictEqual(candidates.length, 8);
        // Four problems, and the one that was not answered twice.
        assert.strictEqual(server.received.length, 5);
        assert.strictEqual(asked(server)[2], asked(server)[3]);
      }),
    120_000,
  );

  it.live(
    "leaves out the programs of a request that is refused, and stops where all are",
    () =>
      Effect.gen(function* () {
        const server = yield* FakeServer.start(author, FakeServer.error(400, "too long"), author);
        // Without grouping a request is one program: the second of the first round is lost.
        const change = { rounds: 1, programsPerRound: 6, samplesPerProblem: 1 };
        const run = yield* prepared("refused", stages({ url: server.url, concurrency: 1 }, change));
        const { candidates } = yield* within(run, Effect.andThen(TinyRun.go(run.config), shown));
        assert.deepStrictEqual(
          candidates.map(({ slot }) => slot),
          [0, 2, 3, 4, 5],
        );

        const never = yield* FakeServer.start(FakeServer.error(400, "too long"));
        const other = { ...change, programsPerRound: 2 };
        const stuck = yield* prepared("stuck", stages({ url: never.url, concurrency: 1 }, other));
        const error = yield* within(stuck, Effect.flip(TinyRun.go(stuck.config)));
        assert(error._tag === "GeneratorError");
        assert.include(error.reason, "2 of 2 programs could not be had");
      }),
    120_000,
  );

  it.live(
    "may take them from a served policy",
    () =>
      Effect.gen(function* () {
        const served = yield* Effect.acquireRelease(
          Effect.promise(() => Served.open(Served.JS_COMPOSE)),
          ({ close }) => Effect.promise(close),
        );
        const generator = { url: served.server.url, model: "js", concurrency: 2, logprobs: "required" };
        const run = yield* prepared("served", stages(generator, { rounds: 1, programsPerRound: 6 }));
        const { candidates } = yield* within(run, Effect.andThen(TinyRun.go(run.config), shown));
        assert.strictEqual(candidates.length, 6);
        assert.isTrue(candidates.every(({ decision }) => decision === "verified" || decision === "cached"));
        // The tiny policy's tokens are not the served one's.
        assert.isTrue(
          candidates.every(({ origin, tokens }) => origin === "remote:js" && tokens.length === 0),
        );
      }),
    120_000,
  );

  it.effect("is refused before it starts where its key is not set", () =>
    Effect.gen(function* () {
      const generator = { url: "http://127.0.0.1:9", apiKeyEnv: "DRYDOCK_TEST_NO_SUCH_KEY" };
      const config = yield* TinyRun.configure(Path.join(root, "no-key"), stages(generator));
      const error = yield* Effect.flip(GeneratorFor.check(config));
      assert.include(error.reason, "DRYDOCK_TEST_NO_SUCH_KEY, which should hold the key");
    }),
  );
});
