import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import * as Stream from "effect/Stream";
import {
  Compute,
  type GenerateRequest,
  type OpenSpec,
  type TrainingSpec,
} from "../../src/compute/Compute.ts";
import * as ComputeWorker from "../../src/compute/ComputeWorker.ts";
import type { StreamEvent, StreamRequest } from "../../src/policy/Streaming.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

const optimizer = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };
const sft: TrainingSpec = {
  id: "sft",
  algorithm: "sft",
  config: {},
  batchSize: 8,
  optimizer,
  episodes: "passing",
};
const cql: TrainingSpec = {
  ...sft,
  id: "cql",
  algorithm: "cql",
  config: { candidates: 8, steps: 10 },
  episodes: "all",
};

const specOf = (path: string, options: Partial<OpenSpec> = {}): OpenSpec => ({
  policy: { path, init: "random" },
  backend: "auto",
  seed: 3,
  trainable: { kind: "full" },
  heads: true,
  frozenType: "float32",
  trainings: [sft, cql],
  maxTrainTokens: 24,
  generation: { batch: 4, maxPromptTokens: 12, maxNewTokens: 12 },
  ...options,
});

const request = (options: Partial<GenerateRequest> = {}): GenerateRequest => ({
  items: ["say red\n", "say blue\n", "say gold\n", "say red\n", "say teal\n"].map((prompt, seed) => ({
    prompt,
    seed,
  })),
  temperature: 0,
  maxNewTokens: 12,
  stop: [],
  tilt: 0,
  ...options,
});

/** A compute worker of its own, closed with the scope. */
const worker = Effect.flatMap(Layer.build(Layer.fresh(ComputeWorker.layer)), (context) =>
  Effect.provideContext(Compute, context),
);

const tinyPolicy = (size = {}) => Effect.promise(() => TinyPolicy.write(size));

