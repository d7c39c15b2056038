/** What holds of every algorithm in the learner: micro-batches, padding, learning rate 0, what moves, checkpoints. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import { afterEach, assert, beforeAll, describe, it } from "vitest";
import * as Learner from "../../src/learner/Learner.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Text from "../../src/policy/Text.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Executor, Session } from "../../src/tensor/Session.ts";
import { testExecutor } from "../support/executor.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";

const optimizer = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 };
const training = (algorithm: string, config: object, id = algorithm): Learner.TrainingSpec => ({
  id,
  algorithm,
  config,
  batchSize: 8,
  optimizer,
  episodes: "all",
});
const critics = [
  training("cql", { candidates: 8, targetGap: -0.05, bagging: true, conservativeOn: "all" }),
  training("cql", { candidates: 8, alpha: 0, backup: "policy" }, "awac-critic"),
  training("cal-ql", { candidates: 8, temperature: 0.5 }),
  training("iql", { bagging: true }),
];
const policies = [training("iql-policy", {}), training("awac", { candidates: 8 })];
const trainings = [...critics, ...policies];

let executor: Executor;
let policy: Policy.PolicyFiles;
const sessions: Array<Session> = [];
beforeAll(async () => {
  executor = await testExecutor();
  policy = await Effect.runPromise(Policy.read(await TinyPolicy.write(), { weights: "optional" }));
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.dispose();
});

const open = (list: ReadonlyArray<Learner.TrainingSpec>, options: Partial<Learner.LearnerSpec> = {}) => {
  const g = new Graph();
  const recorded = Learner.record(g, policy, {
    init: "random",
    seed: 7,
    trainable: { kind: "full" },
    frozenType: "float32",
    heads: true,
    trainings: list,
    maxTrainTokens: 24,
    ...options,
  });
  const session = executor.open(g, recorded.initial);
  sessions.push(session);
  const learner = recorded.attach(session, executor.name);
  learner.addEpisodes("offline", TinyPolicy.episodes().map(Text.make(policy).episode));
  return {
    learner,
    snapshot: (matching: RegExp) =>
      session.getVariables([...session.variables().keys()].filter((name) => matching.test(name))),
    step: (id: string, learningRate = 0.01) =>
      learner.trainStep({ training: id, learningRate, offlineFraction: 1 }),
  };
};

const WEIGHTS = /^(model|heads|algorithm)/;
type Snapshot = ReadonlyMap<string, Float32Array>;
const changed = (a: Snapshot, b: Snapshot): Array<string> =>
  [...a].flatMap(([name, data]) =>
    Buffer.from(data.buffer).equals(Buffer.from((b.get(name) as Float32Array).buffer)) ? [] : [name],
  );
const assertClose = (a: Snapshot, b: Snapshot, tolerance: number): void => {
  for (const [name, data] of a)
    data.forEach((x, i) => assert.closeTo(x, (b.get(name) as Float32Array)[i], tolerance, `${name}[${i}]`));
};

describe("every algorithm in the learner", () => {
  for (const spec of trainings) {
    const { id } = spec;
    const moments = new RegExp(`^optimizer/${id}/`);

    it(`${id}: a batch of 8 is two micro-batches of 4, and padding changes nothing`, () => {
      const whole = open([spec]);
      const others = [open([{ ...spec, microBatch: 4 }]), open([spec], { maxTrainTokens: 96 })];
      const a = whole.step(id);
      for (const other of others) {
        const b = other.step(id);
        assert.deepStrictEqual(Object.keys(a), Object.keys(b));
        for (const [name, value] of Object.entries(a)) assert.closeTo(b[name], value, 1e-5, name);
        assertClose(whole.snapshot(moments), other.snapshot(moments), 1e-6);
      }
    });

    it(`${id}: moves what it trains and nothing else; learning rate 0 moves nothing`, () => {
      const one = open([spec]);
      const before = one.snapshot(WEIGHTS);
      one.step(id, 0);
      // Targets equal their heads, so that averaging does not move them either.
      assert.deepStrictEqual(changed(before, one.snapshot(WEIGHTS)), []);
      one.step(id);
      const moved = changed(before, one.snapshot(WEIGHTS));
      assert.isNotEmpty(moved);
      const own = critics.includes(spec) ? /^(heads\.|algorithm\/)/ : /^model\./;
      for (const name of moved) assert.match(name, own);
      if (spec.algorithm === "cql" && id === "cql") assert.include(moved, "algorithm/cql/theta");
    });
  }

  it("a critic and its policy go on from a saved state bit for bit, the multiplier too", () => {
    const list = [critics[0], policies[1]];
    const one = open(list);
    const both = ({ step }: typeof one) => list.map(({ id }) => step(id));
    both(one);
    const directory = join(TinyPolicy.temporary("algorithms"), "state");
    mkdirSync(directory);
    one.learner.save(directory);
    const two = open(list, { seed: 8 });
    both(two);
    two.learner.restore(directory);
    assert.deepStrictEqual(both(two), both(one));
    assert.deepStrictEqual(changed(one.snapshot(/^(?!accumulated)/), two.snapshot(/^(?!accumulated)/)), []);
  });

  it("bagged twins drift apart, others hardly", () => {
    const gap = (bagging: boolean): number => {
      const { step } = open([training("iql", { bagging })]);
      let last = 0;
      for (let i = 0; i < 40; i++) last = step("iql", 0.02)["q_twin_gap"];
      return last;
    };
    assert.isAbove(gap(true), 3 * gap(false));
  });

  it("a policy without value heads is refused", () => {
    for (const spec of policies)
      assert.throws(() => open([spec], { heads: false }), /needs value heads|no value heads/);
  });
});
