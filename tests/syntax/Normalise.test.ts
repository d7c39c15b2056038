import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import type { Language } from "../../src/domain/Task.ts";
import * as Random from "../../src/random/Random.ts";
import * as Normalise from "../../src/syntax/Normalise.ts";
import * as Syntax from "../../src/syntax/Syntax.ts";
import * as Tokens from "../../src/syntax/Tokens.ts";
import { choiceCount, plain, samples, variant } from "./Samples.ts";

const languages: ReadonlyArray<Language> = ["python", "javascript", "cpp"];
const language = fc.constantFrom(...languages);
const seed = fc.nat();

const normal = (name: Language, text: string, ...keep: ReadonlyArray<string>): string =>
  Normalise.program(name, text, { keep });

/** Text that is nearly a program: a sample with pieces cut out, doubled or replaced. */
const damaged = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(
      fc.tuple(
        fc.nat(2000),
        fc.nat(12),
        fc.oneof(
          fc.string({ maxLength: 4 }),
          fc.constantFrom(
            "(",
            "\n",
            '"',
            "`",
            "/*",
            "#",
            "\\\n",
            "'''",
            "{",
            "}",
            ";",
            "\r",
            "f'{",
            "v0",
            "\ufeff",
          ),
        ),
      ),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([sample, cuts]) => ({
    language: sample.language,
    text: cuts.reduce((text, [at, length, put]) => {
      const from = at % text.length;
      return text.slice(0, from) + put + text.slice(from + length);
    }, plain(sample)),
  }));

