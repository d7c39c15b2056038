import { assert, describe, it } from "vitest";
import type { Task } from "../../src/domain/Task.ts";
import * as Random from "../../src/random/Random.ts";
import * as Selection from "../../src/stages/Selection.ts";

const task = (id: string): Task => ({
  id,
  source: "test",
  split: "train",
  language: "javascript",
  statement: id,
  entryPoint: "f",
  tests: { kind: "call", cases: [{ args: [], expected: 1 }], visible: 0 },
});

const tasks = Array.from({ length: 12 }, (_, i) => task(`t${i}`));
const query = {
  tasks,
  history: [] as Array<{ taskId: string; outcome: string | null }>,
  solvedBefore: new Set<string>(),
  strategy: "breadth" as const,
  count: 5,
};

describe("choice of problems", () => {
  it("takes distinct problems without a pass first", () => {
    const solvedBefore = new Set(["t0", "t1", "t2", "t3", "t4", "t5"]);
    const history = [{ taskId: "t6", outcome: "Passed" }];
    const chosen = Selection.problems({ ...query, solvedBefore, history, random: Random.make(1) }).map(
      (t) => t.id,
    );
    assert.sameMembers(chosen, ["t7", "t8", "t9", "t10", "t11"]);
  });

  it("tries every unsolved problem once before any a second time", () => {
    const history: Array<{ taskId: string; outcome: string | null }> = [];
    for (let round = 0; round < 4; round++) {
      const chosen = Selection.problems({ ...query, history, count: 3, random: Random.make(round) });
      history.push(...chosen.map(({ id }) => ({ taskId: id, outcome: "WrongAnswer" })));
    }
    assert.strictEqual(new Set(history.map(({ taskId }) => taskId)).size, 12);
  });

  it("comes back to solved problems only when no other is left", () => {
    const solvedBefore = new Set(tasks.map(({ id }) => id).filter((id) => id !== "t3"));
    const chosen = Selection.problems({ ...query, solvedBefore, count: 2, random: Random.make(1) });
    assert.strictEqual(chosen[0]?.id, "t3");
    assert.strictEqual(chosen.length, 2);
  });

  it("is the same for the same generator", () => {
    const once = () =>
      Selection.problems({ ...query, strategy: "random", random: Random.make(5) }).map((t) => t.id);
    assert.deepEqual(once(), once());
  });
});
