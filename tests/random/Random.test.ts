import { assert, describe, it } from "vitest";
import * as Random from "../../src/random/Random.ts";

describe("Random", () => {
  it("is the same stream for the same seed, and another for another", () => {
    const draw = (seed: number) => {
      const random = Random.make(seed);
      return Array.from({ length: 50 }, () => random.uint32());
    };
    assert.deepStrictEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
  });

  it("goes on from a saved state", () => {
    const random = Random.make(7);
    for (let i = 0; i < 13; i++) random.normal();
    const copy = Random.restore(random.state());
    assert.deepStrictEqual(
      Array.from({ length: 20 }, () => copy.next()),
      Array.from({ length: 20 }, () => random.next()),
    );
    assert.strictEqual(copy.split("x").uint32(), random.split("x").uint32());
    assert.throws(() => Random.restore("nonsense"), /64 hexadecimal/);
  });

  it("splits by label, whatever was drawn before", () => {
    const one = Random.make(3);
    const two = Random.make(3);
    two.next();
    assert.strictEqual(one.split("a").uint32(), two.split("a").uint32());
    assert.notStrictEqual(one.split("a").uint32(), one.split("b").uint32());
    assert.notStrictEqual(one.split("a").split("a").uint32(), one.split("a").uint32());
  });

  it("has the moments it should have", () => {
    const random = Random.make(11);
    const n = 40_000;
    const stats = (draw: () => number) => {
      let sum = 0;
      let squares = 0;
      for (let i = 0; i < n; i++) {
        const x = draw();
        sum += x;
        squares += x * x;
      }
      const mean = sum / n;
      return { mean, variance: squares / n - mean * mean };
    };
    const uniform = stats(random.next);
    assert.closeTo(uniform.mean, 0.5, 0.01);
    assert.closeTo(uniform.variance, 1 / 12, 0.005);
    const normal = stats(random.normal);
    assert.closeTo(normal.mean, 0, 0.03);
    assert.closeTo(normal.variance, 1, 0.04);
    const gumbel = stats(random.gumbel);
    assert.closeTo(gumbel.mean, 0.5772, 0.04);
    assert.closeTo(gumbel.variance, Math.PI ** 2 / 6, 0.08);
  });

  it("draws integers, weighted indices and shuffles fairly", () => {
    const random = Random.make(5);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) {
      const index = random.int(7);
      counts[index] = counts[index] + 1;
    }
    for (const count of counts) assert.closeTo(count, 10_000, 600);
    const hits = [0, 0, 0];
    for (let i = 0; i < 10_000; i++) {
      const index = random.weighted([1, 0, 3]);
      hits[index] = hits[index] + 1;
    }
    assert.strictEqual(hits[1], 0);
    assert.closeTo(hits[2], 7_500, 300);
    assert.deepStrictEqual(
      random.shuffle([1, 2, 3, 4, 5]).sort((a, b) => a - b),
      [1, 2, 3, 4, 5],
    );
    assert.throws(() => random.int(0), RangeError);
  });
});
