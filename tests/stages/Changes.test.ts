import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as Changes from "../../src/stages/Changes.ts";
import type { Decision } from "../../src/store/RunStore.ts";

const judged = (
  slot: number,
  taskId: string,
  outcome: Outcome | null,
  decision: Decision = outcome === null ? "unverified" : "verified",
) => ({ slot, taskId, outcome, decision });

const sft: Changes.Learning = { passing: true, compares: false };
const critic: Changes.Learning = { passing: false, compares: false };
const pairs: Changes.Learning = { passing: false, compares: true };

describe("what verdicts changed", () => {
  const before = [
    { taskId: "solved", passed: true },
    { taskId: "failed", passed: false },
  ];
  const round = [
    judged(0, "solved", "Passed"),
    judged(1, "solved", "WrongAnswer"),
    judged(2, "failed", "TimedOut"),
    judged(3, "failed", "Passed"),
    judged(4, "new", "RuntimeError"),
    judged(5, "new", "WrongAnswer"),
    judged(6, "new", "WrongAnswer", "cached"),
    judged(7, "new", null),
    judged(8, "new", null, "fault"),
  ];

  it("depends on the outcomes that a problem had, and on what the stage learns from", () => {
    // The same as before: a pass of the solved, a failure of the failed, a second failure of the new one.
    assert.deepStrictEqual(Changes.of(before, round, [sft]), { sameOutcome: 3, unusable: 4, unchanged: 2 });
    assert.deepStrictEqual(Changes.of(before, round, [critic]), {
      sameOutcome: 3,
      unusable: 0,
      unchanged: 0,
    });
    // Nothing passes at the new problem, so there is nothing to compare its failures with.
    assert.deepStrictEqual(Changes.of(before, round, [pairs]), { sameOutcome: 3, unusable: 2, unchanged: 1 });
    assert.deepStrictEqual(Changes.of(before, round, [sft, critic]).unusable, 0);
    assert.deepStrictEqual(Changes.of(before, round, []), { sameOutcome: 3, unusable: 6, unchanged: 3 });
  });

  it("takes a round in the order of its slots, whatever the order of its verdicts", () => {
    assert.deepStrictEqual(Changes.of(before, [...round].reverse(), [sft]), Changes.of(before, round, [sft]));
  });

  it("reads from the configuration how trainings take programs", () => {
    const training = (algorithm: string, episodes: "all" | "passing", config = {}) => ({
      algorithm,
      episodes,
      config,
      batchSize: 4,
      optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
    });
    const trainings = {
      sft: training("sft", "passing"),
      cql: training("cql", "all", { steps: 1 }),
      grpo: training("grpo", "all"),
    };
    const updates = ["sft", "cql", "grpo", "none"].map((name) => ({ training: name }));
    assert.deepStrictEqual(Changes.learningOf(trainings, updates), [sft, critic, pairs]);
  });

  const outcomes = fc.constantFrom<Outcome | null>("Passed", "WrongAnswer", null);
  const rounds = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), outcomes), { maxLength: 20 });
  const learning = fc.subarray([sft, critic, pairs]);

  it("adds up, whatever the round: at most one outcome of each kind is new to a problem", () => {
    fc.assert(
      fc.property(rounds, learning, (programs, learns) => {
        const all = programs.map(([taskId, outcome], slot) => judged(slot, taskId, outcome));
        const { sameOutcome, unusable, unchanged } = Changes.of([], all, learns);
        const verdicts = programs.filter(([, outcome]) => outcome !== null);
        const kinds = new Set(verdicts.map(([taskId, outcome]) => `${taskId} ${outcome === "Passed"}`));
        assert.strictEqual(sameOutcome, verdicts.length - kinds.size);
        assert.isAtMost(unchanged, Math.min(sameOutcome, unusable));
        assert.isAtLeast(unchanged, sameOutcome + unusable - verdicts.length);
        if (learns.includes(critic)) assert.strictEqual(unusable, 0);
      }),
    );
  });
});