describe("ComputeWorker", () => {
  it.effect.each(["auto", "wasm"] as const)(
    "opens, trains, generates, scores, saves, restores, exports, and what it exports opens again (%s)",
    (backend) =>
      Effect.gen(function* () {
        const path = yield* tinyPolicy();
        const compute = yield* worker;
        const info = yield* compute.open(specOf(path, { backend }));
        assert.isAbove(info.trainableParameters, info.parameters);
        const counts = yield* compute.addEpisodes("offline", TinyPolicy.episodes());
        assert.deepStrictEqual(counts, { added: 24, tooLong: 0 });
        const train = (training: string, steps: number) =>
          Effect.forEach(Array.from({ length: steps }), () =>
            compute.trainStep({ training, learningRate: 0.01, offlineFraction: 1 }),
          );
        yield* train("sft", 60);
        yield* train("cql", 10);

        const written = yield* compute.generate(request());
        assert.deepStrictEqual(
          written.map(({ text, finished }) => [text, finished]),
          ["red red;", "blue blue;", "gold gold;", "red red;", "teal teal;"].map((text) => [text, "end"]),
        );
        const stopped = yield* compute.generate(request({ stop: [";"] }));
        assert.strictEqual(stopped[0]?.text, "red red");

        const items = [
          { prompt: "say red\n", program: "red red;" },
          { prompt: "say red\n", program: "red;" },
        ];
        const scores = yield* compute.score(items);
        const first = written[0];
        assert.closeTo(scores[0]?.logProb ?? 0, first?.logProbs.reduce((a, b) => a + b, 0) ?? 1, 1e-3);
        assert.strictEqual(scores[0]?.tokens, first?.tokens.length);
        assert.isAbove(scores[0]?.logProb ?? 0, scores[1]?.logProb ?? 0);
        for (const score of scores) {
          assert.isNotNull(score, "every program fits");
          assert.isAtMost(score?.advantage ?? 1, 0);
          assert.isTrue((score?.value ?? 0) > 0 && (score?.value ?? 1) < 1);
        }
        const tooLong = { prompt: items[0]?.prompt ?? "", program: "x + ".repeat(400) };
        assert.deepStrictEqual(yield* compute.score([tooLong, ...items]), [null, ...scores]);

        const sampled = request({ temperature: 1, tilt: 2 });
        const before = yield* compute.generate(sampled);
        const directory = join(TinyPolicy.temporary("state"), "checkpoint");
        mkdirSync(directory);
        yield* compute.save(directory);
        const tensors = (yield* compute.stats).tensors;
        const onwards = yield* train("sft", 2);
        yield* compute.restore(directory);
        assert.deepStrictEqual(yield* compute.generate(sampled), before);
        assert.deepStrictEqual(yield* train("sft", 2), onwards);
        yield* compute.restore(directory);
        assert.strictEqual((yield* compute.stats).tensors, tensors);

        const exported = join(TinyPolicy.temporary("export"), "tiny");
        yield* compute.exportPolicy({ directory: exported, provenance: "a test", tilt: 0 });
        const other = yield* worker;
        yield* other.open(
          specOf(exported, { backend, policy: { path: exported, init: "weights" }, seed: 99 }),
        );
        assert.deepStrictEqual(yield* other.generate(sampled), before);
        assert.deepStrictEqual(yield* other.score(items), scores);
      }).pipe(Effect.scoped),
    120_000,
  );

  it.effect(
    "answers in order, refuses with a reason, and goes on after an interrupted request",
    () =>
      Effect.gen(function* () {
        const path = yield* tinyPolicy();
        const compute = yield* worker;
        const early = yield* Effect.flip(compute.stats.pipe(Effect.andThen(compute.generate(request()))));
        assert.match(early.reason, /No policy is open/);
        const absent = yield* Effect.flip(compute.open(specOf(join(path, "absent"))));
        assert.match(absent.reason, /no such directory/);
        assert.isDefined(absent.remedy);
        yield* compute.open(specOf(path, { trainings: [], heads: false }));
        const unknown = yield* Effect.flip(
          compute.trainStep({ training: "sft", learningRate: 1, offlineFraction: 1 }),
        );
        assert.match(unknown.reason, /no training "sft"/);
        const tilted = yield* Effect.flip(compute.generate(request({ tilt: 1 })));
        assert.match(tilted.reason, /value heads/);

        const reference = yield* compute.generate(request({ temperature: 1 }));
        // Far more than can be written before it is interrupted.
        const items = Array.from({ length: 20_000 }, (_, seed) => ({ prompt: "say red\n", seed }));
        const long = yield* Effect.forkChild(compute.generate(request({ items, temperature: 1 })));
        const queued = yield* Effect.forkChild(compute.generate(request({ items, temperature: 1 })));
        const after = yield* Effect.forkChild(compute.generate(request({ temperature: 1 })));
        yield* Effect.yieldNow;
        yield* Fiber.interrupt(long);
        yield* Fiber.interrupt(queued);
        assert.deepStrictEqual(yield* Fiber.join(after), reference);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.effect(
    "streams share the batch with each other and with generate; other calls come between; interruption frees slots",
    () =>
      Effect.gen(function* () {
        const path = yield* tinyPolicy();
        const compute = yield* worker;
        yield* compute.open(specOf(path));
        yield* compute.addEpisodes("offline", TinyPolicy.episodes());
        const train = compute.trainStep({ training: "sft", learningRate: 0.01, offlineFraction: 1 });
        yield* Effect.forEach(Array.from({ length: 20 }), () => train);

        const sampling = { temperature: 1, maxNewTokens: 12, stop: ["e "], tilt: 0 };
        const prompts = ["say red\n", "say blue\n", "say teal\n"];
        const items = prompts.flatMap((prompt) => [1, 2, 3].map((seed) => ({ prompt, seed })));
        const whole = yield* compute.generate({ ...sampling, items });
        const asked = (prompt: string, more: Partial<StreamRequest> = {}): StreamRequest => ({
          ...sampling,
          prompt,
          seeds: [1, 2, 3],
          ...more,
        });
        const texts = (events: ReadonlyArray<StreamEvent>): Array<string> => {
          const out = ["", "", ""];
          for (const event of events) if (event.kind !== "started") out[event.sample] += event.text;
          return out;
        };
        const collect = (one: StreamRequest) => Stream.runCollect(compute.stream(one));
        const [together, again] = yield* Effect.all(
          [
            Effect.all(
              prompts.map((prompt) => collect(asked(prompt))),
              { concurrency: "unbounded" },
            ),
            compute.generate({ ...sampling, items }),
          ],
          { concurrency: "unbounded" },
        );
        assert.deepStrictEqual(again, whole);
        const expected = whole.map(({ text }) => text);
        assert.deepStrictEqual(together.flatMap(texts), expected);
        for (const [i, events] of together.entries()) {
          assert.strictEqual(events[0]?.kind, "started");
          for (const sample of [0, 1, 2]) {
            const tokens = events.flatMap((e) => (e.kind === "token" && e.sample === sample ? [e] : []));
            const completion = whole[3 * i + sample];
            assert.deepStrictEqual(
              tokens.map(({ token }) => token),
              completion?.tokens,
            );
            const end = events.find((e) => e.kind === "finished" && e.sample === sample);
            assert.include(end, { reason: completion?.finished, newTokens: tokens.length });
          }
        }

        const reported = yield* collect(asked("say red\n", { topLogProbs: 3, values: true }));
        assert.deepStrictEqual(texts(reported), expected.slice(0, 3));
        for (const event of reported) {
          if (event.kind !== "token") continue;
          assert.strictEqual(event.top.length, 3);
          const same = event.top.find(({ token }) => token === event.token);
          if (same !== undefined) assert.closeTo(same.logProb, event.logProb, 1e-5);
          assert.isTrue((event.value ?? 0) > 0 && (event.q ?? 0) > 0);
        }
        const scored = yield* compute.generate({ ...sampling, items, scores: true });
        assert.deepStrictEqual(
          scored.map(({ tokens }) => tokens),
          whole.map(({ tokens }) => tokens),
        );
        for (const { scores } of scored) {
          assert.isAtMost(scores?.advantage ?? 1, 0);
          assert.isTrue((scores?.value ?? 0) > 0 && (scores?.value ?? 1) < 1);
        }

        // Far more than ends before it is interrupted: its slots must be free afterwards, and calls are answered.
        const endless = asked("say red\n", { seeds: Array.from({ length: 50_000 }, (_, i) => i) });
        const running = yield* Effect.forkChild(collect(endless));
        yield* Stream.runHead(compute.stream(asked("say blue\n")));
        yield* compute.stats;
        yield* train;
        yield* Fiber.interrupt(running);
        assert.strictEqual((yield* collect(asked("say red\n"))).at(-1)?.kind, "finished");
        const refused = yield* Effect.flip(collect(asked("say red\n", { topLogProbs: 21 })));
        assert.match(refused.reason, /top log-probs must be in 0 .. 20, found 21/);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.effect("a worker that dies fails what waits and what comes later", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        ComputeWorker.layerEntry(new URL("./crashWorker.ts", import.meta.url)),
      );
      const compute = yield* Effect.provideContext(Compute, context);
      assert.strictEqual((yield* compute.stats).tensors, 1);
      const waiting = yield* Effect.all(
        [compute.stats, compute.stats, compute.save("/nowhere")].map(Effect.exit),
        {
          concurrency: "unbounded",
        },
      );
      for (const exit of waiting) assert.isTrue(Exit.isFailure(exit));
      const later = yield* Effect.flip(compute.stats);
      assert.match(later.reason, /exit code 3/);
      assert.isDefined(later.remedy);
    }).pipe(Effect.scoped),
  );

  it.effect("closing the scope ends the worker, whatever it is doing", () =>
    Effect.gen(function* () {
      const path = yield* tinyPolicy();
      const outcome = yield* Effect.gen(function* () {
        const compute = yield* worker;
        yield* compute.open(specOf(path, { trainings: [], heads: false }));
        const items = Array.from({ length: 50_000 }, (_, seed) => ({ prompt: "say red\n", seed }));
        const running = yield* Effect.forkDetach(
          Effect.exit(compute.generate(request({ items, temperature: 1 }))),
        );
        return { compute, running };
      }).pipe(Effect.scoped);
      assert.isTrue(Exit.isFailure(yield* Fiber.join(outcome.running)));
      assert.match((yield* Effect.flip(outcome.compute.stats)).reason, /closed/);
    }),
  );

  it.effect(
    "the main thread stays free while long steps run",
    () =>
      Effect.gen(function* () {
        // About 300 ms a step on two cores of 2024; the worker's own time is measured below.
        const size = {
          hidden_size: 256,
          intermediate_size: 768,
          head_dim: 32,
          num_attention_heads: 8,
          num_hidden_layers: 4,
          initializer_range: 0.02,
        };
        const path = yield* tinyPolicy(size);
        const compute = yield* worker;
        const training = { ...sft, batchSize: 112 };
        yield* compute.open(specOf(path, { heads: false, trainings: [training], maxTrainTokens: 24 }));
        yield* compute.addEpisodes("offline", TinyPolicy.episodes());
        const step = compute.trainStep({ training: "sft", learningRate: 0.001, offlineFraction: 1 });
        yield* step;
        // Other processes may take the cores for a while; a main thread that waits for steps does so each time.
        const tries: Array<string> = [];
        let free = false;
        while (!free && tries.length < 5) {
          const delay = monitorEventLoopDelay({ resolution: 2 });
          delay.enable();
          const started = performance.now();
          const steps = 5;
          yield* Effect.forEach(Array.from({ length: steps }), () => step);
          const stepMillis = (performance.now() - started) / steps;
          delay.disable();
          const [most, max] = [delay.percentile(99) / 1e6, delay.max / 1e6];
          tries.push(
            `steps of ${stepMillis.toFixed(0)} ms, event loop delay p99 ${most.toFixed(1)} ms, max ${max.toFixed(1)} ms`,
          );
          assert.isAbove(stepMillis, 50, tries.join("; "));
          free = most < Math.min(50, stepMillis / 2) && max < Math.max(50, stepMillis / 2);
        }
        assert.isTrue(free, tries.join("; "));
        console.log(tries.at(-1));
      }).pipe(Effect.scoped),
    60_000,
  );
});
