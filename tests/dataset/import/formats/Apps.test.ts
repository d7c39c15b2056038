import { assert, describe, it } from "vitest";
import { apps, unwrapped } from "../../../../src/dataset/import/formats/Apps.ts";
import { taco } from "../../../../src/dataset/import/formats/Taco.ts";
import * as Requirements from "../../../support/Requirements.ts";
import { context, converted, fixture, imported } from "./support.ts";

const row = {
  problem_id: 7,
  question: "Print the sum.\r\n",
  solutions: JSON.stringify(["import numpy as np\nprint(np.sum([1]))", "print(gcd(1, 2))\r\n"]),
  input_output: JSON.stringify({ inputs: ["1 2\n", "1\n".repeat(50)], outputs: ["3\n", "x"] }),
  difficulty: "interview",
  url: "https://example.org/7",
  starter_code: "",
};
const read = (change: object, options = {}, file = "apps/train.jsonl") =>
  converted(apps, [{ ...row, ...change }], context(file, options));

describe("APPS' rows", () => {
  it("become a task and passing attempts", () => {
    const { tasks, attempts, flaws, leftOut } = read({});
    assert.deepStrictEqual(flaws, []);
    assert.deepStrictEqual(leftOut, {});
    assert.deepStrictEqual(tasks, [
      {
        id: "apps/train/0007",
        source: "apps",
        split: "train",
        language: "python",
        statement: "Print the sum.",
        entryPoint: "main",
        // The first that needs no package.
        reference: "from math import gcd\nprint(gcd(1, 2))\n",
        tests: {
          kind: "stdio",
          comparison: "apps",
          visible: 0,
          cases: [
            { input: "1 2\n", output: "3\n" },
            { input: "1\n".repeat(50), output: "x" },
          ],
        },
        limits: { cpuSeconds: 4, wallSeconds: 30, memoryBytes: 2 ** 28, outputBytes: 2 ** 20 },
        meta: { difficulty: "interview", url: "https://example.org/7" },
      },
    ]);
    assert.deepStrictEqual(
      attempts.map(({ origin, outcome, labelSource }) => [origin, outcome, labelSource]),
      [
        ["solution", "Passed", "dataset"],
        ["solution", "Passed", "dataset"],
      ],
    );
  });

  it("are in the split that is asked for, else the file's", () => {
    const ids = [
      read({}, {}, "data/test.jsonl"),
      read({}, { split: "validation" as const }, "data/test.jsonl"),
    ].map(({ tasks }) => tasks[0]?.id);
    assert.deepStrictEqual(ids, ["apps/test/0007", "apps/validation/0007"]);
    const { problem_id: _, ...unnumbered } = row;
    assert.strictEqual(
      converted(apps, [{ ...unnumbered, id: 4999 }], context("rows.parquet")).tasks[0]?.id,
      "apps/train/4999",
    );
  });

  it("call a function where they name one, and show how a solution begins", () => {
    const { tasks, attempts } = read({
      input_output: JSON.stringify({ fn_name: "add", inputs: [[1, 2]], outputs: [3] }),
      starter_code: "class Solution:\n    def add(self, a: int, xs: List[int]) -> int:\n        ",
      solutions: ["class Solution:\n    def add(self, a: int, xs: List[int]) -> int:\n        return a"],
    });
    const [task] = tasks;
    assert.strictEqual(task?.entryPoint, "add");
    assert.strictEqual(
      task?.statement,
      "Print the sum.\n\nBegin with:\nfrom typing import List\nclass Solution:\n    def add(self, a: int, xs: List[int]) -> int:",
    );
    assert.isTrue(attempts[0]?.program.startsWith("from typing import List\nclass Solution:"));
    const unnamed = read({ input_output: { fn_name: "add", inputs: [[1]], outputs: [1] } }).tasks[0];
    assert.strictEqual(unnamed?.statement, "Print the sum.\n\nWrite a function add.");
  });

  it("leave out the largest tests beyond a bound, and count them", () => {
    const { tasks, leftOut } = read({}, { testBytes: 50 });
    assert.strictEqual(tasks[0]?.tests.kind === "stdio" ? tasks[0].tests.cases.length : 0, 1);
    assert.deepStrictEqual(leftOut, { "a test beyond --max-tests": 1 });
  });

  it("are refused by kind", () => {
    const kinds = [
      { input_output: "" },
      { input_output: "{" },
      { solutions: "[" },
      { solutions: "[1]" },
      { question: 3 },
    ].map((change) => {
      const { tasks, flaws } = read(change);
      return [tasks.length, flaws.map(({ kind }) => kind)];
    });
    assert.deepStrictEqual(kinds, [
      [0, ["no tests"]],
      [0, ["does not parse"]],
      [0, ["does not parse"]],
      [0, ["wrong type"]],
      [0, ["wrong type"]],
    ]);
    const { tasks, attempts, flaws } = read({ solutions: ["print(3)", " \n"] });
    assert.deepStrictEqual(
      [tasks.length, attempts.length, flaws.map(({ kind }) => kind)],
      [1, 1, ["empty program"]],
    );
    assert.deepStrictEqual(read({ solutions: "" }).tasks[0]?.reference, undefined);
  });

  it("take graded programs with what the grader says", () => {
    const graded = [
      { code: "print(1)", result: true, error_type: "passed unit tests" },
      { code: "print(2)", result: false },
      { code: "print(3)", result: -1, error_type: "indexerror" },
      { code: "print(4)", result: -1, error_type: "timeoutexception" },
      { code: "print(5)", result: -2, error_type: "syntaxerror" },
      { code: "print(6)", result: -2, error_type: "nameerror" },
      { code: "print(7)", result: -2 },
      { code: "print(8)", result: 5 },
    ];
    const { attempts } = read({ solutions: [], gen_solutions: JSON.stringify(graded) });
    assert.deepStrictEqual(
      attempts.map(({ outcome }) => outcome),
      [
        "Passed",
        "WrongAnswer",
        "RuntimeError",
        "TimedOut",
        "CompileError",
        "RuntimeError",
        "CompileError",
        undefined,
      ],
    );
    assert.deepStrictEqual(attempts[2]?.meta, { error: "indexerror" });
    assert.isFalse("labelSource" in (attempts[7] ?? {}));
  });

  it("are freed of the grader's function", () => {
    const wrapped =
      "import heapq\nfrom heapq import *\nimport re\nstdin = sys.stdin\nstdout = sys.stdout\ndef code():\n\tn = 1\n\tdef f():\n\t\treturn n\n\tprint(f())\n";
    assert.strictEqual(unwrapped(wrapped), "import re\nn = 1\ndef f():\n\treturn n\nprint(f())\n");
    assert.strictEqual(unwrapped("print(1)"), "print(1)");
  });
});

