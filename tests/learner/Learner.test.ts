import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import type * as Learner from "../../src/learner/Learner.ts";
import * as Heads from "../../src/model/Heads.ts";
import * as Text from "../../src/policy/Text.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";
import * as TinyPolicyLearner from "./TinyPolicyLearner.ts";

const { optimizer } = TinyPolicyLearner;
const sft: Learner.TrainingSpec = {
  id: "sft",
  algorithm: "sft",
  config: {},
  batchSize: 8,
  optimizer,
  episodes: "passing",
};
const cql: Learner.TrainingSpec = {
  id: "cql",
  algorithm: "cql",
  config: { candidates: 8, steps: 20 },
  batchSize: 8,
  optimizer,
  episodes: "all",
};
const open = (options: Partial<Learner.LearnerSpec> = {}) => {
  const opened = TinyPolicyLearner.open({ trainings: [sft], ...options });
  return {
    ...opened,
    step: (training = "sft", rate = 0.01, share = 1) => opened.step(training, rate, share),
  };
};

type Snapshot = TinyPolicyLearner.Snapshot;
const assertSame = (a: Snapshot, b: Snapshot): void => {
  assert.deepStrictEqual([...a.keys()].sort(), [...b.keys()].sort());
  for (const [name, data] of a)
    assert.isTrue(Buffer.from(data.buffer).equals(Buffer.from((b.get(name) as Float32Array).buffer)), name);
};
const assertClose = (a: Snapshot, b: Snapshot, tolerance: number): void => {
  for (const [name, data] of a) {
    const other = b.get(name) as Float32Array;
    data.forEach((x, i) => assert.closeTo(x, other[i], tolerance, `${name}[${i}]`));
  }
};

