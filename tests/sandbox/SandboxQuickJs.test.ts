import { assert, layer } from "@effect/vitest";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import type { Task } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { call } from "./support/Tasks.ts";

const add = call("javascript", [
  [[2, 3], 5],
  [[-1, 1], 0],
  [[0.1, 0.2], 0.3],
]);

const verify = (task: Task, program: string) => Sandbox.use((sandbox) => sandbox.verify(task, program));

const outcome = Effect.fnUntraced(function* (task: Task, program: string, expected: Outcome) {
  const verdict = yield* verify(task, program);
  assert.strictEqual(verdict.outcome, expected, `${program}\n${JSON.stringify(verdict)}`);
  return verdict;
});

layer(SandboxQuickJs.layer(), { timeout: 60_000, excludeTestServices: true })("SandboxQuickJs", (it) => {
  it.effect("passes a right program, however the function is defined", () =>
    Effect.gen(function* () {
      for (const program of [
        "function f(a, b) { return a + b }",
        "const f = (a, b) => a + b",
        "let f = function (a, b) { return a + b }; console.log('hello')",
        "globalThis.f = (a, b) => a + b",
        "function f(...all) { return all.reduce((sum, x) => sum + x, 0) }",
      ]) {
        const verdict = yield* outcome(add, program, "Passed");
        assert.strictEqual(verdict.testsPassed, 3);
        assert.strictEqual(verdict.testsTotal, 3);
        assert.isUndefined(verdict.firstFailing);
      }
    }),
  );

  it.effect("stops at the first failing test and says which", () =>
    Effect.gen(function* () {
      const verdict = yield* outcome(add, "const f = (a, b) => a === 2 ? 5 : 7", "WrongAnswer");
      assert.strictEqual(verdict.testsPassed, 1);
      assert.strictEqual(verdict.firstFailing, 1);
      assert.strictEqual(verdict.detail, "expected 0, got 7");
    }),
  );

  it.effect("names the kinds of failure", () =>
    Effect.gen(function* () {
      yield* outcome(add, "function f(a, b) { return a + ", "CompileError");
      yield* outcome(add, "", "RuntimeError");
      yield* outcome(add, "const f = 5", "RuntimeError");
      yield* outcome(add, "throw new Error('no'); function f() {}", "RuntimeError");
      yield* outcome(add, "throw new SyntaxError('not really'); function f() {}", "RuntimeError");
      const verdict = yield* outcome(add, "function f() { return nothing }", "RuntimeError");
      assert.match(verdict.detail ?? "", /^ReferenceError: /);
      yield* outcome(add, "function f() { return f() + 1 }", "RuntimeError");
    }),
  );

  it.effect("carries plain data exactly", () =>
    Effect.gen(function* () {
      const value = { "a\u0000b": ["€😀", "\ud800", null, true, 1e300, { __proto__x: [] }], "": -1 };
      yield* outcome(call("javascript", [[[value], value]]), "function f(x) { return x }", "Passed");
      yield* outcome(
        call("javascript", [[[[1, 2]], [1, 2]]]),
        "function f(x) { x.push(3); return x }",
        "WrongAnswer",
      );
      yield* outcome(call("javascript", [[[3], 0]]), "function f(x) { return -0 }", "Passed");
    }),
  );

  it.effect("sees nothing of one program in the next", () =>
    Effect.gen(function* () {
      const task = call("javascript", [[[], "undefined"]]);
      const program = "function f() { const was = typeof globalThis.left; globalThis.left = 1; return was }";
      yield* Effect.forEach([1, 2, 3, 4], () => outcome(task, program, "Passed"), { concurrency: 2 });
    }),
  );

  it.effect("is deterministic: randomness and time are fixed", () =>
    Effect.gen(function* () {
      const task = call("javascript", [[[], 0]]);
      const program =
        "function f() { return [Math.random(), Math.random(), Date.now(), new Date().toISOString()] }";
      const details = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(verify(task, program), (v) => v.detail),
      );
      assert.strictEqual(new Set(details).size, 1);
      assert.include(details[0] ?? "", "946684800000");
    }),
  );

  it.effect("refuses Python", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(verify(call("python", []), ""));
      assert.strictEqual(error._tag, "SandboxUnavailable");
    }),
  );

  it.effect("prints how many programs it verifies in a second", () =>
    Effect.gen(function* () {
      const task = call(
        "javascript",
        Array.from({ length: 5 }, (_, i) => [[[1, 2, i]], 3 + i] as const),
      );
      const program = "function f(a) { let s = 0; for (const x of a) s += x; return s }";
      const measure = (programs: number) =>
        Effect.forEach(
          Array.from({ length: programs }, (_, i) => `${program} // ${i}`),
          (text) => verify(task, text),
          { concurrency: 2 },
        );
      yield* measure(100);
      const [elapsed, verdicts] = yield* Effect.timed(measure(1000));
      assert.isTrue(verdicts.every((verdict) => verdict.outcome === "Passed"));
      console.log(`QuickJS: ${Math.round(1000 / Duration.toSeconds(elapsed))} programs/s with 2 workers`);
    }),
  );
});
