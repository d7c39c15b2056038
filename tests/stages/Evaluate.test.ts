import { assert, describe, it } from "vitest";
import type { Task } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as Evaluate from "../../src/stages/Evaluate.ts";

const task = (id: string, meta?: Task["meta"]): Task => ({
  id,
  source: "test",
  split: "test",
  language: "javascript",
  statement: id,
  entryPoint: "f",
  tests: { kind: "call", cases: [], visible: 0 },
  ...(meta === undefined ? {} : { meta }),
});

const programs = (
  taskId: string,
  outcomes: ReadonlyArray<Outcome | null>,
): Array<Evaluate.EvaluatedProgram> =>
  outcomes.map((outcome, sample) => ({ taskId, sample, program: "", outcome, testsPassed: null }));

const passing = (of: number, total: number): ReadonlyArray<Outcome> =>
  Array.from({ length: total }, (_, i) => (i < of ? "Passed" : "WrongAnswer"));

describe("Evaluate.passes", () => {
  const base = { samples: 10, tasks: null, rerank: false };

  it("samples at each temperature in order, then decodes greedily", () => {
    assert.deepStrictEqual(Evaluate.passes({ ...base, temperature: [1, 0.5], greedy: true }), [
      { temperature: 1, samples: 10 },
      { temperature: 0.5, samples: 10 },
      { temperature: 0, samples: 1 },
    ]);
    assert.deepStrictEqual(Evaluate.passes({ ...base, temperature: 1, greedy: false }), [
      { temperature: 1, samples: 10 },
    ]);
  });
});

describe("Evaluate.byDifficulty", () => {
  it("splits the figures by meta.difficulty, or else by meta.steps; tasks without either are in none", () => {
    const tasks = [
      task("a", { steps: 3 }),
      task("b", { steps: 2 }),
      task("c", { steps: 2 }),
      task("d", { steps: 9, difficulty: "hard" }),
      task("e"),
    ];
    const figures = Evaluate.byDifficulty(tasks, [
      ...programs("a", passing(1, 10)),
      ...programs("b", passing(5, 10)),
      ...programs("c", passing(0, 10)),
      ...programs("d", [null, "Passed", "WrongAnswer"]),
      ...programs("e", passing(10, 10)),
    ]);
    assert.deepStrictEqual(Object.keys(figures ?? {}), ["2", "3", "hard"]);
    assert.deepStrictEqual(figures, {
      2: { passAt1: 0.25, passAt10: 0.5, tasks: 2 },
      3: { passAt1: figures?.["3"]?.passAt1 ?? 0, passAt10: 1, tasks: 1 },
      hard: { passAt1: 0.5, passAt10: null, tasks: 1 },
    });
    assert.approximately(figures?.["3"]?.passAt1 ?? 0, 0.1, 1e-12);
    assert.isNull(Evaluate.byDifficulty([task("e")], programs("e", passing(1, 2))));
  });
});
