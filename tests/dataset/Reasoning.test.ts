import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import * as Reasoning from "../../src/dataset/Reasoning.ts";
import type { Language, Task } from "../../src/domain/Task.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";

const marks = { javascript: "//", python: "#", cpp: "//" } as const;
const text = fc.string({
  unit: fc.constantFrom("a", " ", "\n", "\r", "/", "#", "*/", "\u2028", "\t", "é", "😀"),
});
const language = fc.constantFrom<Language>("javascript", "python", "cpp");

describe("reasoning as comments", () => {
  it("comes apart from the program as it was put in front of it", () => {
    fc.assert(
      fc.property(language, text, text, (of, reasoning, tail) => {
        const program = `f = 1${tail}`;
        const rendered = Reasoning.render(of, reasoning, program);
        const parts = Reasoning.split(of, rendered);
        assert.strictEqual(parts.program, program);
        assert.strictEqual(parts.reasoning + parts.program, rendered);
        if (reasoning.trim() === "") assert.strictEqual(rendered, program);
        else {
          for (const line of parts.reasoning.slice(0, -1).split(/[\n\r\u2028\u2029]/)) {
            assert.isTrue(line.startsWith(marks[of]), JSON.stringify(rendered));
          }
        }
      }),
    );
  });

  it("of any text are the comment lines that it begins with", () => {
    fc.assert(
      fc.property(language, text, (of, written) => {
        const { reasoning, program } = Reasoning.split(of, written);
        assert.strictEqual(reasoning + program, written);
        assert.isFalse(program.trimStart().startsWith(marks[of]));
      }),
    );
    assert.deepStrictEqual(Reasoning.split("python", "\n# a\n\n  # b\n\ndef f():\n  # c\n  pass"), {
      reasoning: "\n# a\n\n  # b\n",
      program: "\ndef f():\n  # c\n  pass",
    });
    assert.deepStrictEqual(Reasoning.split("javascript", "// only"), { reasoning: "// only", program: "" });
    assert.strictEqual(Reasoning.render("javascript", "one\n\ntwo", "f()"), "// one\n//\n// two\nf()");
  });

  it.live("leaves a program that passes one that passes, whatever the reasoning says", () =>
    Effect.gen(function* () {
      const { verify } = yield* Sandbox;
      const task: Task = {
        id: "reasoning",
        source: "test",
        split: "train",
        language: "javascript",
        statement: "",
        entryPoint: "f",
        tests: { kind: "call", cases: [{ args: [1], expected: 2 }], visible: 0 },
      };
      const program = "function f(x) { return x + 1; }";
      for (const reasoning of ["add one", "*/ }\u2028throw 1;\r\nthrow 2", "`${", "<!--\n-->", "\\\n\\"]) {
        const verdict = yield* verify(task, Reasoning.render("javascript", reasoning, program));
        assert.strictEqual(verdict.outcome, "Passed", JSON.stringify(reasoning));
      }
    }).pipe(Effect.provide(SandboxQuickJs.layer({ workers: 1 }))),
  );
});
