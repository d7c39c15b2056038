import { assert, describe, it } from "vitest";
import { liveCodeBench } from "../../../../src/dataset/import/formats/LiveCodeBench.ts";
import { context, converted, fixture, imported, records } from "./support.ts";

const path = fixture("livecodebench.jsonl");

describe("LiveCodeBench's rows", () => {
  it("become tasks of the test split, by standard input or by calls", async () => {
    const { tasks, attempts } = await imported(liveCodeBench, path);
    assert.deepStrictEqual(attempts, []);
    assert.deepStrictEqual(tasks, [
      {
        id: "livecodebench/abc300_x",
        source: "livecodebench",
        split: "test",
        language: "python",
        statement: "Two integers stand in one line. Print their sum.",
        entryPoint: "main",
        tests: {
          kind: "stdio",
          comparison: "apps-strict",
          visible: 1,
          cases: [
            { input: "1 2\n", output: "3\n" },
            { input: "-4 4\n", output: "0\n" },
            { input: "1000000 1\n", output: "1000001\n" },
          ],
        },
        limits: { cpuSeconds: 6, wallSeconds: 40, memoryBytes: 2 ** 28, outputBytes: 2 ** 20 },
        meta: {
          difficulty: "easy",
          title: "Sum of Two",
          platform: "atcoder",
          contest: "abc300",
          date: "2023-04-29T00:00:00",
        },
      },
      {
        id: "livecodebench/3001",
        source: "livecodebench",
        split: "test",
        language: "python",
        statement:
          "Given a list of numbers and a factor, return the largest gap between neighbours times the factor.\n\nBegin with:\nfrom typing import List\nclass Solution:\n    def largestGap(self, nums: List[int], factor: float) -> float:",
        entryPoint: "largestGap",
        tests: {
          kind: "call",
          visible: 1,
          // 2.0 is no int, and 2 ** 60 no double.
          values: "python",
          cases: [
            { args: [[1, 4, 2], { f: "2.0" }], expected: { f: "6.0" } },
            { args: [[7], { f: "1.5" }], expected: 0 },
            { args: [[{ i: "0x1000000000000000" }, 0], 1], expected: { i: "0x1000000000000000" } },
          ],
        },
        limits: { cpuSeconds: 12, wallSeconds: 70, memoryBytes: 2 ** 28, outputBytes: 2 ** 20 },
        meta: {
          difficulty: "medium",
          title: "Largest Gap",
          platform: "leetcode",
          contest: "weekly-contest-350",
          date: "2023-04-29T00:00:00",
        },
      },
    ]);
  });

  it("are refused where the private tests are a pickle, which is never opened", async () => {
    const { flaws } = await imported(liveCodeBench, path);
    assert.deepStrictEqual(
      flaws.map(({ kind, reason }) => `${kind}: ${reason}`),
      [
        "pickled data: livecodebench/abc301_y: private_test_cases is a Python pickle (base64 of zlib), which can run code when it is read",
      ],
    );
    assert.match(flaws[0]?.remedy ?? "", /livecodebench\/code_generation/);
  });

  it("are refused by kind where tests are missing, mixed or not what they say", async () => {
    const [stdio = {}, call = {}] = await records(liveCodeBench, path);
    const kind = (base: unknown, change: object) =>
      converted(liveCodeBench, [{ ...(base as object), ...change }], context(path)).flaws.map(
        (flaw) => flaw.kind,
      );
    const test = (testtype: string, input: string) => [{ input, output: "1", testtype }];
    assert.deepStrictEqual(
      [
        kind(stdio, { public_test_cases: "[]", private_test_cases: "[]" }),
        kind(stdio, { private_test_cases: test("functional", "1") }),
        kind(stdio, { public_test_cases: "[{" }),
        kind(stdio, { private_test_cases: test("other", "1") }),
        kind(call, { metadata: "{}" }),
        kind(call, { private_test_cases: test("functional", "1 2") }),
        kind(call, { private_test_cases: test("functional", "") }),
        kind(stdio, {}),
      ],
      [
        ["no tests"],
        ["unsupported"],
        ["does not parse"],
        ["wrong type"],
        ["missing field"],
        ["does not parse"],
        [],
        [],
      ],
    );
  });
});
