import { assert, describe, it } from "@effect/vitest";
import * as Schema from "effect/Schema";
import * as SideFile from "../../src/domain/SideFile.ts";
import { Task, type Tests, testCount } from "../../src/domain/Task.ts";
import { Verdict } from "../../src/domain/Verdict.ts";

const task = (tests: unknown): unknown => ({
  id: "t/1",
  source: "t",
  split: "test",
  language: "cpp",
  statement: "",
  entryPoint: "main",
  tests,
});
const decode = Schema.decodeUnknownSync(Task);

const kinds: ReadonlyArray<Tests> = [
  { kind: "call", visible: 0, cases: [{ args: [1], expected: 2 }], comparison: "apps" },
  { kind: "call", visible: 0, cases: [], comparison: { kind: "evalplus", atol: 1e-6 }, counts: true },
  { kind: "assert", setup: "", asserts: ["assert f()", "assert g()"], files: [{ path: "a/b", content: "" }] },
  { kind: "stdio", visible: 1, cases: [{ input: "1\n", output: "2\n" }], comparison: "tokens" },
];

describe("Task", () => {
  it("takes tests of every kind and counts them", () => {
    for (const tests of kinds) assert.deepStrictEqual(decode(task(tests)).tests, tests);
    assert.deepStrictEqual(kinds.map(testCount), [1, 0, 2, 1]);
  });

  it("says what is wrong with side files", () => {
    const refused = (files: ReadonlyArray<SideFile.SideFile>): string => {
      try {
        decode(task({ kind: "assert", setup: "", asserts: ["assert 1"], files }));
      } catch (error) {
        return String(error);
      }
      return "taken";
    };
    const file = (path: string, content = "") => ({ path, content });
    for (const path of [
      "/etc/x",
      "../x",
      "a/../b",
      "./a",
      "",
      "a//b",
      "a/",
      "a\\b",
      "a\0",
      "x".repeat(201),
    ]) {
      assert.include(refused([file(path)]), "expected a relative path below /tmp", JSON.stringify(path));
    }
    assert.include(refused([file("a"), file("a")]), '"a" occurs twice');
    assert.include(refused([file("a"), file("a/b")]), '"a" occurs twice, or is both a file and a folder');
    const many = Array.from({ length: SideFile.MAX_FILES + 1 }, (_, i) => file(`f${i}`));
    assert.include(refused(many), "33 side files, at most 32");
    assert.include(refused([file("a", "é".repeat(SideFile.MAX_BYTES / 2 + 1))]), "4194306 bytes");
    assert.strictEqual(refused([file("a"), file("ab"), file("..a/b.txt")]), "taken");
  });
});

describe("Verdict", () => {
  it("of an older run still decodes", () => {
    const old: Verdict = { outcome: "Passed", testsPassed: 1, testsTotal: 1, cpuSeconds: 0, wallSeconds: 0 };
    assert.deepStrictEqual(Schema.decodeUnknownSync(Verdict)(old), old);
    const more: Verdict = { ...old, memoryBytes: 1, output: "x" };
    assert.deepStrictEqual(Schema.decodeUnknownSync(Verdict)(more), more);
  });
});
