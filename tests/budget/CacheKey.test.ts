import type * as Schema from "effect/Schema";
import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as CacheKey from "../../src/budget/CacheKey.ts";
import type { Task } from "../../src/domain/Task.ts";

for (const [name, make] of Object.entries({ exact: CacheKey.exact, normalised: CacheKey.normalised }))
  describe(`CacheKey.${name}`, () => {
    const task: Task = {
      id: "t",
      source: "test",
      split: "train",
      language: "javascript",
      statement: "Add one.",
      entryPoint: "f",
      tests: { kind: "call", cases: [{ args: [1], expected: 2 }], visible: 1 },
      limits: { cpuSeconds: 1, wallSeconds: 5, memoryBytes: 1, outputBytes: 1 },
    };
    const program = "const f = (x) => x + 1";
    const key = make(task, program, "quickjs/1");

    it("is the same for what cannot change a verdict", () => {
      assert.match(key, /^[0-9a-f]{64}$/);
      const other: Task = {
        tests: { visible: 1, cases: [{ expected: 2, args: [1] }], kind: "call" },
        entryPoint: "f",
        statement: "Another text.",
        language: "javascript",
        split: "test",
        source: "elsewhere",
        id: "t",
        limits: { outputBytes: 1, memoryBytes: 1, wallSeconds: 5, cpuSeconds: 1 },
      };
      assert.strictEqual(make(other, program, "quickjs/1"), key);
    });

    it("differs with everything that can", () => {
      const limits = { cpuSeconds: 2, wallSeconds: 5, memoryBytes: 1, outputBytes: 1 };
      const others = [
        make(task, `${program} + 0`, "quickjs/1"),
        make(task, program, "quickjs/2"),
        make({ ...task, id: "u" }, program, "quickjs/1"),
        make({ ...task, entryPoint: "g" }, program, "quickjs/1"),
        make({ ...task, language: "python" }, program, "quickjs/1"),
        make({ ...task, limits }, program, "quickjs/1"),
        make(
          { ...task, tests: { kind: "call", cases: [{ args: [1], expected: 3 }], visible: 1 } },
          program,
          "quickjs/1",
        ),
      ];
      assert.strictEqual(new Set([key, ...others]).size, others.length + 1);
    });
  });

/** Everything that a verdict depends on, from small sets, so that equal ones come up. */
const parts = fc.record({
  id: fc.constantFrom("t", "u"),
  language: fc.constantFrom("javascript" as const, "python" as const),
  entryPoint: fc.constantFrom("f", "g"),
  expected: fc.constantFrom<Schema.Json>(1, "1", 1.5, [1], [1, 2], { a: 1 }, { a: "1" }, null),
  counts: fc.constantFrom(undefined, true),
  cpuSeconds: fc.constantFrom(1, 2),
  program: fc.constantFrom("const f = (x) => x", "const f = (x) => x ", "f"),
  sandbox: fc.constantFrom("quickjs/1", "quickjs/1 ", "docker/2"),
});
const keyOf = (p: typeof parts extends fc.Arbitrary<infer A> ? A : never, statement: string): string => {
  const { id, language, entryPoint, expected, counts, cpuSeconds } = p;
  const task: Task = {
    id,
    language,
    entryPoint,
    statement,
    source: statement,
    split: statement === "" ? "test" : "train",
    tests: { kind: "call", cases: [{ args: [1], expected }], visible: 0, ...(counts ? { counts } : {}) },
    limits: { cpuSeconds, wallSeconds: 5, memoryBytes: 1, outputBytes: 1 },
  };
  return CacheKey.exact(task, p.program, p.sandbox);
};

describe("CacheKey of any two programs", () => {
  it("is the same if and only if all that a verdict depends on is", () => {
    fc.assert(
      fc.property(parts, parts, fc.boolean(), fc.string(), (a, other, same, statement) => {
        const b = same ? { ...a } : other;
        assert.strictEqual(keyOf(a, "") === keyOf(b, statement), JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 500 },
    );
  });
});

describe("CacheKey of the normal form", () => {
  const task: Task = {
    id: "t",
    source: "test",
    split: "train",
    language: "python",
    statement: "",
    entryPoint: "f",
    tests: { kind: "assert", setup: "", asserts: ["assert f(1) == 2"] },
  };
  const of = (program: string) => CacheKey.normalised(task, program, "docker/1");

  it("is one for programs that differ in comments, spacing and names of their own", () => {
    const program = "def f(x):\n    y = x + 1\n    return y\n";
    assert.strictEqual(of(program), of("def f(n):\n  # one more\n  total = n+1\n\n  return total\n"));
    assert.notStrictEqual(of(program), of(program.replace("+ 1", "+ 2")));
    assert.notStrictEqual(
      CacheKey.exact(task, program, "docker/1"),
      CacheKey.exact(task, `${program}\n`, "docker/1"),
    );
  });

  it("the entry point keeps its name: without it no test finds the program", () => {
    const program = "def f(x):\n    return x + 1\n";
    assert.notStrictEqual(of(program), of(program.replace("def f", "def g")));
  });
});
