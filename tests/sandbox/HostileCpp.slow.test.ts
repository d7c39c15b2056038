/** C++ programs that try to pass without solving, or to harm: each with the outcomes that it may have. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Limits, Task, Tests } from "../../src/domain/Task.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { programs } from "./hostile/cpp.ts";
import * as WithDocker from "./support/WithDocker.ts";

const limits: Limits = {
  cpuSeconds: 0.5,
  wallSeconds: 6,
  memoryBytes: 128 * 1024 * 1024,
  outputBytes: 16 * 1024,
};
const task = (tests: Tests): Task => ({
  id: `test/hostile-${tests.kind}`,
  source: "test",
  split: "test",
  language: "cpp",
  statement: "",
  entryPoint: "f",
  limits,
  tests,
});
const tasks = {
  call: task({ kind: "call", visible: 0, cases: [{ args: [2, 3], expected: 5 }] }),
  assert: task({ kind: "assert", setup: "int f(int a, int b) {", asserts: ["assert(f(2, 3) == 5);"] }),
  stdio: task({ kind: "stdio", comparison: "exact", visible: 0, cases: [{ input: "2 3\n", output: "5\n" }] }),
};
const RIGHT = "int f(int a, int b) { return a + b; }";

describe.skipIf(WithDocker.skip)("Docker", () => {
  layer(SandboxDocker.layer(Languages.cpp), { timeout: 900_000, excludeTestServices: true })(
    "hostile C++",
    (it) => {
      it.effect.each(programs)(
        "$name",
        ({ style, program, outcomes }) =>
          Effect.gen(function* () {
            const sandbox = yield* Sandbox;
            const of = style === "function" ? [tasks.call, tasks.assert] : [tasks[style]];
            const verdicts = yield* Effect.forEach(of, (one) => sandbox.verify(one, program), {
              concurrency: 2,
            });
            for (const verdict of verdicts)
              assert.include(outcomes, verdict.outcome, JSON.stringify(verdict));
            // And both slots are as good as new.
            const next = yield* Effect.forEach(
              [tasks.call, tasks.assert],
              (one) => sandbox.verify(one, RIGHT),
              {
                concurrency: 2,
              },
            );
            for (const verdict of next)
              assert.strictEqual(verdict.outcome, "Passed", JSON.stringify(verdict));
          }),
        180_000,
      );
    },
  );
});
