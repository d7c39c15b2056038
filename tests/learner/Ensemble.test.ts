/** Ensembles of critics in the learner: subsets drawn for backups, defaults, and heads that a policy brings. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import type * as Learner from "../../src/learner/Learner.ts";
import * as TinyPolicy from "../support/tinyPolicy.ts";
import * as TinyPolicyLearner from "./TinyPolicyLearner.ts";

const critic: Learner.TrainingSpec = {
  id: "iql",
  algorithm: "iql",
  config: { bagging: true, steps: 5 },
  batchSize: 8,
  optimizer: TinyPolicyLearner.optimizer,
  episodes: "all",
};
const ensemble = { critics: 3, layerNorm: true, subset: 2 };

const open = (options: Partial<Learner.LearnerSpec> = {}, source?: Learner.Source) => {
  const { learner, step, recorded } = TinyPolicyLearner.open(
    { heads: true, trainings: [critic], ...options },
    source === undefined ? {} : { source },
  );
  return { learner, step: () => step("iql", 0.05), heads: recorded.network.heads };
};

const steps = ({ step }: ReturnType<typeof open>, count = 4) => Array.from({ length: count }, step);

describe("an ensemble of critics", () => {
  it("by default is the two of before", () => {
    const asked = open({ headShape: { critics: 2, layerNorm: false, subset: null } });
    assert.deepStrictEqual(steps(open()), steps(asked));
  });

  it("draws the same subsets again from its seed, and goes on with them from a saved state", () => {
    const one = open({ headShape: ensemble });
    const before = steps(one);
    assert.deepStrictEqual(steps(open({ headShape: ensemble })), before);
    assert.notDeepEqual(steps(open({ headShape: { ...ensemble, subset: null } })), before);
    const directory = join(TinyPolicy.temporary("ensemble"), "state");
    mkdirSync(directory);
    one.learner.save(directory);
    const two = open({ headShape: ensemble });
    two.learner.restore(directory);
    assert.deepStrictEqual(steps(two), steps(one));
  });

  it("shares a step's subset among its micro-batches", () => {
    const whole = steps(open({ headShape: ensemble }), 3);
    const cut = steps(open({ headShape: ensemble, trainings: [{ ...critic, microBatch: 4 }] }), 3);
    whole.forEach((metrics, i) => {
      for (const [name, value] of Object.entries(metrics)) assert.closeTo(cut[i][name], value, 1e-4, name);
    });
  });

  it("is taken from a policy's heads as they are, and refused where another is asked for", () => {
    const { learner } = open({ headShape: ensemble });
    const stored = new Map(learner.weights().heads.map((p) => [p.name, p]));
    const heads = {
      path: "heads.safetensors",
      tensors: new Map([...stored].map(([name, { shape }]) => [name, { dtype: "F32" as const, shape }])),
      read: (name: string) => stored.get(name)?.data() ?? new Float32Array(),
      readStored: () => new Uint8Array(),
      locate: () => ({ file: "heads.safetensors", offset: 0 }),
    };
    const { critics, layerNorm } = open({}, { ...TinyPolicyLearner.policy, heads }).heads ?? {};
    assert.deepStrictEqual([critics, layerNorm], [3, true]);
    assert.throws(
      () =>
        open(
          { headShape: { critics: 2, layerNorm: false, subset: null } },
          { ...TinyPolicyLearner.policy, heads },
        ),
      /3 critics with LayerNorm.*asks for 2 critics without LayerNorm.*"critics": 3/,
    );
  });
});
