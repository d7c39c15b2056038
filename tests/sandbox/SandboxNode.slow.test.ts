/** JavaScript in Node: whole programs with standard input, side files, counts; and what SandboxFor sends there. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Task, Tests } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxFor from "../../src/sandbox/SandboxFor.ts";
import * as WithDocker from "./support/WithDocker.ts";

const task = (tests: Tests): Task => ({
  id: "test/node",
  source: "test",
  split: "test",
  language: "javascript",
  statement: "",
  entryPoint: "f",
  tests,
  limits: { cpuSeconds: 2, wallSeconds: 30, memoryBytes: 128 * 1024 * 1024, outputBytes: 64 * 1024 },
});
const sums = task({
  kind: "stdio",
  visible: 0,
  comparison: "exact",
  cases: [
    { input: "2 3\n", output: "5\n" },
    { input: "20 -3\n", output: "17\n" },
  ],
});
const SUM = ".split(' ').map(Number).reduce((a, b) => a + b)";

const programs: ReadonlyArray<readonly [name: string, program: string, expected: Outcome]> = [
  ["readFileSync(0)", `console.log(require('fs').readFileSync(0, 'utf8')${SUM})`, "Passed"],
  ["/dev/stdin", `console.log(require('fs').readFileSync('/dev/stdin', 'utf8')${SUM})`, "Passed"],
  [
    "readline",
    `require('readline').createInterface({ input: process.stdin }).on('line', (line) => console.log(line${SUM}))`,
    "Passed",
  ],
  [
    "events of process.stdin",
    `let s = ''; process.stdin.on('data', (d) => { s += d }); process.stdin.on('end', () => { process.stdout.write(s${SUM} + '\\n'); process.exit(0) })`,
    "Passed",
  ],
  [
    "promises and timers",
    `(async () => { let s = ''; for await (const d of process.stdin) s += d; await new Promise((r) => setTimeout(r, 5)); console.log(s${SUM}) })()`,
    "Passed",
  ],
  [
    "require.main",
    `if (require.main === module) console.log(require('fs').readFileSync(0, 'utf8')${SUM})`,
    "Passed",
  ],
  ["the right answer to the first alone", "console.log(5)", "WrongAnswer"],
  ["no program", "console.log(", "CompileError"],
  ["an error", "null.x", "RuntimeError"],
  ["a rejection", "Promise.reject(new Error('no'))", "RuntimeError"],
];

describe.skipIf(WithDocker.skip)("in Docker", () => {
  const javascript = SandboxFor.javascriptFor("quickjs", [sums]);
  layer(SandboxFor.layer(["javascript"], { slots: 2, javascript }), {
    timeout: 300_000,
    excludeTestServices: true,
  })("JavaScript in both engines", (it) => {
    const verify = (of: Task, program: string) => Sandbox.use((sandbox) => sandbox.verify(of, program));

    it.effect.each(programs)(
      "standard input: %s",
      ([, program, expected]) =>
        Effect.map(verify(sums, program), (verdict) =>
          assert.strictEqual(verdict.outcome, expected, JSON.stringify(verdict)),
        ),
      { timeout: 120_000 },
    );

    it.effect(
      "side files are there, and counted asserts are all run",
      () =>
        Effect.gen(function* () {
          const asserts = ["console.assert(f('a') === 'x')", "console.assert(f('b') === 'y')"];
          const files = [{ path: "d/a", content: "x" }];
          const of = task({ kind: "assert", setup: "", asserts: asserts.toReversed(), files, counts: true });
          const program = "const f = (name) => require('fs').readFileSync('/tmp/d/' + name, 'utf8')";
          const verdict = yield* verify(of, program);
          assert.strictEqual(verdict.outcome, "RuntimeError", JSON.stringify(verdict));
          assert.strictEqual(verdict.testsPassed, 1);
          assert.strictEqual(verdict.firstFailing, 0);
          assert.deepStrictEqual(verdict.failing, [0]);
          assert.isAbove(verdict.memoryBytes ?? 0, 1e7);
        }),
      { timeout: 120_000 },
    );

    it.effect("what QuickJS runs, it runs", () =>
      Effect.gen(function* () {
        const of = task({ kind: "call", visible: 0, cases: [{ args: [], expected: "undefined" }] });
        const verdict = yield* verify(of, "const f = () => typeof process");
        assert.strictEqual(verdict.outcome, "Passed");
        const { identity } = yield* Sandbox;
        assert.match(identity, /^quickjs\/.* docker\/drydock-sandbox-node:/);
      }),
    );
  });
});