describe("Learner", () => {
  it("learns: SFT drives the loss down", () => {
    const { step } = open();
    const first = step()["ce"];
    let last = first;
    for (let i = 0; i < 60; i++) last = step()["ce"];
    assert.isAbove(first, 3);
    assert.isBelow(last, 0.2 * first);
  }, 120_000);

  it("goes on from a saved state bit for bit, with two trainings under way", () => {
    const options = { heads: true, trainings: [sft, { ...cql, microBatch: 4 }] };
    const one = open(options);
    for (let i = 0; i < 3; i++) {
      one.step("sft");
      one.step("cql");
    }
    const directory = join(TinyPolicy.temporary("learner"), "state");
    mkdirSync(directory);
    one.learner.save(directory);
    const two = open({ ...options, seed: 8 });
    two.step("sft");
    two.learner.restore(directory);
    for (let i = 0; i < 3; i++) {
      assert.deepStrictEqual(two.step("cql"), one.step("cql"));
      assert.deepStrictEqual(two.step("sft"), one.step("sft"));
    }
    assertSame(two.snapshot(), one.snapshot());
  });

  it("says what does not fit in a saved state, and changes nothing", () => {
    const one = open();
    const directory = TinyPolicy.temporary("learner");
    one.learner.save(directory);
    const two = open({ heads: true, trainings: [sft, cql] });
    const before = two.snapshot();
    assert.throws(() => two.learner.restore(directory), /no state of training "cql"/);
    assert.throws(() => two.learner.restore(join(directory, "absent")), /learner\.json/);
    assertSame(two.snapshot(), before);
  });

  it("recomputed activations give the same gradients", () => {
    const trainables = [
      { kind: "full" },
      { kind: "lora", lora: { rank: 4, alpha: 8, targets: ["q", "v"] } },
    ] as const;
    for (const trainable of trainables) {
      const [plain, again] = [false, true].map((recompute) => open({ trainable, recompute }));
      const [one, two] = [plain.step(), again.step()];
      for (const name of Object.keys(one)) assert.closeTo(two[name], one[name], 1e-6, name);
      assertClose(again.snapshot(/^optimizer/), plain.snapshot(/^optimizer/), 1e-6);
    }
  });

  it("one training's steps do not touch another's moments", () => {
    const trainings = [sft, { ...sft, id: "other" }];
    const alone = open({ trainings });
    const both = open({ trainings });
    for (let i = 0; i < 3; i++) {
      alone.step("sft");
      both.step("other", 0);
      both.step("sft");
    }
    assertSame(both.snapshot(/^model|^optimizer\/sft/), alone.snapshot(/^model|^optimizer\/sft/));
  });

  it("CQL moves the heads only, and the targets by its Polyak rate", () => {
    const { step, snapshot, recorded } = open({ heads: true, trainings: [cql] });
    const model = snapshot(/^model/);
    const before = snapshot(/^heads/);
    const metrics = step("cql");
    assertSame(snapshot(/^model/), model);
    const after = snapshot(/^heads/);
    const rate = 1 - 0.01 ** (1 / 20);
    for (const { name } of Heads.parameters(
      TinyPolicyLearner.policy.config,
      recorded.network.heads as Heads.Heads,
    )) {
      const live = after.get(name) as Float32Array;
      assert.notDeepEqual(live, before.get(name), name);
      const target = Heads.targetOf(name);
      (after.get(target) as Float32Array).forEach((x, i) => {
        const old = (before.get(target) as Float32Array)[i];
        assert.closeTo(x, old + rate * (live[i] - old), 1e-6, `${target}[${i}]`);
      });
    }
    assert.closeTo(metrics["passing_fraction"], 3 / 8, 0.5);
  });

  it("CQL tells passing from failing programs after a while", () => {
    const { step } = open({ heads: true, trainings: [sft, cql] });
    for (let i = 0; i < 30; i++) step("sft");
    const first = step("cql", 0.02);
    let last = first;
    for (let i = 0; i < 80; i++) last = step("cql", 0.02);
    assert.isBelow(last["td"], 0.8 * first["td"]);
    assert.isAbove(last["q_data_passing"] - last["q_data"], 0.05);
  }, 120_000);

  it("bagged twins drift apart, others hardly", () => {
    const gap = (bagging: boolean): number => {
      const { step } = open({
        heads: true,
        trainings: [{ ...cql, id: "iql", algorithm: "iql", config: { bagging } }],
      });
      let last = 0;
      for (let i = 0; i < 40; i++) last = step("iql", 0.02)["q_twin_gap"];
      return last;
    };
    assert.isAbove(gap(true), 3 * gap(false));
  });

  it("LoRA trains adapters only, and starts at the frozen model", () => {
    const plain = open();
    const lora = open({ trainable: { kind: "lora", lora: { rank: 4, alpha: 8, targets: ["q", "v"] } } });
    const frozen = lora.snapshot(/^model/);
    assert.closeTo(lora.step()["ce"], plain.step()["ce"], 1e-4);
    assertSame(lora.snapshot(/^model/), frozen);
  });

  it("dropout of adapters is new each step, repeats from the seed, and goes on from a saved state", () => {
    const adapters = (dropout: number) =>
      open({
        trainable: { kind: "lora", lora: { rank: 4, alpha: 8, targets: ["q", "down"], dropout } },
        trainings: [{ ...sft, microBatch: 4 }],
      });
    const [one, two, none] = [adapters(0.5), adapters(0.5), adapters(0)];
    for (const { step } of [one, two, none]) for (let i = 0; i < 3; i++) step();
    assertSame(two.snapshot(), one.snapshot());
    const name = [...one.snapshot(/lora.*B$/).keys()][0];
    assert.notDeepEqual(none.session.getVariable(name), one.session.getVariable(name));
    const directory = TinyPolicy.temporary("learner");
    one.learner.save(directory);
    const later = adapters(0.5);
    later.learner.restore(directory);
    assert.deepStrictEqual(later.step(), one.step());
    assertSame(later.snapshot(), one.snapshot());
  });

  it("heads train on a frozen policy, which is exported as it was read", () => {
    for (const frozenType of ["float32", "bfloat16"] as const) {
      const frozen = { trainable: { kind: "heads" }, frozenType } as const;
      const one = open({ ...frozen, heads: true, trainings: [cql] });
      const before = one.snapshot(/^model/);
      one.step("cql");
      assertSame(one.snapshot(/^model/), before);
      assert.isFalse([...one.session.variables().keys()].some((name) => /(accum|optim).*model/.test(name)));
      const name = "model.layers.0.self_attn.q_proj.weight";
      const plain = open().learner.weights().policy(name);
      assert.deepStrictEqual(one.learner.weights().policy(name), plain);
      // For inference: nothing trains.
      assert.strictEqual(open({ ...frozen, trainings: [] }).recorded.trainableParameters, 0);
      assert.throws(() => open(frozen), /sft trains the policy, of which nothing trains/);
    }
  });

  it("mixes exactly, and says which training, episodes or heads are missing", () => {
    const { learner, step } = open();
    const text = Text.make(TinyPolicyLearner.policy);
    const online = TinyPolicy.episodes().map((e) => text.episode({ ...e, id: `on-${e.id}` }));
    assert.deepStrictEqual(learner.addEpisodes("online", online), { added: 24, tooLong: 0 });
    assert.deepStrictEqual(learner.addEpisodes("online", online), { added: 0, tooLong: 0 });
    assert.strictEqual(step("sft", 0.01, 0.25)["offline_fraction"], 0.25);
    assert.throws(() => step("dpo"), /no training "dpo".*sft/);
    assert.throws(() => open({ trainings: [cql] }), /needs value heads/);
    for (const algorithm of ["iql-policy", "awac"]) {
      const training = { ...sft, algorithm, id: algorithm };
      assert.throws(() => open({ trainings: [training] }), /no value heads/);
    }
    assert.throws(() => open({ trainings: [{ ...sft, microBatch: 3 }] }), /microBatch 3 does not divide/);
    assert.throws(() => open({ trainings: [{ ...sft, algorithm: "ppo" }] }), /no algorithm "ppo"/);
    const long = {
      ...online[0],
      id: "long",
      tokens: new Array<number>(25).fill(1),
    };
    assert.deepStrictEqual(learner.addEpisodes("online", [long]), { added: 0, tooLong: 1 });
  });
});
