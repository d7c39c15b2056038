import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import { assert, beforeAll, describe, it } from "vitest";
import type { OpenSpec } from "../../src/compute/Compute.ts";
import * as EngineGraph from "../../src/compute/EngineGraph.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

let policy: Policy.PolicyFiles;
beforeAll(async () => {
  const size = { num_hidden_layers: 12, hidden_size: 64, head_dim: 16, intermediate_size: 256 };
  policy = await Effect.runPromise(Policy.read(await TinyPolicy.write(size), { weights: "optional" }));
});

const spec = (): OpenSpec => ({
  policy: { path: policy.directory, init: "random" },
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
      episodes: "all",
    },
  ],
  maxTrainTokens: 129,
  generation: { batch: 2, maxPromptTokens: 8, maxNewTokens: 8 },
});
const fitting = (available: number, changed: Partial<OpenSpec> = {}) =>
  Effect.runPromiseExit(EngineGraph.recordFitting(policy, { ...spec(), ...changed }, available));
const peak = (recompute: boolean): number =>
  EngineGraph.footprint(EngineGraph.record(policy, spec(), recompute), policy, spec()).peak;

describe("whether a run fits", () => {
  it("recomputes activations where memory needs it, and only there", async () => {
    const [kept, recomputed] = [peak(false), peak(true)];
    assert.isBelow(recomputed, kept - 50e6);
    const between = (kept + recomputed) / 2;
    for (const [available, changed, expected] of [
      [kept, {}, false],
      [between, {}, true],
      [kept, { recompute: true }, true],
    ] as const) {
      const exit = await fitting(available, changed);
      assert.isTrue(Exit.isSuccess(exit));
      if (Exit.isSuccess(exit)) assert.strictEqual(exit.value.recompute, expected);
    }
  });

  it("is refused with what it would take and what to change", async () => {
    for (const changed of [{}, { recompute: false }]) {
      const exit = await fitting(100e6, changed);
      assert.isTrue(Exit.isFailure(exit));
      if (!Exit.isFailure(exit)) continue;
      const error = Cause.squash(exit.cause) as { readonly reason: string; readonly remedy: string };
      assert.match(error.reason, /would take about .* and the process may take 100\.0 MB/);
      assert.match(error.remedy, /smaller microBatch.*LoRA.*drydock plan/);
    }
  });
});
