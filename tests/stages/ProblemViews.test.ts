import { assert, describe, it } from "vitest";
import * as ProblemViews from "../../src/stages/ProblemViews.ts";

const selection = {
  random: 0.1,
  fallback: "breadth",
  trust: "earned",
  minPairs: 50,
  target: 0.5,
  restBelow: 0.05,
  restAbove: 0.95,
  restAfter: 4,
  prior: 1,
  decay: 0.5,
  offlineWeight: 0.5,
  ambiguity: 0.25,
  price: 0.01,
} as const;
const written = (
  taskId: string,
  outcome: string | null,
  policyVersion: number | null,
  cpuSeconds: number | null = null,
) => ({
  taskId,
  outcome,
  policyVersion,
  cpuSeconds,
});

describe("what a strategy sees of problems", () => {
  const views = ProblemViews.of(
    {
      taskIds: ["new", "offline", "tried", "dear"],
      offline: [
        { taskId: "offline", reward: 1 },
        { taskId: "offline", reward: 0 },
        { taskId: "offline", reward: null },
      ],
      earlier: [written("tried", "Passed", 1, 1)],
      history: [
        written("tried", "WrongAnswer", 3, 1),
        written("tried", null, 3),
        written("dear", "TimedOut", null, 4),
        written("elsewhere", "Passed", 3),
      ],
      policyVersion: 3,
    },
    selection,
  );

  it("has every task, and nothing else", () => {
    assert.deepStrictEqual([...views.keys()], ["new", "offline", "tried", "dear"]);
    assert.deepInclude(views.get("new"), { written: 0, judged: 0, solved: false, failed: false, cost: 1 });
  });

  it("an unlabelled attempt and an unverified program are no observation", () => {
    assert.deepStrictEqual(views.get("offline")?.posterior, { a: 1.5, b: 1.5 });
    assert.deepInclude(views.get("tried"), { written: 2, judged: 1, solved: true, failed: true });
  });

  it("verdicts age by the versions since, those of another writer count as offline ones", () => {
    assert.deepStrictEqual(views.get("tried")?.posterior, { a: 1 + 0.25, b: 1 + 1 });
    assert.deepStrictEqual(views.get("dear")?.posterior, { a: 1, b: 1.5 });
  });

  it("cost is in units of the mean CPU time of a verdict", () => {
    assert.strictEqual(views.get("dear")?.cost, 4 / 2);
    assert.strictEqual(views.get("tried")?.cost, 1 / 2);
  });
});
