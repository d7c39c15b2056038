/** Trainings over groups of programs, with a reference policy: RLOO, GRPO and DPO on a tiny model. */
import { assert, describe, it } from "vitest";
import type * as Learner from "../../src/learner/Learner.ts";
import * as Text from "../../src/policy/Text.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";
import * as TinyPolicyLearner from "./TinyPolicyLearner.ts";

const training = (algorithm: string, config: unknown = {}): Learner.TrainingSpec => ({
  id: algorithm,
  algorithm,
  config,
  batchSize: 8,
  optimizer: TinyPolicyLearner.optimizer,
  episodes: "all",
});
const all = [training("rloo"), training("grpo"), training("dpo")];
const names = all.map(({ id }) => id);
const full = { kind: "full" } as const;
const lora = { kind: "lora", lora: { rank: 4, alpha: 8, targets: ["q", "v"] } } as const;

const open = (options: Partial<Learner.LearnerSpec> = {}) =>
  TinyPolicyLearner.open({ trainings: all, ...options });

type Snapshot = TinyPolicyLearner.Snapshot;
const assertSame = (a: Snapshot, b: Snapshot): void => {
  assert.deepStrictEqual([...a.keys()].sort(), [...b.keys()].sort());
  for (const [name, data] of a) assert.deepStrictEqual(data, b.get(name), name);
};

describe.each([
  ["full", full],
  ["LoRA", lora],
])("groups, %s", (_, trainable) => {
  it("the reference is the policy until it trains, stands still, and is the policy again when it is set", () => {
    const { step, snapshot, learner } = open({ trainable });
    // At the reference there is nothing to measure.
    const equal = () => {
      const { rloo, grpo, dpo } = Object.fromEntries(names.map((id) => [id, step(id, 0)]));
      for (const [value, expected] of [
        [rloo["taper"], 1],
        [rloo["kl"], 0],
        [grpo["ratio"], 1],
        [grpo["kl"], 0],
        [grpo["clip_fraction"], 0],
        [dpo["dpo"], Math.LN2],
        [dpo["margin"], 0],
        [dpo["chosen"], 0],
      ])
        assert.closeTo(value, expected, 1e-4);
    };
    equal();
    const before = snapshot(/^reference/);
    assert.isAbove(before.size, 0);
    for (let i = 0; i < 3; i++) for (const id of names) step(id);
    assertSame(snapshot(/^reference/), before);
    assert.isAbove(Math.abs(step("dpo", 0)["margin"]), 1e-3);
    learner.setReference();
    for (const [name, data] of snapshot(/^reference/))
      assert.deepStrictEqual(data, snapshot().get(name.replace(/^reference\./, "")), name);
    equal();
  });

  it("goes on from a saved state bit for bit, its reference too", () => {
    const trainings = [training("rloo"), { ...training("grpo"), microBatch: 4 }, training("dpo")];
    const one = open({ trainable, trainings });
    for (const id of names) one.step(id);
    one.learner.setReference();
    for (const id of names) one.step(id);
    const directory = TinyPolicy.temporary("learner");
    one.learner.save(directory);
    const two = open({ trainable, trainings });
    two.step("dpo");
    two.learner.restore(directory);
    assertSame(two.snapshot(/^reference/), one.snapshot(/^reference/));
    for (let i = 0; i < 3; i++)
      for (const id of names) assert.deepStrictEqual(two.step(id), one.step(id), id);
    assertSame(two.snapshot(), one.snapshot());
  });
});

describe("groups", () => {
  it("a batch of 8 is two micro-batches of 4, also of pairs, which stay together", () => {
    for (const { id, ...spec } of all) {
      const [whole, halves, pairs] = [8, 4, 2].map((microBatch) =>
        open({ trainings: [{ id, ...spec, microBatch }] }),
      );
      whole.step(id);
      const expected = whole.step(id);
      for (const parts of [halves, pairs]) {
        parts.step(id);
        const found = parts.step(id);
        assert.deepStrictEqual(Object.keys(found), Object.keys(expected));
        for (const name of Object.keys(expected))
          assert.closeTo(
            found[name],
            expected[name],
            2e-3 * Math.max(1, Math.abs(expected[name])),
            `${id} ${name}`,
          );
      }
    }
  });

  it("refuses batches of no whole groups; its own micro-batches hold whole pairs", () => {
    const of = (change: Partial<Learner.TrainingSpec>) => () =>
      open({ trainings: [{ ...training("dpo"), ...change }] });
    assert.throws(of({ batchSize: 7 }), /batchSize 7 is no multiple of its groups' 2/);
    assert.throws(of({ batchSize: 6, microBatch: 3 }), /microBatch 3 is no multiple of its groups' 2/);
    assert.throws(of({ algorithm: "rloo", batchSize: 6 }), /batchSize 6 is no multiple of its groups' 4/);
    // 17 would be the largest divisor up to 32.
    assert.isFinite(of({ batchSize: 34 })().step("dpo")["loss"]);
  });

  it("makes no step where no problem has both a pass and a fail, and says so where one is asked for", () => {
    const { learner, step } = open();
    learner.clearEpisodes("offline");
    const passing = TinyPolicy.episodes().filter(({ reward }) => reward === 1);
    learner.addEpisodes("offline", passing.map(Text.make(TinyPolicyLearner.policy).episode));
    assert.throws(() => step("rloo"), /no problem of the buffer has both a pass and a fail/);
    const request = { training: "rloo", learningRate: 0.01, offlineFraction: 1, ifEmpty: "skip" } as const;
    assert.deepStrictEqual(learner.trainStep(request), { skipped: 1 });
  });

  it("each learns: the passing programs gain on the failing ones", () => {
    for (const id of names) {
      // The anchor and DPO's cross-entropy would do it by themselves.
      const config = id === "dpo" ? { sft: 0 } : { anchor: 0 };
      const { step } = open({
        trainings: [training(id, config), training("dpo")].slice(0, id === "dpo" ? 1 : 2),
      });
      for (let i = 0; i < 12; i++) step(id, 0.003);
      const { accuracy, margin } = step("dpo", 0);
      assert.strictEqual(accuracy, 1, id);
      assert.isAbove(margin, 0.05, id);
    }
  }, 60_000);
});
