/** Programs that try to pass without solving, or to harm: each with the outcome it must have. */
import { assert, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { Limits } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { call } from "./support/Tasks.ts";

const limits: Limits = {
  cpuSeconds: 0.3,
  wallSeconds: 3,
  memoryBytes: 32 * 1024 * 1024,
  outputBytes: 64 * 1024,
};
const five = call("javascript", [[[2, 3], 5]], limits);
const hasty = call("javascript", [[[2, 3], 5]], { ...limits, wallSeconds: 0.5 });
const list = call("javascript", [[[], [1, 2, 3]]], limits);
const record = call("javascript", [[[], { a: 1 }]], limits);

const lies: ReadonlyArray<readonly [name: string, task: typeof five, program: string, ...Array<Outcome>]> = [
  ["undefined", five, "function f() {}", "WrongAnswer"],
  ["NaN", five, "function f() { return NaN }", "WrongAnswer"],
  ["Infinity", five, "function f() { return Infinity }", "WrongAnswer"],
  ["the right number as text", five, "function f() { return '5' }", "WrongAnswer"],
  ["the right number as bigint", five, "function f() { return 5n }", "WrongAnswer"],
  ["a boxed number", five, "function f() { return new Number(5) }", "WrongAnswer"],
  [
    "an object that converts to the number",
    five,
    "function f() { return { valueOf: () => 5, toString: () => '5', [Symbol.toPrimitive]: () => 5 } }",
    "WrongAnswer",
  ],
  ["an object whose toJSON lies", five, "function f() { return { toJSON: () => 5 } }", "WrongAnswer"],
  [
    "a patched JSON",
    five,
    "JSON.stringify = () => '5'; JSON.parse = () => [5]; function f() { return 6 }",
    "WrongAnswer",
  ],
  [
    "patched prototypes",
    list,
    "Array.prototype.toJSON = Object.prototype.toJSON = () => [1, 2, 3]; Array.isArray = () => true; Object.getOwnPropertyDescriptor = Reflect.getOwnPropertyDescriptor = () => ({ value: 1 }); Reflect.ownKeys = () => []; function f() { return [] }",
    "WrongAnswer",
  ],
  [
    "patched string operations",
    five,
    "String.prototype.slice = String.prototype.toString = () => '5'; Number.prototype.toString = () => '5'; function f() { return 6 }",
    "WrongAnswer",
  ],
  [
    "a value inherited by every descriptor",
    record,
    "Object.prototype.value = 1; function f() { return { get a() { return 1 } } }",
    "WrongAnswer",
  ],
  [
    "setters on Object.prototype",
    list,
    "Object.defineProperty(Object.prototype, 'left', { set() { throw 1 }, get() { return 1e9 } }); Object.defineProperty(Array.prototype, '0', { set() {}, get() { return 1 } }); function f() { return [, 2, 3] }",
    "WrongAnswer",
  ],
  ["a hole", list, "function f() { return [1, , 3] }", "WrongAnswer"],
  ["a getter", record, "function f() { return { get a() { return 1 } } }", "WrongAnswer"],
  [
    "a hidden property",
    record,
    "function f() { return Object.defineProperty({}, 'a', { value: 1 }) }",
    "WrongAnswer",
  ],
  [
    "a symbol key beside the right ones",
    record,
    "function f() { return { a: 1, [Symbol()]: 1 } }",
    "WrongAnswer",
  ],
  [
    "an undefined property beside the right ones",
    record,
    "function f() { return { a: 1, b: undefined } }",
    "WrongAnswer",
  ],
  ["an instance", record, "class A { a = 1 } function f() { return new A() }", "WrongAnswer"],
  ["an array-like object", list, "function f() { return { 0: 1, 1: 2, 2: 3, length: 3 } }", "WrongAnswer"],
  [
    "an array with more to it",
    list,
    "function f() { return Object.assign([1, 2, 3], { extra: 1 }) }",
    "WrongAnswer",
  ],
  ["a typed array", list, "function f() { return new Uint8Array([1, 2, 3]) }", "WrongAnswer"],
  ["a cycle", list, "function f() { const a = [1, 2]; a.push(a); return a }", "WrongAnswer"],
  [
    "a cycle that doubles",
    record,
    "function f() { const a = {}; a.a = a; a.b = a; return a }",
    "OutputLimit",
    "TimedOut",
  ],
  [
    "a proxy that agrees with everything",
    record,
    "function f() { return new Proxy({}, { get: () => 1, has: () => true, ownKeys: () => ['a', 'b'], getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) }) }",
    "WrongAnswer",
  ],
  [
    "a proxied array of endless length",
    list,
    "function f() { return new Proxy([], { getOwnPropertyDescriptor: (t, k) => k === 'length' ? { value: 1e15, writable: true } : { value: 1, configurable: true, enumerable: true, writable: true } }) }",
    "WrongAnswer",
    "RuntimeError",
    "OutputLimit",
  ],
  ["a promise", five, "async function f() { return 5 }", "WrongAnswer"],
  ["a generator", five, "function* f() { yield 5 }", "WrongAnswer"],
  [
    "a promise, then a patched then",
    five,
    "Promise.prototype.then = () => 5; async function f(a, b) { return a + b }",
    "WrongAnswer",
  ],
  [
    "looking for the caller",
    five,
    "function f() { return f.caller ?? f.arguments ?? 5 }",
    "RuntimeError",
    "WrongAnswer",
    "Passed",
  ],
  [
    "looking for the host",
    five,
    "function f() { return typeof process + typeof require + typeof std + typeof os + typeof scriptArgs }",
    "WrongAnswer",
  ],
  [
    "import",
    five,
    "async function f() { return (await import('fs')).readFileSync('/etc/passwd') }",
    "WrongAnswer",
  ],
  ["a static import", five, "import fs from 'fs'; function f() { return 5 }", "CompileError"],
  ["a large answer", five, "function f() { return 'x'.repeat(1e6) }", "OutputLimit"],
  ["an array that claims to be huge", five, "function f() { return new Array(4294967295) }", "OutputLimit"],
];

const harm: typeof lies = [
  ["an endless loop", five, "function f() { for (;;); }", "TimedOut"],
  ["an endless loop while loading", five, "for (;;);", "TimedOut"],
  [
    "an endless loop that catches",
    five,
    "function f() { for (;;) try { for (;;); } catch {} finally { for (;;); } }",
    "TimedOut",
  ],
  [
    "an endless regular expression",
    five,
    "function f() { return /^(a+)+$/.test('a'.repeat(40) + 'b') }",
    "TimedOut",
  ],
  ["an endless comparison", five, "function f() { return [3, 1, 2].sort(() => { for (;;); }) }", "TimedOut"],
  [
    "an endless proxy trap in the answer",
    five,
    "function f() { return new Proxy({}, { ownKeys() { for (;;); } }) }",
    "TimedOut",
  ],
  [
    "an endless loop inside the engine, where no interrupt is looked for",
    hasty,
    "function f() { return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1) }",
    "TimedOut",
  ],
  ["recursion", five, "function f() { return f() + 1 }", "RuntimeError"],
  [
    "recursion in a conversion",
    five,
    "function f() { const o = { toString() { return '' + o } }; return '' + o }",
    "RuntimeError",
  ],
  ["recursion in the parser", five, "function f() { return eval('('.repeat(100000)) }", "RuntimeError"],
  [
    "recursion in JSON",
    hasty,
    "let d = []; for (let i = 0; i < 100000; i++) d = [d]; function f() { return JSON.stringify(d) }",
    "RuntimeError",
    "TimedOut",
  ],
  ["recursion in the compiler", five, `function f() { return ${"[".repeat(50_000)} }`, "CompileError"],
  [
    "memory in many small pieces",
    five,
    "function f() { const a = []; for (;;) a.push({ x: 1 }) }",
    "OutOfMemory",
  ],
  [
    "memory in large pieces",
    five,
    "function f() { const a = []; for (;;) a.push(new Uint8Array(1 << 20)) }",
    "OutOfMemory",
    "RuntimeError",
  ],
  [
    "memory in one piece",
    five,
    "function f() { return new Uint8Array(2 ** 31 - 1).length }",
    "OutOfMemory",
    "RuntimeError",
  ],
  [
    "memory, caught again and again",
    five,
    "const a = []; function f() { for (;;) try { for (;;) a.push(new Array(1000).fill(1)) } catch {} }",
    "OutOfMemory",
    "TimedOut",
  ],
  ["text that doubles", five, "function f() { let s = 'x'; for (;;) s += s }", "OutOfMemory", "RuntimeError"],
];

layer(SandboxQuickJs.layer(), { timeout: 60_000, excludeTestServices: true })("hostile JavaScript", (it) => {
  it.effect.each([...lies, ...harm])("%s", ([, task, program, ...outcomes]) =>
    Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const verdict = yield* sandbox.verify(task, program);
      assert.include(outcomes, verdict.outcome, JSON.stringify(verdict));
      // And the worker is as good as new.
      const next = yield* sandbox.verify(
        task === five ? five : list,
        task === five ? "const f = (a, b) => a + b" : "const f = () => [1, 2, 3]",
      );
      assert.strictEqual(next.outcome, "Passed", JSON.stringify(next));
    }),
  );
});
