import * as Effect from "effect/Effect";
import { afterAll, assert, describe, it } from "vitest";
import * as Learner from "../../src/learner/Learner.ts";
import * as Generation from "../../src/model/generation/Generation.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Text from "../../src/policy/Text.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Session } from "../../src/tensor/Session.ts";
import { testExecutor } from "../support/executor.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

const STEPS = 1200;
/** Steps after which every layout has run and the allocator has its shape. */
const WARM = 200;
const MB = 2 ** 20;
const optimizer = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };
const shared = { batchSize: 8, optimizer };

let session: Session | undefined;
afterAll(() => session?.dispose());

describe(`${STEPS - WARM} steps of training and generation`, () => {
  it("hold no more tensors and no more memory at the end than after the first few", async () => {
    const executor = await testExecutor();
    const policy = await Effect.runPromise(Policy.read(await TinyPolicy.write(), { weights: "optional" }));
    const graph = new Graph();
    const recorded = Learner.record(graph, policy, {
      init: "random",
      seed: 1,
      trainable: { kind: "full" },
      frozenType: "float32",
      heads: true,
      maxTrainTokens: 24,
      recompute: true,
      trainings: [
        { ...shared, id: "sft", algorithm: "sft", config: {}, episodes: "passing" },
        { ...shared, id: "cql", algorithm: "cql", config: { candidates: 8 }, episodes: "all", microBatch: 4 },
      ],
    });
    const { model, heads } = recorded.network;
    const programs = Generation.record(graph, model, {
      name: "generate",
      batch: 4,
      maxPrompt: 8,
      maxNew: 8,
      heads,
    });
    session = executor.open(graph, recorded.initial);
    const learner = recorded.attach(session, executor.name);
    const text = Text.make(policy);
    learner.addEpisodes("offline", TinyPolicy.episodes().map(text.episode));
    const generator = new Generation.Generator(session, programs);
    const prompt = text.prompt("say red\n");

    let tensors = 0;
    let memory = 0;
    let tokens = 0;
    for (let i = 1; i <= STEPS; i++) {
      const training = i % 4 === 0 ? "cql" : "sft";
      const metrics = learner.trainStep({ training, learningRate: 1e-3, offlineFraction: 1 });
      assert.isTrue(Number.isFinite(metrics["loss"]), `step ${i}: loss ${metrics["loss"]}`);
      if (i % 10 === 0) {
        const samples = generator.generate([{ promptIds: prompt, seed: i }], {
          temperature: 1,
          tilt: 0,
          maxNewTokens: 8,
          ends: policy.endTokens,
        });
        tokens += samples.reduce((sum, sample) => sum + sample.tokens.length, 0);
      }
      if (i === WARM) {
        tensors = session.tensors();
        memory = process.memoryUsage.rss();
      }
    }
    const grown = process.memoryUsage.rss() - memory;
    assert.isAbove(tokens, 100);
    assert.strictEqual(session.tensors(), tensors);
    assert.isBelow(grown, 24 * MB, `resident memory grew by ${(grown / MB).toFixed(1)} MB`);
  }, 180_000);
});
