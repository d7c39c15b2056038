import { assert, describe, layer } from "@effect/vitest";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import type { Task } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as DockerSlot from "../../src/sandbox/docker/DockerSlot.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { asserts, call } from "./support/Tasks.ts";
import * as WithDocker from "./support/WithDocker.ts";

const byCall = call("python", [
  [[2, 3], 5],
  [[-1, 1], 0],
  [[0.1, 0.2], 0.3],
]);
const byAssert = asserts(
  ["assert f(2, 3) == 5", "assert f(-1, 1) == 0", "assert close(f(0.1, 0.2), 0.3)"],
  "from math import isclose as close",
);

const verify = (task: Task, program: string) => Sandbox.use((sandbox) => sandbox.verify(task, program));

const outcome = Effect.fnUntraced(function* (task: Task, program: string, expected: Outcome) {
  const verdict = yield* verify(task, program);
  assert.strictEqual(verdict.outcome, expected, `${program}\n${JSON.stringify(verdict)}`);
  return verdict;
});

/** Ids of the containers of this process. */
const containers = Effect.promise(() =>
  Docker.connect().listContainers({
    all: true,
    filters: { label: [DockerSlot.OWNER_LABEL, `drydock.pid=${process.pid}`, "drydock.run=docker-test"] },
  }),
);

