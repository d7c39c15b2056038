import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Posterior from "../../../src/budget/selection/Posterior.ts";
import * as Random from "../../../src/random/Random.ts";

const options = { prior: 1, decay: 0.5, offline: 0.25 };
const verdict = (passed: boolean, policyVersion: number | null) => ({ passed, policyVersion });

describe("posterior of a pass rate", () => {
  it("verdicts age with the policy's versions; those of the offline data have a weight of their own", () => {
    const seen = [verdict(true, 3), verdict(false, 1), verdict(true, null), verdict(false, null)];
    assert.deepStrictEqual(Posterior.of(seen, 3, options), { a: 1 + 1 + 0.25, b: 1 + 0.25 + 0.25 });
    assert.deepStrictEqual(Posterior.of([], 3, options), { a: 1, b: 1 });
    assert.closeTo(Posterior.evidence(Posterior.of(seen, 3, options), 1), 1.75, 1e-12);
  });

  it("with decay 1 every verdict counts one", () => {
    const of = (n: number, m: number) =>
      Posterior.of([...Array(n).fill(verdict(true, 0)), ...Array(m).fill(verdict(false, 5))], 9, {
        prior: 2,
        decay: 1,
        offline: 1,
      });
    assert.deepStrictEqual(of(3, 4), { a: 5, b: 6 });
  });

  // Exact mean and variance of the distribution; 20,000 draws of each.
  for (const [a, b] of [
    [1, 1],
    [0.3, 0.7],
    [5, 2],
    [40, 60],
  ] as const) {
    it(`draws of Beta(${a}, ${b}) have its mean and variance`, () => {
      const random = Random.make(11);
      const draws = Array.from({ length: 20_000 }, () => Posterior.sample({ a, b }, random));
      const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
      const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
      const deviation = Math.sqrt(Posterior.variance({ a, b }));
      assert.closeTo(mean, Posterior.mean({ a, b }), (4 * deviation) / Math.sqrt(draws.length));
      assert.closeTo(variance / Posterior.variance({ a, b }), 1, 0.05);
      assert.isTrue(draws.every((x) => x >= 0 && x <= 1));
    });
  }

  it("more passes never lower the mean", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), (passes, fails) => {
        const of = (n: number) =>
          Posterior.mean(
            Posterior.of(
              [...Array(n).fill(verdict(true, 0)), ...Array(fails).fill(verdict(false, 0))],
              0,
              options,
            ),
          );
        assert.isAbove(of(passes + 1), of(passes));
      }),
    );
  });
});
