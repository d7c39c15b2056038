import { assert, describe, it } from "vitest";
import * as TinyPolicyLearner from "./TinyPolicyLearner.ts";

const { optimizer } = TinyPolicyLearner;
const common = { batchSize: 8, optimizer } as const;
const sft = { ...common, id: "sft", algorithm: "sft", config: {}, episodes: "passing" } as const;
const calQl = {
  ...common,
  id: "critic",
  algorithm: "cal-ql",
  config: { candidates: 8 },
  episodes: "all",
} as const;

const open = (
  sizes: { batchSize: number; microBatch: number } = { batchSize: 8, microBatch: 4 },
  held = 100,
) => {
  const episodes = TinyPolicyLearner.episodes();
  const { learner, step, snapshot } = TinyPolicyLearner.open(
    { heads: true, trainings: [sft, { ...calQl, ...sizes }] },
    { held: episodes.slice(0, held) },
  );
  const probe = (part: "offline" | "online" = "offline", count = 10) =>
    learner.probe({ training: "critic", part, count });
  return { learner, step, probe, weights: () => snapshot(/^/), episodes };
};

describe("Probe", () => {
  it("gives the same figures of the same weights, and moves nothing", () => {
    const [probed, plain] = [open(), open()];
    const before = probed.weights();
    const first = probed.probe();
    assert.deepStrictEqual(probed.probe(), first);
    assert.deepStrictEqual(probed.weights(), before);
    // Neither do the samplers move: both train on the same batches.
    assert.deepStrictEqual(probed.step("critic"), plain.step("critic"));
    assert.deepStrictEqual(probed.step("sft"), plain.step("sft"));
    assert.notDeepEqual(probed.probe(), first);
  });

  it("reads the loss of its training: a batch of the only episode there is has the same parts", () => {
    const { step, probe } = open({ batchSize: 1, microBatch: 1 }, 1);
    const parts = probe();
    assert.includeMembers(Object.keys(parts), ["td", "q_minus_return", "cql_diff", "bound_rate", "loss"]);
    const stepped = step("critic", 0);
    for (const [name, value] of Object.entries(parts)) assert.strictEqual(stepped[name], value, name);
  });

  it("looks at the newest online episodes", () => {
    const { learner, probe, episodes } = open();
    learner.addEpisodes("online", episodes.slice(0, 4));
    const before = probe("online", 2);
    learner.addEpisodes("online", episodes.slice(4, 5));
    assert.notDeepEqual(probe("online", 2), before);
    const { learner: other, probe: alone } = open();
    other.addEpisodes("online", episodes.slice(3, 5));
    for (const name of ["td", "q_data", "v"])
      assert.closeTo(probe("online", 2)[name], alone("online", 2)[name], 1e-6, name);
  });

  it("follows training: the critic's TD error on the fixed batch falls", () => {
    const { step, probe } = open();
    const before = probe()["td"];
    for (let i = 0; i < 60; i++) step("critic", 0.02);
    assert.isBelow(probe()["td"], 0.9 * before);
  });

  it("is empty where there is nothing labelled, and of critics alone", () => {
    const { learner, probe, episodes } = open();
    assert.deepStrictEqual(probe("online"), {});
    learner.addEpisodes(
      "online",
      episodes.slice(0, 3).map((episode) => ({ ...episode, reward: null })),
    );
    assert.deepStrictEqual(probe("online"), {});
    assert.throws(() => learner.probe({ training: "sft", part: "offline", count: 4 }), /only a critic/);
    assert.throws(() => learner.probe({ training: "x", part: "offline", count: 4 }), /no training "x"/);
  });
});
