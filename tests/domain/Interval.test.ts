import { assert, describe, it } from "@effect/vitest";
import * as Interval from "../../src/domain/Interval.ts";

describe("Wilson's interval", () => {
  // Reckoned by the formula in Python.
  it.each([
    [0, 10, 0, 0.277533],
    [5, 10, 0.236593, 0.763407],
    [81, 263, 0.255289, 0.36621],
    [10, 10, 0.722468, 1],
  ])("of %i out of %i", (k, n, low, high) => {
    const found = Interval.wilson(k, n);
    assert.isNotNull(found);
    assert.approximately(found?.low ?? -1, low, 1e-5);
    assert.approximately(found?.high ?? -1, high, 1e-5);
    assert.strictEqual(found?.share, k / n);
  });

  it("of nothing is none", () => assert.isNull(Interval.wilson(0, 0)));
});
