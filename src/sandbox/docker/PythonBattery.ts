/** The self-test's programs in Python: right ones, wrong ones and a handful of attacks, each with its only right end. */
import type { Limits, Task, Tests } from "../../domain/Task.ts";
import type { Outcome } from "../../domain/Verdict.ts";
import type { Probe } from "./Languages.ts";

const limits: Limits = {
  cpuSeconds: 0.5,
  wallSeconds: 8,
  memoryBytes: 256 * 1024 * 1024,
  outputBytes: 16_384,
};

const task = (tests: Tests): Task => ({
  id: `self-test/${tests.kind}`,
  source: "self-test",
  split: "test",
  language: "python",
  statement: "",
  entryPoint: "f",
  limits,
  tests,
});
const byCall = task({ kind: "call", visible: 0, cases: [{ args: [2], expected: 4 }] });
const byAssert = task({ kind: "assert", setup: "", asserts: ["assert f(2) == 4"] });

/** A program that must be refused what it tries: it gives the right answer only if it was. */
const refused = (attempt: string): string =>
  `def f(x):\n    try:\n        ${attempt}\n    except OSError:\n        return 4\n    return 'not refused'\n`;

const battery: ReadonlyArray<readonly [task: Task, program: string, expected: Outcome]> = [
  [byCall, "def f(x): return x * 2", "Passed"],
  [byAssert, "def f(x): return x * 2", "Passed"],
  [byCall, "def f(x): return 5", "WrongAnswer"],
  [byAssert, "def f(x): return 5", "WrongAnswer"],
  [byAssert, "import os\ndef f(x): os._exit(0)", "RuntimeError"],
  [byAssert, "class A:\n    def __eq__(s, o): return True\ndef f(x): return A()", "WrongAnswer"],
  [byCall, refused("__import__('os').fork()"), "Passed"],
  [byCall, refused("__import__('subprocess').run(['/usr/bin/python3', '-c', ''])"), "Passed"],
  [byCall, refused("__import__('socket').socket()"), "Passed"],
  [byCall, refused("__import__('os').kill(1 if __import__('os').getpid() > 1 else -1, 9)"), "Passed"],
  [byCall, refused("open('/supervisor/left', 'w')"), "Passed"],
  [byCall, refused("open('/proc/1/environ', 'rb').read()"), "Passed"],
  [byCall, "open('/tmp/left', 'w').write('x')\ndef f(x): return 4", "Passed"],
  [byCall, refused("open('/tmp/left')"), "Passed"],
  [byCall, "import ctypes\ndef f(x): return ctypes.CDLL(None).ptrace(0, 0, 0, 0)", "Forbidden"],
  [byCall, "def f(x):\n    while True: pass", "TimedOut"],
  [byCall, "def f(x): return len([0] * (1 << 30))", "OutOfMemory"],
  [byCall, "def f(x):\n    while True: print('x' * 1000)", "OutputLimit"],
];

export const probes: ReadonlyArray<Probe> = battery.map(([of, program, expected]) => ({
  task: of,
  program,
  expected,
}));