describe.skipIf(WithDocker.skip)("Docker", () => {
  layer(SandboxDocker.layer(Languages.python, { runId: "docker-test" }), {
    timeout: 300_000,
    excludeTestServices: true,
  })("SandboxDocker", (it) => {
    it.effect("isolates with namespaces and a system call filter", () =>
      Effect.gen(function* () {
        assert.match(
          (yield* Sandbox).identity,
          /^docker\/drydock-sandbox-python:[0-9a-f]{12}\/python-judge-\d+\/namespaces\+seccomp$/,
        );
      }),
    );

    it.effect("takes a method of a class Solution, one object for all calls", () =>
      Effect.gen(function* () {
        const program = "class Solution:\n    def f(self, a, b): return a + b";
        for (const task of [byCall, byAssert]) yield* outcome(task, program, "Passed");
        const counting = `class Solution:\n    n = 0\n    def f(self, a, b):\n        self.n += 1\n        return a + b if self.n == 1 else self.n`;
        assert.strictEqual((yield* outcome(byCall, counting, "WrongAnswer")).firstFailing, 1);
        const raises = "class Solution:\n    def __init__(self): self.x\n    def f(self, a, b): return a + b";
        assert.match((yield* outcome(byCall, raises, "RuntimeError")).detail ?? "", /AttributeError/);
        assert.match(
          (yield* outcome(byCall, "class Solution: pass", "RuntimeError")).detail ?? "",
          /no function named f/,
        );
        // A function of that name comes first.
        yield* outcome(byCall, `${program}\ndef f(a, b): return None`, "WrongAnswer");
      }),
    );

    it.effect("passes right programs in both styles", () =>
      Effect.gen(function* () {
        for (const task of [byCall, byAssert]) {
          for (const program of [
            "def f(a, b): return a + b",
            "f = lambda a, b: b + a",
            "print('hello')\ndef f(*xs):\n    return sum(xs)",
          ]) {
            const verdict = yield* outcome(task, program, "Passed");
            assert.strictEqual(verdict.testsPassed, 3);
            assert.strictEqual(verdict.testsTotal, 3);
          }
        }
      }),
    );

    it.effect("stops at the first failing test and says which", () =>
      Effect.gen(function* () {
        for (const task of [byCall, byAssert]) {
          const verdict = yield* outcome(task, "def f(a, b): return 5 if a == 2 else 7", "WrongAnswer");
          assert.strictEqual(verdict.testsPassed, 1);
          assert.strictEqual(verdict.firstFailing, 1);
        }
      }),
    );

    it.effect("names the kinds of failure", () =>
      Effect.gen(function* () {
        for (const task of [byCall, byAssert]) {
          yield* outcome(task, "def f(:", "CompileError");
          yield* outcome(task, "", "RuntimeError");
          yield* outcome(task, "1 / 0", "RuntimeError");
          const verdict = yield* outcome(task, "def f(a, b): return {}[a]", "RuntimeError");
          assert.strictEqual(verdict.detail, "KeyError: 2");
          yield* outcome(task, "def f(a, b): return f(a, b)", "RuntimeError");
          yield* outcome(task, "import numpy\ndef f(a, b): return a + b", "RuntimeError");
        }
      }),
    );

    it.effect("carries values with their exact types", () =>
      Effect.gen(function* () {
        const echo = "def f(x): return x";
        for (const value of [
          "(1, 2)",
          "{1, 2}",
          "frozenset([1])",
          "{1: 'a', (2, 3): [None]}",
          "b'ab'",
          "2 ** 200",
          "-2 ** 200",
          "1.5",
          "float('inf')",
          "1 + 2j",
          "'\\ud800€😀\\x00'",
          "True",
          "[[], [()]]",
        ]) {
          const same = `x = ${value}; y = f(x); assert y == x and type(y) is type(x)`;
          yield* outcome(asserts([same]), echo, "Passed");
        }
        yield* outcome(
          asserts(["assert list(f(3)) == [0, 1, 2]", "assert f(3) != [0, 1, 2]"]),
          "def f(n):\n    yield from range(n)",
          "Passed",
        );
        yield* outcome(
          asserts(["assert f('aab') == {'a': 2, 'b': 1}"]),
          "from collections import Counter as f",
          "Passed",
        );
        yield* outcome(asserts(["assert f(1, key=2) == 3"]), "def f(a, key): return a + key", "Passed");
        yield* outcome(
          asserts(["assert len(str(f(3000))) == 9131"]),
          "from math import factorial as f",
          "Passed",
        );
      }),
    );

    it.effect("blames the tests, not the program, for tests that fail by themselves", () =>
      Effect.gen(function* () {
        for (const task of [
          asserts(["assert nothing == 1"]),
          asserts([], "import nowhere"),
          asserts(["assert f(lambda: 1) == 1"]),
        ]) {
          const error = yield* Effect.flip(verify(task, "def f(x): return 1"));
          assert.strictEqual(error._tag, "SandboxFault");
          assert.include(error.reason, "tests fail by themselves");
        }
      }),
    );

    it.effect("sees nothing of one program in the next", () =>
      Effect.gen(function* () {
        const program =
          "import os, builtins, sys\ndef f(x):\n    seen = [os.path.exists('/tmp/x'), hasattr(builtins, 'left')]\n    open('/tmp/x', 'w'); builtins.left = 1\n    return seen";
        const task = call("python", [[[1], [false, false]]]);
        yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => outcome(task, program, "Passed"), {
          concurrency: 2,
        });
      }),
    );

    it.effect("is deterministic: text hashing and randomness are fixed", () =>
      Effect.gen(function* () {
        const program = "import random\ndef f(x): return [random.random(), str({'a', 'b', 'c', 'd'})]";
        const details = yield* Effect.forEach(
          [1, 2, 3, 4],
          () => Effect.map(verify(call("python", [[[1], 0]]), program), (v) => v.detail),
          { concurrency: 2 },
        );
        assert.strictEqual(new Set(details).size, 1);
      }),
    );

    it.effect("a container killed mid-run is a fault, retried on another; then the pool is whole again", () =>
      Effect.gen(function* () {
        const slow = call("python", [[[0.7], "done"]], {
          cpuSeconds: 2,
          wallSeconds: 10,
          memoryBytes: 1 << 28,
          outputBytes: 4096,
        });
        const program = "import time\ndef f(x):\n    time.sleep(x)\n    return 'done'";
        const runs = yield* Effect.forkChild(
          Effect.all([verify(slow, program), verify(slow, program)], { concurrency: 2 }),
        );
        yield* Effect.sleep("300 millis");
        const [first] = yield* containers;
        assert.isDefined(first);
        yield* Effect.promise(() =>
          Docker.connect()
            .getContainer(first?.Id ?? "")
            .kill(),
        );
        const verdicts = yield* Fiber.join(runs);
        assert.deepStrictEqual(
          verdicts.map((v) => v.outcome),
          ["Passed", "Passed"],
        );
        yield* outcome(byCall, "def f(a, b): return a + b", "Passed");
      }),
    );

    it.effect("a paused container is a fault, retried on another", () =>
      Effect.gen(function* () {
        const short = call("python", [[[2, 3], 5]], {
          cpuSeconds: 1,
          wallSeconds: 1,
          memoryBytes: 1 << 28,
          outputBytes: 4096,
        });
        const all = yield* containers;
        for (const { Id } of all.slice(0, 1))
          yield* Effect.promise(() => Docker.connect().getContainer(Id).pause());
        const verdicts = yield* Effect.forEach([1, 2, 3], () => verify(short, "def f(a, b): return a + b"), {
          concurrency: 2,
        });
        assert.isTrue(verdicts.every((v) => v.outcome === "Passed"));
      }),
    );

    it.effect("prints how many programs it verifies in a second", () =>
      Effect.gen(function* () {
        for (const [name, task] of [
          ["call", byCall],
          ["assert", byAssert],
        ] as const) {
          const measure = (programs: number) =>
            Effect.forEach(
              Array.from({ length: programs }),
              () => outcome(task, "def f(a, b): return a + b", "Passed"),
              { concurrency: 2, discard: true },
            );
          yield* measure(10);
          const [elapsed] = yield* Effect.timed(measure(100));
          console.log(
            `Docker Python, ${name} style: ${Math.round(100 / Duration.toSeconds(elapsed))} programs/s with 2 slots`,
          );
        }
      }),
    );
  });
});
