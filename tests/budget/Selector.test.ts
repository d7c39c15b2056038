import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import * as CacheKey from "../../src/budget/CacheKey.ts";
import * as Selector from "../../src/budget/Selector.ts";
import type { Task } from "../../src/domain/Task.ts";
import * as Random from "../../src/random/Random.ts";

const candidates = fc.array(
  fc
    .record({ taskId: fc.constantFrom("a", "b", "c", "d", "e"), program: fc.nat(3) })
    .map(({ taskId, program }) => ({
      taskId,
      cacheKey: `${taskId}/${program}`,
    })),
  { maxLength: 40 },
);
const solved = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e")).map((ids) => new Set(ids));

const query = (
  strategy: "breadth" | "random",
  list: ReadonlyArray<Selector.Choosable>,
  solvedTasks: ReadonlySet<string>,
  seed: number,
  attempts: ReadonlyMap<string, number> = new Map(),
) => ({ strategy, candidates: list, solved: solvedTasks, attempts, random: Random.make(seed) });

describe("Selector", () => {
  for (const strategy of ["breadth", "random"] as const) {
    it(`${strategy}: orders all candidates, the same for the same seed, repeats last`, () => {
      fc.assert(
        fc.property(candidates, solved, fc.nat(), (list, done, seed) => {
          const ordered = Selector.order(query(strategy, list, done, seed));
          assert.deepStrictEqual(ordered, Selector.order(query(strategy, list, done, seed)));
          assert.sameMembers([...ordered], list);
          const distinct = new Set(list.map(({ cacheKey }) => cacheKey)).size;
          assert.strictEqual(
            new Set(ordered.slice(0, distinct).map(({ cacheKey }) => cacheKey)).size,
            distinct,
          );
        }),
      );
    });
  }

  it("breadth: one program for each unsolved problem before any second one, solved problems last", () => {
    fc.assert(
      fc.property(candidates, solved, fc.nat(), (list, done, seed) => {
        const ordered = Selector.order(query("breadth", list, done, seed));
        const unsolved = new Set(list.map(({ taskId }) => taskId).filter((id) => !done.has(id)));
        const head = ordered.slice(0, unsolved.size).map(({ taskId }) => taskId);
        assert.deepStrictEqual(new Set(head), unsolved);
      }),
    );
  });

  it("breadth: problems that were tried least come first", () => {
    const list = ["a", "b", "c"].map((taskId) => ({ taskId, cacheKey: taskId }));
    const attempts = new Map([
      ["a", 2],
      ["b", 1],
    ]);
    const ordered = Selector.order(query("breadth", list, new Set(), 1, attempts));
    assert.deepStrictEqual(
      ordered.map(({ taskId }) => taskId),
      ["c", "b", "a"],
    );
  });
});

describe("CacheKey", () => {
  const task: Task = {
    id: "t",
    source: "test",
    split: "train",
    language: "javascript",
    statement: "Add one.",
    entryPoint: "f",
    tests: { kind: "call", cases: [{ args: [1], expected: 2 }], visible: 1 },
    limits: { cpuSeconds: 1, wallSeconds: 5, memoryBytes: 1, outputBytes: 1 },
  };
  const program = "const f = (x) => x + 1";
  const key = CacheKey.make(task, program, "quickjs/1");

  it("is the same for what cannot change a verdict", () => {
    assert.match(key, /^[0-9a-f]{64}$/);
    const other: Task = {
      tests: { visible: 1, cases: [{ expected: 2, args: [1] }], kind: "call" },
      entryPoint: "f",
      statement: "Another text.",
      language: "javascript",
      split: "test",
      source: "elsewhere",
      id: "t",
      limits: { outputBytes: 1, memoryBytes: 1, wallSeconds: 5, cpuSeconds: 1 },
    };
    assert.strictEqual(CacheKey.make(other, program, "quickjs/1"), key);
  });

  it("differs with everything that can", () => {
    const limits = { cpuSeconds: 2, wallSeconds: 5, memoryBytes: 1, outputBytes: 1 };
    const others = [
      CacheKey.make(task, `${program} `, "quickjs/1"),
      CacheKey.make(task, program, "quickjs/2"),
      CacheKey.make({ ...task, id: "u" }, program, "quickjs/1"),
      CacheKey.make({ ...task, entryPoint: "g" }, program, "quickjs/1"),
      CacheKey.make({ ...task, language: "python" }, program, "quickjs/1"),
      CacheKey.make({ ...task, limits }, program, "quickjs/1"),
      CacheKey.make(
        { ...task, tests: { kind: "call", cases: [{ args: [1], expected: 3 }], visible: 1 } },
        program,
        "quickjs/1",
      ),
    ];
    assert.strictEqual(new Set([key, ...others]).size, others.length + 1);
  });
});