describe("Normalise.program", () => {
  for (const [number, sample] of samples.entries()) {
    it(`gives one form to a ${sample.language} program under other names, comments and spacing (${number})`, () => {
      const text = plain(sample);
      assert.isNull(Syntax.parse(sample.language, text).error, text);
      const expected = normal(sample.language, text, sample.entryPoint);
      fc.assert(
        fc.property(seed, (value) => {
          const other = variant(sample, Random.make(value));
          assert.strictEqual(normal(sample.language, other, sample.entryPoint), expected, other);
        }),
        { numRuns: 60 },
      );
    });

    it(`tells apart what differs in one constant, operator or name of the language (${number})`, () => {
      const all = [undefined, ...Array.from({ length: choiceCount(sample) }, (_, index) => index)];
      const forms = all.map((changed) => normal(sample.language, plain(sample, changed), sample.entryPoint));
      assert.isAtLeast(all.length, 8);
      assert.strictEqual(new Set(forms).size, all.length);
    });
  }

  it("changes nothing the second time", () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples), seed, ({ language: name, ...sample }, value) => {
        const once = normal(
          name,
          variant({ language: name, ...sample }, Random.make(value)),
          sample.entryPoint,
        );
        assert.strictEqual(normal(name, once, sample.entryPoint), once);
      }),
      { numRuns: 40 },
    );
    fc.assert(
      fc.property(damaged, ({ language: name, text }) => {
        const once = normal(name, text);
        assert.strictEqual(normal(name, once), once);
      }),
      { numRuns: 400 },
    );
  });

  it("never throws, and its tokens hold all of the text but blanks", () => {
    fc.assert(
      fc.property(
        language,
        fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 60 })),
        (name, text) => {
          const once = normal(name, text);
          assert.strictEqual(normal(name, once), once);
          let end = 0;
          for (const token of Tokens.tokens(name, text)) {
            assert.isAtLeast(token.from, end);
            assert.match(text.slice(end, token.from), /^(?:\s|\\(?=[\r\n]))*$/u);
            if (token.kind !== "directive" && token.from < token.to) {
              assert.strictEqual(token.text, text.slice(token.from, token.to));
            }
            end = token.to;
          }
          assert.match(text.slice(end), /^(?:\s|\\(?=[\r\n]))*$/u);
        },
      ),
      { numRuns: 600 },
    );
  });

  const same: ReadonlyArray<readonly [Language, string, string]> = [
    ["python", 'def f(x):\n  "what it does"\n  return x', "def f(y):\n    return y\n"],
    ["python", "def f(a): return (a +\n  1)", "def f(b):   return (b + 1)"],
    ["python", "def f(a):\r\n\tif a:\r\n\t\treturn 1\r\n", "def f(a):\n if a:\n  return 1\n"],
    ["javascript", "function f(a) { let b = a\n return b }", "function f(x) { let y = x; return y; }"],
    [
      "cpp",
      "int f(vector<vector<int> > a) { return a[0][0]; }",
      "int f(vector<vector<int>> b) {\n return b[0][0]; }",
    ],
  ];
  for (const [name, one, other] of same) {
    it(`takes as one: ${JSON.stringify(one)}`, () => {
      assert.strictEqual(normal(name, one, "f"), normal(name, other, "f"));
    });
  }

  const different: ReadonlyArray<readonly [string, Language, string, string]> = [
    ["a line end after return", "javascript", "function f(a) { return\na }", "function f(a) { return a }"],
    [
      "what is in a block",
      "python",
      "def f(a):\n  if a:\n    a = 1\n  return a",
      "def f(a):\n  if a:\n    a = 1\n    return a",
    ],
    [
      "a built-in name that is a parameter elsewhere",
      "python",
      "def f(list): pass\ndef g(x): return list(x)",
      "def f(set): pass\ndef g(x): return set(x)",
    ],
    ["an attribute", "python", "def f(a): return a.b", "def f(a): return a.c"],
    ["a keyword argument", "python", "def f(b, c): return g(b=1)", "def f(c, b): return g(c=1)"],
    ["an import", "python", "import a\ndef f(x): return a.g(x)", "import b\ndef f(x): return b.g(x)"],
    ["a name that is shown", "python", "def f(a): return f'{a=}'", "def f(b): return f'{b=}'"],
    ["names that are looked at", "python", "def f(a): return locals()", "def f(b): return locals()"],
    [
      "what a star import may bind",
      "python",
      "from math import *\ndef g(e): pass\ndef f(): return e",
      "from math import *\ndef g(pi): pass\ndef f(): return pi",
    ],
    ["two variables or one", "python", "def f(a, b): return a + b", "def f(a, b): return a + a"],
    [
      "a property that a variable names",
      "javascript",
      "function f(a) { return { a } }",
      "function f(b) { return { b } }",
    ],
    ["blanks in a text", "javascript", "function f() { return 'a b' }", "function f() { return 'a  b' }"],
    ["blanks in a template", "javascript", "f = (a) => `${a} b`", "f = (a) => `${a}  b`"],
    ["a macro's body", "cpp", "#define A 1\nint f() { return A; }\n", "#define A 2\nint f() { return A; }\n"],
    [
      "a field that a method reads",
      "cpp",
      "struct S { int a; int b; int m() { return a; } };\nint f(int a) { return a; }",
      "struct S { int a; int b; int m() { return b; } };\nint f(int b) { return b; }",
    ],
    ["the entry point", "python", "def f(x): return x", "def g(x): return x"],
  ];
  for (const [what, name, one, other] of different) {
    it(`keeps apart: ${what}`, () => {
      assert.notStrictEqual(normal(name, one, "f"), normal(name, other, "f"));
    });
  }

  it("leaves a program that does not parse as it is, but for C++", () => {
    assert.strictEqual(normal("python", "def f(:  # x\n  1"), "def f(:  # x\n  1");
    const macro = "int main() { rep(i, 3) { x ++; } // why\n}";
    assert.isNotNull(Syntax.parse("cpp", macro).error);
    assert.strictEqual(normal("cpp", macro), "int main ( ) { rep ( i , 3 ) { x ++ ; } }\n");
  });

  it("says where a text stops being the language", () => {
    assert.deepInclude(Syntax.parse("python", "x = 1\ny = )\n").error, { line: 2, column: 5 });
    assert.isNull(Syntax.parse("python", "x = 1\n").error);
    // A float need not have digits after its point.
    assert.isNull(Syntax.parse("python", "x = f(1., -2., [3.]) ** (1. / 3)\n").error);
    assert.isNotNull(Syntax.parse("python", "x = y1.\n").error);
  });
});
