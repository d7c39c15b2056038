/** The self-test's programs in JavaScript for Node: right ones, wrong ones and a handful of attacks. */
import type { Limits, Task, Tests } from "../../domain/Task.ts";
import type { Outcome } from "../../domain/Verdict.ts";
import type { Probe } from "./Languages.ts";

const limits: Limits = {
  cpuSeconds: 1,
  wallSeconds: 8,
  memoryBytes: 96 * 1024 * 1024,
  outputBytes: 16_384,
};

const task = (tests: Tests): Task => ({
  id: `self-test/${tests.kind}`,
  source: "self-test",
  split: "test",
  language: "javascript",
  statement: "",
  entryPoint: "f",
  limits,
  tests,
});
const byCall = task({ kind: "call", visible: 0, cases: [{ args: [2], expected: 4 }] });
const byAssert = task({ kind: "assert", setup: "", asserts: ["console.assert(f(2) === 4)"] });
const byPrinting = task({
  kind: "stdio",
  visible: 0,
  comparison: "exact",
  cases: [{ input: "2\n", output: "4\n" }],
});

/** A program that must be refused what it tries: it gives the right answer only if it was. */
const refused = (attempt: string): string =>
  `const f = (x) => { try { ${attempt} } catch { return 4 } return "not refused" }`;

const battery: ReadonlyArray<readonly [task: Task, program: string, expected: Outcome]> = [
  [byCall, "const f = (x) => x * 2", "Passed"],
  [byAssert, "const f = (x) => x * 2", "Passed"],
  [byPrinting, "console.log(2 * require('fs').readFileSync(0, 'utf8'))", "Passed"],
  [byCall, "const f = (x) => 5", "WrongAnswer"],
  [byAssert, "const f = (x) => 5", "WrongAnswer"],
  [byPrinting, "console.log(5)", "WrongAnswer"],
  [byAssert, "const f = (x) => process.exit(0)", "RuntimeError"],
  [byAssert, "const f = (x) => ({ valueOf: () => 4, toString: () => '4' })", "WrongAnswer"],
  [byCall, refused("require('child_process').execFileSync('/usr/bin/node', ['-v'])"), "Passed"],
  [byCall, refused("process.kill(process.pid === 1 ? -1 : 1, 'SIGKILL')"), "Passed"],
  [byCall, refused("require('fs').writeFileSync('/drydock/left', 'x')"), "Passed"],
  [byCall, refused("require('fs').readFileSync('/proc/1/environ')"), "Passed"],
  [
    byCall,
    refused(
      "require('fs').copyFileSync('/usr/bin/node', '/tmp/a.node'); process.dlopen({ exports: {} }, '/tmp/a.node')",
    ),
    "Passed",
  ],
  [byCall, "require('fs').writeFileSync('/tmp/left', 'x'); const f = (x) => 4", "Passed"],
  [byCall, refused("require('fs').readFileSync('/tmp/left')"), "Passed"],
  [byCall, "const f = (x) => { for (;;); }", "TimedOut"],
  [byCall, "const f = (x) => { const a = []; for (;;) a.push(new Array(1e5).fill(x)) }", "OutOfMemory"],
  [byCall, "const f = (x) => { for (;;) console.log('x'.repeat(1000)) }", "OutputLimit"],
];

export const probes: ReadonlyArray<Probe> = battery.map(([of, program, expected]) => ({
  task: of,
  program,
  expected,
}));
