import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Draw from "../../../src/budget/selection/Draw.ts";
import * as Random from "../../../src/random/Random.ts";

const items = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("drawing what is verified", () => {
  it("chooses as many as asked, and the probabilities add up to that", () => {
    fc.assert(
      fc.property(
        fc.nat(30),
        fc.nat(35),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (n, count, share, seed) => {
          const drawn = Draw.draw(items(n), { count, share, random: Random.make(seed) });
          const take = Math.min(n, count);
          assert.strictEqual(drawn.filter(({ chosen }) => chosen).length, take);
          assert.closeTo(
            drawn.reduce((sum, { probability }) => sum + probability, 0),
            take,
            1e-6,
          );
          assert.isTrue(drawn.every(({ atRandom, chosen }) => !atRandom || chosen));
          assert.deepStrictEqual(
            drawn.map(({ item }) => item),
            items(n),
          );
          assert.isTrue(drawn.every(({ probability }) => probability >= 0 && probability <= 1 + 1e-9));
        },
      ),
    );
  });

  it("without a random share the first ones, surely; with nothing but it, all alike", () => {
    const first = Draw.draw(items(6), { count: 2, share: 0, random: Random.make(1) });
    assert.deepStrictEqual(
      first.map(({ probability }) => probability),
      [1, 1, 0, 0, 0, 0],
    );
    const all = Draw.draw(items(6), { count: 2, share: 1, random: Random.make(1) });
    for (const { probability } of all) assert.closeTo(probability, 1 / 3, 1e-12);
  });

  it("the probabilities are the frequencies of many draws, and correct an estimate", () => {
    const n = 14;
    const times = 20_000;
    const worth = (i: number): number => 1 / (1 + i);
    const total = items(n).reduce((sum, i) => sum + worth(i), 0);
    const counts = Array<number>(n).fill(0);
    let estimate = 0;
    const expected = Draw.draw(items(n), { count: 5, share: 0.3, random: Random.make(0) });
    for (let seed = 0; seed < times; seed++) {
      const drawn = Draw.draw(items(n), { count: 5, share: 0.3, random: Random.make(seed) });
      for (const { item, chosen, probability } of drawn) {
        if (!chosen) continue;
        counts[item] += 1;
        estimate += worth(item) / probability / times;
      }
    }
    for (const { item, probability } of expected) {
      const deviation = Math.sqrt((probability * (1 - probability)) / times);
      assert.closeTo(counts[item] / times, probability, 5 * deviation + 1e-9, `rank ${item}`);
    }
    assert.closeTo(estimate, total, 0.01 * total);
  });
});
