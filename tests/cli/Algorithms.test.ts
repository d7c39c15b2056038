import * as Effect from "effect/Effect";
import { assert, describe, it } from "vitest";
import * as Algorithms from "../../src/cli/Algorithms.ts";
import * as ConfigFile from "../../src/config/ConfigFile.ts";

/** What is wrong with one training, as "key: problem". */
const problems = async (training: Readonly<Record<string, unknown>>): Promise<ReadonlyArray<string>> => {
  const config = await Effect.runPromise(
    ConfigFile.fromValue("test", {
      name: "test",
      policy: { path: "." },
      dataset: { kind: "drydock", path: "." },
      trainings: { it: training },
      stages: [{ kind: "offline", label: "it", training: "it", steps: 1, learningRate: 1e-3 }],
    }),
  );
  return Algorithms.problems(config).map(({ path, problem }) => `${path.slice(2).join(".")}: ${problem}`);
};

describe("checks of trainings", () => {
  it("batches that hold no whole groups are refused, and it is said what to change", async () => {
    assert.deepStrictEqual(await problems({ algorithm: "rloo", batchSize: 30 }), [
      'batchSize: found 30; "rloo" draws groups of 4: use 28 or 32',
    ]);
    assert.deepStrictEqual(await problems({ algorithm: "grpo", batchSize: 4, config: { groupSize: 8 } }), [
      'batchSize: found 4; "grpo" draws groups of 8: use 8',
    ]);
    assert.deepStrictEqual(await problems({ algorithm: "dpo", batchSize: 18, microBatch: 9 }), [
      'microBatch: found 9; "dpo" has each group of 2 in one micro-batch: use a multiple of 2, or leave it out',
    ]);
    assert.deepStrictEqual(await problems({ algorithm: "rloo", batchSize: 8, microBatch: 2 }), []);
    assert.deepStrictEqual(await problems({ algorithm: "sft", batchSize: 7 }), []);
  });

  it("groups of passing programs alone are refused", async () => {
    const [only, ...more] = await problems({ algorithm: "dpo", episodes: "passing" });
    assert.match(only ?? "", /^episodes: found "passing"; "dpo" compares .*: use "all"$/);
    assert.deepStrictEqual(more, []);
  });

  it("groups of one, and unknown names, are refused", async () => {
    const [one] = await problems({ algorithm: "rloo", config: { groupSize: 1 } });
    assert.match(one ?? "", /^config: .*groupSize is 1.*Give groupSize 2 or more/);
    const [unknown] = await problems({ algorithm: "ppo" });
    assert.match(
      unknown ?? "",
      /^algorithm: There is no algorithm "ppo"\. Use one of: sft, .*rloo, grpo, dpo/,
    );
  });

  it("a subset of critics for backups that ask none of them is refused", async () => {
    const of = async (trainings: Readonly<Record<string, unknown>>): Promise<ReadonlyArray<string>> => {
      const config = await Effect.runPromise(
        ConfigFile.fromValue("test", {
          policy: { path: ".", heads: { critics: 3, subset: 2 } },
          dataset: { kind: "drydock", path: "." },
          trainings,
          stages: [{ kind: "evaluate", label: "base" }],
        }),
      );
      return Algorithms.problems(config).map(({ path, problem }) => `${path.join(".")}: ${problem}`);
    };
    const returns = { algorithm: "cql" };
    const [problem] = await of({ a: returns, b: { algorithm: "cal-ql" }, c: { algorithm: "sft" } });
    assert.match(
      problem ?? "",
      /^policy\.heads\.subset: found 2, but the Monte-Carlo .* \("a", "b"\); remove it, or give one of them a "backup"/,
    );
    assert.deepStrictEqual(
      await of({ a: returns, b: { algorithm: "cql", config: { backup: "sarsa" } } }),
      [],
    );
    assert.deepStrictEqual(await of({ a: returns, b: { algorithm: "iql" } }), []);
  });

  it("an online stage that can fill no group is refused", async () => {
    const of = async (stage: Readonly<Record<string, unknown>>): Promise<ReadonlyArray<string>> => {
      const config = await Effect.runPromise(
        ConfigFile.fromValue("test", {
          policy: { path: "." },
          dataset: { kind: "drydock", path: "." },
          trainings: { it: { algorithm: "grpo", batchSize: 8 } },
          stages: [
            {
              kind: "online",
              label: "online",
              offlineFraction: 0,
              updates: [{ training: "it", steps: 1, learningRate: 1e-3 }],
              ...stage,
            },
          ],
        }),
      );
      return Algorithms.problems(config).map(({ path, problem }) => `${path.join(".")}: ${problem}`);
    };
    const [one] = await of({});
    assert.match(
      one ?? "",
      /^stages\.0\.updates\.0\.training: "it" learns .* raise samplesPerProblem to 2 or more/,
    );
    const [best] = await of({ samplesPerProblem: 4, bestOf: { judge: "logProb", keep: 1 } });
    assert.match(best ?? "", /raise bestOf\.keep to 2 or more/);
    assert.deepStrictEqual(await of({ samplesPerProblem: 4 }), []);
    assert.deepStrictEqual(await of({ offlineFraction: 0.5 }), []);
  });
});
