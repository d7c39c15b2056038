/** What the formats make of their fixtures, judged in a sandbox: labels of the data against verdicts. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Attempt } from "../../../src/domain/Attempt.ts";
import type { Task } from "../../../src/domain/Task.ts";
import type { Format } from "../../../src/dataset/import/Format.ts";
import { codeNet } from "../../../src/dataset/import/formats/CodeNet.ts";
import { liveCodeBench } from "../../../src/dataset/import/formats/LiveCodeBench.ts";
import { prompts } from "../../../src/dataset/import/formats/Prompts.ts";
import { taco } from "../../../src/dataset/import/formats/Taco.ts";
import * as Languages from "../../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../../src/sandbox/Sandbox.ts";
import * as WithDocker from "../../sandbox/support/WithDocker.ts";
import { fixture, imported } from "./formats/support.ts";

const verdict = (task: Task, program: string) => Sandbox.use((sandbox) => sandbox.verify(task, program));

/** "task: outcome" of each attempt with a label, by the sandbox. */
const judged = Effect.fnUntraced(function* (format: Format, ...parts: ReadonlyArray<string>) {
  const { tasks, attempts } = yield* Effect.promise(() => imported(format, fixture(...parts)));
  const labelled = attempts.flatMap((attempt): ReadonlyArray<{ task: Task; attempt: Attempt }> => {
    const task = tasks.find(({ id }) => id === attempt.taskId);
    return task === undefined || attempt.outcome === undefined ? [] : [{ task, attempt }];
  });
  return yield* Effect.forEach(labelled, ({ task, attempt }) =>
    Effect.map(verdict(task, attempt.program), ({ outcome, detail }) => ({
      attempt,
      said: attempt.outcome,
      outcome,
      detail,
    })),
  );
});

describe.skipIf(WithDocker.skip)("fixtures of formats", () => {
  layer(SandboxDocker.layer(Languages.python, {}), { timeout: 300_000, excludeTestServices: true })(
    "in a sandbox",
    (it) => {
      it.effect("LiveCodeBench: by standard input and by calls with numbers of Python", () =>
        Effect.gen(function* () {
          const { tasks } = yield* Effect.promise(() =>
            imported(liveCodeBench, fixture("livecodebench.jsonl")),
          );
          const [stdio = assert.fail(), call = assert.fail()] = tasks;
          const outcome = (task: Task, program: string) =>
            Effect.map(verdict(task, program), (seen) => seen.outcome);
          assert.strictEqual(yield* outcome(stdio, "print(sum(map(int, input().split())))"), "Passed");
          assert.strictEqual(
            yield* outcome(stdio, "print(sum(map(int, input().split())) + 0.5)"),
            "WrongAnswer",
          );
          const gap = (type: string) =>
            `class Solution:\n    def largestGap(self, nums, factor):\n        assert ${type}\n        return max((abs(a - b) for a, b in zip(nums, nums[1:])), default=0) * factor`;
          assert.strictEqual(yield* outcome(call, gap("True")), "Passed");
          // The factors are 2.0, 1.5 and 1: floats stay floats, and ints ints.
          assert.strictEqual(
            yield* outcome(call, gap("type(factor) is (int if nums[-1] == 0 else float)")),
            "Passed",
          );
          assert.strictEqual(yield* outcome(call, gap("type(factor) is int")), "RuntimeError");
        }),
      );

      it.effect("TACO: solutions pass but for the one that needs a package", () =>
        Effect.gen(function* () {
          const seen = yield* judged(taco, "taco.jsonl");
          assert.deepStrictEqual(
            seen.map(({ outcome }) => outcome),
            ["Passed", "RuntimeError", "Passed"],
          );
          assert.match(seen[1]?.detail ?? "", /numpy/);
        }),
      );

      it.effect("CodeNet and verl: as labelled", () =>
        Effect.gen(function* () {
          const seen = [...(yield* judged(codeNet, "codenet")), ...(yield* judged(prompts, "verl.jsonl"))];
          assert.deepStrictEqual(
            seen.map(({ outcome, said }) => [said, outcome]),
            [
              ["Passed", "Passed"],
              ["WrongAnswer", "WrongAnswer"],
              ["WrongAnswer", "WrongAnswer"],
              ["OutOfMemory", "OutOfMemory"],
              ["Passed", "Passed"],
              ["WrongAnswer", "WrongAnswer"],
            ],
          );
        }),
      );
    },
  );
});
