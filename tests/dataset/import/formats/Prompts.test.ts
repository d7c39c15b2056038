import { assert, describe, it } from "vitest";
import type { Task } from "../../../../src/domain/Task.ts";
import * as Contamination from "../../../../src/dataset/Contamination.ts";
import { prompts } from "../../../../src/dataset/import/formats/Prompts.ts";
import { context, converted, fixture, records } from "./support.ts";

const sum: Task = {
  id: "sums/1",
  source: "sums",
  split: "train",
  language: "python",
  statement: "Write f(a, b), the sum.",
  entryPoint: "f",
  tests: { kind: "call", visible: 1, cases: [{ args: [1, 2], expected: 3 }] },
};

const read = async (file: string, tasks: ReadonlyArray<Task> = [], options = {}) => {
  const path = fixture(file);
  return converted(prompts, await records(prompts, path), {
    ...context(path, options),
    task: (id) => tasks.find((task) => task.id === id),
    taskWith: (statement) =>
      tasks.find((task) => Contamination.normalise(task.statement) === Contamination.normalise(statement)),
  });
};

describe("TRL's rows", () => {
  it("become attempts at tasks that are known by id or by prompt", async () => {
    const { tasks, attempts, flaws, leftOut } = await read("trl.jsonl", [sum]);
    assert.deepStrictEqual(tasks, []);
    const common = { taskId: "sums/1", origin: "trl", labelSource: "dataset" as const };
    assert.deepStrictEqual(attempts, [
      { ...common, program: "def f(a, b):\n    return a + b\n", outcome: "Passed" },
      { ...common, program: "def f(a, b):\n    return a - b\n", outcome: "WrongAnswer" },
      {
        ...common,
        program: "def f(a, b): return b + a",
        outcome: "Passed",
        reasoning: "Add them.",
        meta: { reward: 1 },
      },
      { ...common, program: "def f(a, b): return 1", outcome: "WrongAnswer", meta: { reward: 0.25 } },
      { ...common, program: "def f(a, b): return a + b", outcome: "Passed", meta: { reward: 1 } },
    ]);
    assert.deepStrictEqual(leftOut, { "a prompt that has no tests and is no task of --tasks": 1 });
    assert.deepStrictEqual(
      flaws.map(({ kind }) => kind),
      ["empty program", "unsupported", "unsupported"],
    );
  });

  it("pass from the least reward that is asked for, and without reasoning where none is", async () => {
    const { attempts } = await read("trl.jsonl", [sum], { passes: 0.25, reasoning: "none" });
    assert.strictEqual(attempts.filter(({ outcome }) => outcome === "Passed").length, 4);
    assert.isTrue(attempts.every((attempt) => !("reasoning" in attempt)));
  });

  it("are left out where their tasks are not known", async () => {
    const { tasks, attempts, leftOut } = await read("trl.jsonl");
    assert.deepStrictEqual([tasks.length, attempts.length], [0, 0]);
    assert.deepStrictEqual(leftOut, { "a prompt that has no tests and is no task of --tasks": 6 });
  });
});

describe("verl's rows", () => {
  it("become tasks where their ground truth is tests", async () => {
    const { tasks, attempts, flaws, leftOut } = await read("verl.jsonl");
    assert.deepStrictEqual(flaws, []);
    const [stdio, call] = tasks;
    assert.match(stdio?.id ?? "", /^codecontests\/[0-9a-f]{16}$/);
    assert.deepStrictEqual(
      [stdio?.statement, stdio?.split, stdio?.tests],
      [
        "Print the sum of two integers of one line.",
        "train",
        {
          kind: "stdio",
          comparison: "apps",
          visible: 0,
          cases: [
            { input: "1 2\n", output: "3\n" },
            { input: "3 4\n", output: "7\n" },
          ],
        },
      ],
    );
    assert.deepStrictEqual(
      [call?.id, call?.entryPoint, call?.split, call?.tests],
      ["leetcode/twice", "twice", "test", { kind: "call", visible: 0, cases: [{ args: [2], expected: 4 }] }],
    );
    assert.deepStrictEqual(
      attempts.map(({ taskId, program, outcome }) => [taskId, program, outcome]),
      [
        [stdio?.id, "print(sum(map(int, input().split())))", "Passed"],
        [stdio?.id, "print(3)", "WrongAnswer"],
      ],
    );
    assert.deepStrictEqual(leftOut, { "a prompt that has no tests and is no task of --tasks": 1 });
  });

  it("have no other number of rewards than of responses", () => {
    const row = { prompt: "p", responses: ["a", "b"], scores: [1] };
    assert.deepStrictEqual(
      converted(prompts, [row], context("x.jsonl")).flaws.map(({ kind }) => kind),
      ["wrong type"],
    );
  });
});
