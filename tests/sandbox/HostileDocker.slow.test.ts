/** Python programs that try to pass without solving, or to harm: each with the outcomes that it may have. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Limits, Task } from "../../src/domain/Task.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { programs } from "./hostile/python.ts";
import { asserts, call } from "./support/Tasks.ts";
import * as WithDocker from "./support/WithDocker.ts";

const limits: Limits = {
  cpuSeconds: 0.5,
  wallSeconds: 15,
  memoryBytes: 128 * 1024 * 1024,
  outputBytes: 16 * 1024,
};
const byCall = call("python", [[[2, 3], 5]], limits);
const byAssert = asserts(["assert f(2, 3) == 5"], "", limits);
const tasks = {
  function: [byCall, byAssert],
  call: [byCall],
  assert: [byAssert],
  list: [asserts(["assert f(2, 3) == [1, 2, 3]", "assert sorted(f(2, 3)) == [1, 2, 3]"], "", limits)],
};
/** What only waits takes all of a wall limit, twice: a short one. Others have time enough on a busy machine. */
const hasty = (task: Task): Task => ({ ...task, limits: { ...limits, wallSeconds: 3 } });
const RIGHT = "def f(a, b): return a + b";

/** Odd, and right. */
const honest = [
  [
    "mutates what the tests compare with",
    asserts(["x = [2]; y = f(x, 3); assert y == [3] and x == [2]"], "", limits),
    "def f(a, b):\n    a[0] = 3\n    return a",
  ],
  [
    "floods stderr, then is right",
    byCall,
    "import sys\ndef f(a, b):\n    print('x' * 1000000, file=sys.stderr)\n    return a + b",
  ],
] as const;

/** What would turn a wrong answer into a fault, which is dropped, and of which enough pause the whole run. */
const evasions = [
  [
    "an answer that is no data, handed on to the next call",
    asserts(["assert f(f(1, 1), 3) == 5"], "", limits),
    "class A: pass\ndef f(a, b): return A()",
    "RuntimeError",
  ],
  [
    "an answer that a later test breaks on",
    asserts(["x = f(2, 3)", "assert len(x) == 3"], "", limits),
    "def f(a, b): return None",
    "WrongAnswer",
  ],
  [
    "a CPU limit of its own, at which the kernel would kill it",
    call("python", [[[2, 3], 5]], { ...limits, cpuSeconds: 1.4, wallSeconds: 30 }),
    "import resource\ntry: resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nexcept (ValueError, OSError): pass\nresource.getrlimit(resource.RLIMIT_CPU)\ndef f(a, b):\n    while True: pass",
    "TimedOut",
  ],
] as const;

describe.skipIf(WithDocker.skip)("Docker", () => {
  layer(SandboxDocker.layer(Languages.python), { timeout: 300_000, excludeTestServices: true })(
    "hostile Python",
    (it) => {
      it.effect.each(programs)(
        "$aim: $name",
        ({ style, program, next: looks, outcomes }) =>
          Effect.gen(function* () {
            const sandbox = yield* Sandbox;
            const waits = outcomes.includes("TimedOut");
            const verdicts = yield* Effect.forEach(
              tasks[style],
              (task) => sandbox.verify(waits ? hasty(task) : task, program),
              { concurrency: 2 },
            );
            for (const verdict of verdicts)
              assert.include(outcomes, verdict.outcome, JSON.stringify(verdict));
            // Each slot is as good as new, and holds nothing of it.
            const next = yield* Effect.forEach(
              tasks.function,
              (task) =>
                Effect.all([
                  looks === undefined ? Effect.succeed(null) : sandbox.verify(task, looks),
                  sandbox.verify(task, RIGHT),
                ]),
              { concurrency: 2 },
            );
            for (const [finds, right] of next) {
              if (finds !== null) assert.strictEqual(finds.outcome, "WrongAnswer", JSON.stringify(finds));
              assert.strictEqual(right.outcome, "Passed", JSON.stringify(right));
            }
          }),
        60_000,
      );

      it.effect.each(honest)("%s", ([, task, program]) =>
        Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          const verdict = yield* sandbox.verify(task, program);
          assert.strictEqual(verdict.outcome, "Passed", JSON.stringify(verdict));
        }),
      );

      it.effect.each(evasions)(
        "no fault of the sandbox or of the tests: %s",
        ([, task, program, outcome]) =>
          Effect.gen(function* () {
            const sandbox = yield* Sandbox;
            const verdict = yield* sandbox.verify(task, program);
            assert.strictEqual(verdict.outcome, outcome, JSON.stringify(verdict));
          }),
        120_000,
      );
    },
  );
});