const sample = Requirements.sharedData("apps");

describe.skipIf(sample === undefined)("APPS' folders", () => {
  it("are walked from above, from the split and from the problem", async () => {
    const all = await imported(apps, sample ?? "");
    const ids = ["0001", "0111", "2287", "2404", "4184"].map((name) => `apps/train/${name}`);
    assert.deepStrictEqual(
      all.tasks.map(({ id }) => id),
      ids,
    );
    assert.deepStrictEqual(await imported(apps, `${sample}/train`), all);
    const one = await imported(apps, `${sample}/train/2404`);
    assert.deepStrictEqual(
      one.tasks,
      all.tasks.filter(({ id }) => id === "apps/train/2404"),
    );
    assert.deepStrictEqual(all.flaws, []);
  });

  it("hold solutions and graded programs", async () => {
    const { tasks, attempts } = await imported(apps, sample ?? "");
    const count = (origin: string) => attempts.filter((attempt) => attempt.origin === origin).length;
    assert.deepStrictEqual([count("solution"), count("generated"), count("baseline")], [101, 83, 5]);
    assert.deepStrictEqual(
      tasks.map(({ tests, entryPoint, meta }) => [tests.kind, entryPoint, meta?.["difficulty"]]),
      [
        ["stdio", "main", "interview"],
        ["stdio", "main", "interview"],
        ["stdio", "main", "competition"],
        ["call", "findKthPositive", "introductory"],
        ["call", "is_prime", "introductory"],
      ],
    );
    assert.isTrue(tasks.every(({ reference }) => reference !== undefined && !reference.includes("numpy")));
  });
});

describe("TACO's rows", () => {
  it("become tasks whose ids are of their statements", async () => {
    const { tasks, attempts, flaws } = await imported(taco, fixture("taco.jsonl"), { split: "train" });
    assert.deepStrictEqual(
      flaws.map(({ kind }) => kind),
      ["no tests"],
    );
    const [stdio, call] = tasks;
    assert.match(stdio?.id ?? "", /^taco\/train\/[0-9a-f]{16}$/);
    assert.strictEqual(stdio?.reference, "from math import gcd\nn = int(input())\nprint(gcd(n, 12))\n");
    assert.deepStrictEqual(stdio?.limits, {
      cpuSeconds: 2,
      wallSeconds: 20,
      memoryBytes: 2 ** 28,
      outputBytes: 2 ** 20,
    });
    assert.deepStrictEqual(stdio?.meta, {
      difficulty: "EASY",
      name: "A. Twelve",
      site: "codeforces",
      url: "https://example.org/problem/A",
      date: "2020-01-01",
      tags: ["Number theory", "Mathematics"],
      skills: ["Sorting"],
    });
    assert.strictEqual(call?.entryPoint, "isSorted");
    assert.deepStrictEqual(call?.meta, {
      difficulty: "VERY_HARD",
      site: "geeksforgeeks",
      pictures: 2,
      timeComplexity: "O(N).",
      space: "O(1).",
    });
    assert.strictEqual(call?.limits?.cpuSeconds, 10);
    assert.deepStrictEqual(
      attempts.map(({ outcome }) => outcome),
      ["Passed", "Passed", "Passed"],
    );
    // The same in another order, and in a file of the other split.
    const other = await imported(taco, fixture("taco.jsonl"), { split: "test" });
    assert.strictEqual(other.tasks[0]?.id.split("/")[2], stdio?.id.split("/")[2]);
  });
});
