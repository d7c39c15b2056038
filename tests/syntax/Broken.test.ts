import { assert, describe, it } from "vitest";
import * as Broken from "../../src/syntax/Broken.ts";

const python = (source: string) => Broken.reason("python", source);

describe("programs that certainly do not compile", () => {
  for (const [source, found] of [
    ["def f(a, b):\n    return (a + b\n", '"(" is not closed'],
    ["x = [1, 2", '"[" is not closed'],
    ["x = (1]", '"]" closes nothing'],
    ["x = 1)", '")" closes nothing'],
    ["x = 'abc\ny = 1", "a string that does not end"],
    ['"""a docstring', "a string that does not end"],
    ["x = 'a\\", "a string that does not end"],
    ["x = r'\\'", "a string that does not end"],
    ["x = 'a\rb'", "a string that does not end"],
    ['f"{x["a"]}" + (', '"(" is not closed'],
  ] as const) {
    it(`finds ${JSON.stringify(source)}`, () => assert.strictEqual(python(source), found));
  }

  for (const source of [
    "",
    "# it's (a comment\nx = 1",
    "x = '#(' # )",
    "x = '''it's\n(fine'''",
    "x = 'a\\\nb'",
    "x = 'a\\\r\nb'",
    "x = r'\\' (' + ')'",
    "x = '\\\\'",
    "x = ''",
    "x = '' ''",
    'x = """a""b"""',
    "x = {'a': [(1, 2)]}",
    "rb'\\''",
    // What only the grammar can say is left to the sandbox.
    "def f(): 1 1",
    "return 1 1",
    "x = 1 +",
  ]) {
    it(`leaves ${JSON.stringify(source)} to the sandbox`, () => assert.isNull(python(source)));
  }

  it("says nothing of other languages", () => {
    for (const language of ["javascript", "cpp"] as const) assert.isNull(Broken.reason(language, "f(("));
  });
});
