import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Novelty from "../../../src/budget/selection/Novelty.ts";

describe("novelty of programs", () => {
  it("is 1 where nothing is known, 0 for a repeat, blanks aside", () => {
    assert.deepStrictEqual(Novelty.of(["return a + b;", "return a+b;", ""], []), [1, 0, 1]);
    assert.deepStrictEqual(Novelty.of(["return a + b;"], ["return  a + b;"]), [0]);
  });

  it("is a distance: symmetric, in [0, 1], 0 to itself", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const [x, y] = [Novelty.shingles(a), Novelty.shingles(b)];
        assert.strictEqual(Novelty.distance(x, y), Novelty.distance(y, x));
        assert.isTrue(Novelty.distance(x, y) >= 0 && Novelty.distance(x, y) <= 1);
        assert.strictEqual(Novelty.distance(x, x), 0);
      }),
    );
  });

  it("a small change is nearer than another program", () => {
    const known = "function f(xs) { return xs.filter((x) => x > 2).map((x) => x * x); }";
    const [near, far] = Novelty.of(
      [known.replace("> 2", "> 3"), "const f = (s) => s.split(',').reverse().join('');"],
      [known],
    );
    assert.isBelow(near, 0.4);
    assert.isAbove(far, 0.8);
  });
});
