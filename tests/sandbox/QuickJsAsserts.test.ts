/** Assert-style tests in QuickJS: a second WebAssembly module holds them, and the program only ever sees arguments. */
import { assert, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { AssertTests, CallTests, Limits, Task } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";

const limits: Limits = {
  cpuSeconds: 0.5,
  wallSeconds: 5,
  memoryBytes: 32 * 1024 * 1024,
  outputBytes: 64 * 1024,
};

const task = (tests: AssertTests | CallTests): Task => ({
  id: "test/asserts",
  source: "test",
  split: "test",
  language: "javascript",
  statement: "",
  entryPoint: "f",
  tests,
  limits,
});
const asserts = (lines: ReadonlyArray<string>, more: Partial<AssertTests> = {}): Task =>
  task({ kind: "assert", setup: "", asserts: lines, ...more });

const verify = (of: Task, program: string) => Sandbox.use((sandbox) => sandbox.verify(of, program));
const ends = (of: Task, program: string, expected: Outcome) =>
  Effect.map(verify(of, program), (verdict) => {
    assert.strictEqual(verdict.outcome, expected, `${program}\n${JSON.stringify(verdict)}`);
    return verdict;
  });

const double = "const f = (x) => x * 2";

layer(SandboxQuickJs.layer({ workers: 1 }), { timeout: 60_000, excludeTestServices: true })(
  "assert-style JavaScript",
  (it) => {
    it.effect("console.assert and node:assert, each test in a scope of its own", () =>
      Effect.gen(function* () {
        const tests = asserts(
          [
            "const a = require('assert'); a.strictEqual(f(2), 4); a(f(1)); a.ok(f(1))",
            "const a = require('node:assert/strict'); a.deepEqual([f(1), { b: f(2) }], [2, { b: 4 }]); a.notEqual(f(1), 3)",
            "const test = () => { console.assert(f(-0) === 0); console.assert(Number.isNaN(f(NaN))) }\ntest()",
            "console.assert(f(helper) === 42)",
          ],
          { setup: "const helper = 21" },
        );
        const verdict = yield* ends(tests, double, "Passed");
        assert.strictEqual(verdict.testsPassed, 4);
        const wrong = yield* ends(tests, "const f = (x) => x === 21 ? 0 : x * 2", "WrongAnswer");
        assert.strictEqual(wrong.firstFailing, 3);
        assert.match(wrong.detail ?? "", /f\(21\) gave 0/);
      }),
    );

    it.effect("errors of the program are its own, and tests may expect them", () =>
      Effect.gen(function* () {
        const raise = "const f = (x) => { throw new RangeError('no ' + x) }";
        yield* ends(asserts(["console.assert(f(1) === 2)"]), raise, "RuntimeError");
        const expecting = asserts(["require('assert').throws(() => f(1), RangeError)"]);
        yield* ends(expecting, raise, "Passed");
        yield* ends(expecting, double, "WrongAnswer");
        yield* ends(expecting, "const f = (", "CompileError");
      }),
    );

    it.effect("a test that fails by itself is the dataset's fault", () =>
      Effect.gen(function* () {
        for (const line of [
          "console.assert(false)",
          "const test = () => { console.assert(f(1) === 3) }",
          "unknown(f(1))",
          "const x = ",
          "require('fs')",
          "for (;;);",
          "f(() => 1)",
          "(async () => console.assert((await f(1)) === 2))()",
        ]) {
          const fault = yield* Effect.flip(verify(asserts([line]), double));
          assert.strictEqual(fault._tag, "SandboxFault", line);
        }
        yield* ends(asserts(["console.assert(f(1) === 2)"]), double, "Passed");
      }),
    );

    it.effect("answers cross as plain data with exact types", () =>
      Effect.gen(function* () {
        const same = (expression: string) =>
          asserts([`require('assert').deepStrictEqual(f(), ${expression})`]);
        for (const value of [
          "undefined",
          "null",
          "-0",
          "NaN",
          "12345678901234567890n",
          "[1, [], { a: '' }]",
        ]) {
          yield* ends(same(value), `const f = () => (${value})`, "Passed");
        }
        yield* ends(same("0"), "const f = () => -0", "WrongAnswer");
        yield* ends(same("5"), "const f = () => 5n", "WrongAnswer");
        for (const value of [
          "new Map()",
          "() => 1",
          "Symbol()",
          "[1, , 2]",
          "new Date()",
          "{ get a() { return 1 } }",
        ]) {
          const verdict = yield* ends(same("1"), `const f = () => (${value})`, "WrongAnswer");
          assert.isAbove(verdict.detail?.length ?? 0, 0);
        }
      }),
    );

    it.effect("limits hold across the tests, and a caught end is still an end", () =>
      Effect.gen(function* () {
        const lenient = asserts(["try { f(1) } catch {}"]);
        yield* ends(lenient, "const f = () => { for (;;); }", "TimedOut");
        yield* ends(
          lenient,
          "const a = []; const f = () => { for (;;) a.push(new Array(1e4).fill(1)) }",
          "OutOfMemory",
        );
        yield* ends(lenient, "const f = () => 'x'.repeat(1e5)", "OutputLimit");
        yield* ends(asserts(["try { console.assert(f(1) === 3) } catch {}"]), double, "WrongAnswer");
      }),
    );

    it.effect("counts every test where asked, and keeps what was printed", () =>
      Effect.gen(function* () {
        const lines = [
          "console.assert(f(1) === 0)",
          "console.assert(f(2) === 4)",
          "console.assert(f(3) === 0)",
        ];
        const verdict = yield* ends(asserts(lines, { counts: true }), double, "WrongAnswer");
        assert.strictEqual(verdict.testsPassed, 1);
        assert.strictEqual(verdict.firstFailing, 0);
        assert.deepStrictEqual(verdict.failing, [0, 2]);
        const cases = [1, 2, 3].map((x) => ({ args: [x], expected: x === 2 ? 0 : 2 * x }));
        const counted = task({ kind: "call", visible: 0, cases, counts: true });
        const called = yield* ends(counted, `console.log("on", [1, { a: 2 }]); ${double}`, "WrongAnswer");
        assert.strictEqual(called.testsPassed, 2);
        assert.strictEqual(called.firstFailing, 1);
        assert.deepStrictEqual(called.failing, [1]);
        const endless = yield* ends(counted, "const f = (x) => { while (x > 1); return 2 * x }", "TimedOut");
        assert.deepStrictEqual(endless.failing, [1, 2]);
        const broken = yield* ends(counted, "const f =", "CompileError");
        assert.deepStrictEqual(broken.failing, [0, 1, 2]);
        assert.strictEqual(called.output, "on [1, {a: 2}]\n");
      }),
    );

    it.effect("files and standard input are for Node", () =>
      Effect.gen(function* () {
        const files = asserts(["f(1)"], { files: [{ path: "a", content: "" }] });
        const error = yield* Effect.flip(verify(files, double));
        assert.strictEqual(error._tag, "SandboxUnavailable");
      }),
    );
  },
);
