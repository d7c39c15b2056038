import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Estimate from "../../src/plan/Estimate.ts";
import * as Random from "../../src/random/Random.ts";

const work = fc.dictionary(
  fc.constantFrom("a", "b", "c"),
  fc.record({
    seconds: fc.double({ min: 0, max: 1e5, noNaN: true }),
    error: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

describe("estimates of time", () => {
  it("hold 80 of 100 log-normal draws, and as many lie above as below", () => {
    const random = Random.make(1).split("estimate");
    const { low, high } = Estimate.spread(10, 0.4);
    const draws = Array.from({ length: 20_000 }, () => 10 * Math.exp(0.4 * random.normal()));
    const below = draws.filter((x) => x < low).length / draws.length;
    const above = draws.filter((x) => x > high).length / draws.length;
    // Three standard errors of a share of 0.1 are 0.0064.
    assert.approximately(below, 0.1, 0.0065);
    assert.approximately(above, 0.1, 0.0065);
  });

  it("add up, and half of something twice is the whole", () =>
    fc.assert(
      fc.property(work, work, (a, b) => {
        const sum = Estimate.total(Estimate.add(a, b));
        assert.approximately(sum, Estimate.total(a) + Estimate.total(b), 1e-6 * (1 + sum));
        const half = Estimate.times(a, 0.5);
        const twice = Estimate.interval(Estimate.add(half, half));
        const whole = Estimate.interval(a);
        assert.approximately(twice.low, whole.low, 1e-6 * (1 + whole.low));
        assert.approximately(twice.high, whole.high, 1e-6 * (1 + whole.high));
      }),
    ));

  it("err less where the work is of several kinds", () => {
    const one = Estimate.interval({ a: { seconds: 10, error: 0.3 } });
    const two = Estimate.interval({ a: { seconds: 5, error: 0.3 }, b: { seconds: 5, error: 0.3 } });
    assert.strictEqual(one.mid, two.mid);
    assert.isBelow(two.high - two.low, one.high - one.low);
  });

  it("of nothing are nothing", () => {
    assert.deepStrictEqual(Estimate.interval({}), { low: 0, mid: 0, high: 0 });
  });
});
