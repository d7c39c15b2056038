/**
 * The control plane never waits for a gradient: while steps of about 300 ms run one after another in a worker
 * thread, an event reaches a WebSocket client within 50 ms of its commit, and a stop command is answered within
 * 100 ms (medians; the measured values are printed).
 */
import { Worker } from "node:worker_threads";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Queue from "effect/Queue";
import { Compute, type OpenSpec } from "../../src/compute/Compute.ts";
import * as ComputeWorker from "../../src/compute/ComputeWorker.ts";
import * as RunControl from "../../src/orchestrator/RunControl.ts";
import { ProgressServer } from "../../src/progress/ProgressServer.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as StoreFixture from "../store/Fixture.ts";
import * as Fixture from "../progress/Fixture.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

const EVENTS = 40;
const STOPS = 15;

const sorted = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b);
const median = (values: ReadonlyArray<number>): number => sorted(values)[values.length >> 1] ?? Number.NaN;
const told = (values: ReadonlyArray<number>): string =>
  `median ${median(values).toFixed(1)} ms, worst ${Math.max(...values).toFixed(1)} ms`;

/**
 * Measures during the steps that `stepped` announces.
 * @param stepped waits for the end of the next step and gives its milliseconds
 */
const measure = (name: string, stepped: Effect.Effect<number>) =>
  Effect.gen(function* () {
    const store = yield* RunStore;
    const { url, token } = yield* ProgressServer;
    yield* store.append(StoreFixture.started({ verifications: 10, generated: 10 }));
    const client = yield* Fixture.greeted(url, { from: yield* store.head });
    const steps = [yield* stepped];

    const latencies: Array<number> = [];
    for (let i = 0; i < EVENTS; i++) {
      // A few events within each step, so that they fall on all of its moments.
      if (i % 5 === 4) steps.push(yield* stepped);
      let received = 0;
      client.socket.once("message", () => {
        received = performance.now();
      });
      yield* store.append(Fixture.metrics(i));
      const committed = performance.now();
      yield* client.nextOf("event");
      latencies.push(Math.max(0, received - committed));
      yield* Effect.sleep(17 * (1 + (i % 3)));
    }

    const answers: Array<number> = [];
    const logged: Array<number> = [];
    for (let i = 0; i < STOPS; i++) {
      if (i % 3 === 2) steps.push(yield* stepped);
      const asked = performance.now();
      yield* client.send({ type: "command", id: String(i), token, command: { _tag: "Stop" } });
      yield* client.nextOf("ack");
      answers.push(performance.now() - asked);
      yield* client.nextOf("event");
      logged.push(performance.now() - asked);
      yield* Effect.sleep(23 * (1 + (i % 3)));
    }
    console.log(
      `${name}, steps of ${median(steps).toFixed(0)} ms: commit to client ${told(latencies)}; stop answered ${told(answers)}, in the log ${told(logged)}`,
    );
    assert.isAtMost(median(latencies), 50);
    assert.isAtMost(median(answers), 100);
    assert.isAtMost(median(logged), 100);
    return median(steps);
  });

const served = Effect.map(StoreFixture.temporary, (directory) =>
  RunControl.layer.pipe(Layer.provideMerge(Fixture.served(directory))),
);

describe("while steps run in a worker thread, events and answers are on time", () => {
  it.live("a thread that computes without a pause", () =>
    Effect.gen(function* () {
      const ended = yield* Queue.sliding<number>(1);
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const worker = new Worker(new URL("../../bin/boot.mjs", import.meta.url), {
            workerData: { entry: new URL("./busyWorker.ts", import.meta.url).href },
          });
          worker.on("message", (millis: number) => Queue.offerUnsafe(ended, millis));
          return worker;
        }),
        (worker) => Effect.promise(() => worker.terminate()),
      );
      yield* measure("busy thread", Queue.take(ended)).pipe(Effect.provide(yield* served));
    }),
  );

  it.live(
    "the compute worker training",
    () =>
      Effect.gen(function* () {
        const path = yield* Effect.promise(() =>
          TinyPolicy.write({ hidden_size: 384, intermediate_size: 1024, head_dim: 48, num_hidden_layers: 6 }),
        );
        const spec: OpenSpec = {
          policy: { path, init: "random" },
          backend: "auto",
          seed: 1,
          trainable: { kind: "full" },
          heads: false,
          frozenType: "float32",
          trainings: [
            {
              id: "sft",
              algorithm: "sft",
              config: {},
              batchSize: 32,
              optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
              episodes: "passing",
            },
          ],
          maxTrainTokens: 24,
          generation: { batch: 4, maxPromptTokens: 12, maxNewTokens: 12 },
        };
        const compute = yield* Compute;
        yield* compute.open(spec);
        yield* compute.addEpisodes("offline", TinyPolicy.episodes());
        const ended = yield* Queue.sliding<number>(1);
        const step = Effect.suspend(() => {
          const begin = performance.now();
          return Effect.flatMap(
            compute.trainStep({ training: "sft", learningRate: 1e-3, offlineFraction: 1 }),
            () => Queue.offer(ended, performance.now() - begin),
          );
        });
        yield* step;
        yield* Effect.forkChild(Effect.forever(step));
        yield* measure("compute worker", Queue.take(ended)).pipe(Effect.provide(yield* served));
      }).pipe(Effect.provide(ComputeWorker.layer)),
    120_000,
  );

  it.live("a pause, a limit and their taking back are carried out, and answered", () =>
    Effect.gen(function* () {
      const store = yield* RunStore;
      const { url, token } = yield* ProgressServer;
      yield* store.append(StoreFixture.started({ verifications: 10, generated: 10 }));
      const client = yield* Fixture.greeted(url, { from: yield* store.head });
      const commands = [
        { _tag: "Pause" },
        { _tag: "SetBudget", unit: "cpuSeconds", limit: 60 },
        { _tag: "AddBudget", unit: "cpuSeconds", amount: 1 },
        { _tag: "Resume" },
      ];
      const answers: Array<number> = [];
      for (let i = 0; i < 24; i++) {
        const asked = performance.now();
        yield* client.send({ type: "command", id: String(i), token, as: "test", command: commands[i % 4] });
        const answer = yield* client.nextOf("result");
        answers.push(performance.now() - asked);
        assert.deepInclude(answer, { id: String(i), refused: null });
      }
      console.log(`commands carried out and answered ${told(answers)}`);
      assert.isAtMost(median(answers), 100);
    }).pipe((body) => Effect.flatMap(served, (layer) => Effect.provide(body, layer))),
  );
});
