/** Size and nesting: what is counted is the parser's and our own work in nodes, and that nothing overflows. */
import { assert, describe, it } from "vitest";
import type { Language } from "../../src/domain/Task.ts";
import * as Normalise from "../../src/syntax/Normalise.ts";
import * as Tokens from "../../src/syntax/Tokens.ts";

const deep: ReadonlyArray<readonly [Language, string, string]> = [
  ["python", "x = ", "("],
  ["python", "x = ", "f("],
  ["javascript", "", "{"],
  ["javascript", "", "`${"],
  ["javascript", "", "a=>"],
  ["cpp", "int x = ", "("],
  ["cpp", "", "{"],
];

describe("Normalise on hostile sizes", () => {
  for (const [language, head, unit] of deep) {
    it(`takes ${JSON.stringify(unit)} nested 5,000 times in ${language}`, () => {
      const text = head + unit.repeat(5_000);
      assert.isAbove(Normalise.program(language, text).length, 1000);
    });
  }

  it("takes 300 kB, its tokens in proportion", () => {
    const unit = "def f(a, b):\n    x = a + b * 2  # c\n    return [y for y in a if y > 3]\n";
    const small = Tokens.tokens("python", unit.repeat(100)).length;
    const text = unit.repeat(Math.ceil(300_000 / unit.length));
    const ratio = text.length / (unit.length * 100);
    assert.closeTo(Tokens.tokens("python", text).length / small / ratio, 1, 0.01);
    assert.isAbove(Normalise.program("python", text).length, 150_000);
  });

  it("takes a line of a million characters", () => {
    assert.isAbove(Normalise.program("javascript", `x = [${"1,".repeat(500_000)}]`).length, 1_000_000);
    assert.strictEqual(Normalise.program("python", " ".repeat(1_000_000)), "");
  });
});
