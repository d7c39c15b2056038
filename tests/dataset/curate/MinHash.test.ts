import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as MinHash from "../../../src/dataset/curate/MinHash.ts";
import * as Random from "../../../src/random/Random.ts";

/** Two random sets of a size whose similarity is about `j`. */
const twoSets = (random: Random.Random, j: number, size: number) => {
  const both = Math.round((2 * size * j) / (1 + j));
  const draw = (count: number) => Array.from({ length: count }, () => random.uint32());
  const shared = draw(both);
  return [
    MinHash.setOf([...shared, ...draw(size - both)]),
    MinHash.setOf([...shared, ...draw(size - both)]),
  ] as const;
};

const bySets = (a: Iterable<number>, b: Iterable<number>): number => {
  const one = new Set(a);
  const other = new Set(b);
  const both = [...one].filter((x) => other.has(x)).length;
  const all = new Set([...one, ...other]).size;
  return all === 0 ? 1 : both / all;
};

describe("MinHash", () => {
  it("has the exact Jaccard similarity of hashes", () => {
    const list = fc.array(fc.nat(20));
    fc.assert(
      fc.property(list, list, (a, b) => {
        assert.closeTo(MinHash.jaccard(MinHash.setOf(a), MinHash.setOf(b)), bySets(a, b), 1e-12);
      }),
    );
  });

  it("estimates it within the theory's error", () => {
    const size = 128;
    const { signature } = MinHash.hasher(size, 3);
    const random = Random.make(7);
    let squares = 0;
    let expected = 0;
    for (let i = 0; i < 300; i++) {
      const [a, b] = twoSets(random, random.next(), 20 + random.int(150));
      const j = MinHash.jaccard(a, b);
      const error = MinHash.agreement(signature(a), signature(b)) - j;
      // Hoeffding: beyond this with probability 2 exp(-2 * 128 * 0.25^2) = 2e-7 a pair.
      assert.isBelow(Math.abs(error), 0.25);
      squares += error * error;
      expected += (j * (1 - j)) / size;
    }
    // The mean square error of 300 pairs is within a fifth of what the theory says.
    assert.closeTo(squares / expected, 1, 0.2);
  });

  it("chooses bands that find the threshold with 99 %", () => {
    for (const threshold of [0.3, 0.5, 0.7, 0.8, 0.9, 0.99]) {
      const { bands, rows } = MinHash.banding(128, threshold);
      assert.isAtMost(bands * rows, 128);
      assert.isAtLeast(MinHash.recallAt(threshold, bands, rows), 0.99);
    }
  });

  it("finds nearly all pairs at the threshold and above, and nothing below it", () => {
    const random = Random.make(11);
    let above = 0;
    let found = 0;
    for (let i = 0; i < 600; i++) {
      const index = MinHash.index(0.8, i);
      const [a, b] = twoSets(random, 0.75 + 0.15 * random.next(), 60);
      index.add(4, a);
      const near = index.near(b);
      const j = MinHash.jaccard(a, b);
      if (j < 0.8) assert.isEmpty(near);
      else {
        above++;
        if (near.length === 1) {
          found++;
          assert.deepEqual(near, [{ id: 4, similarity: j }]);
        }
      }
    }
    assert.isAbove(above, 200);
    assert.isAtLeast(found / above, 0.98);
  });

  it("holds any number of sets, and finds every equal one and none below the threshold", () => {
    const random = Random.make(12);
    const index = MinHash.index(0.8);
    const added: Array<MinHash.HashSet> = [];
    for (let i = 0; i < 700; i++) {
      // A third are like an earlier one but for an element, or equal to it; some are empty, some larger than a block.
      const earlier = added[random.int(Math.max(1, added.length))];
      const elements =
        earlier !== undefined && random.chance(0.3)
          ? [...earlier, ...(random.chance(0.5) ? [random.uint32()] : [])]
          : Array.from({ length: i === 300 ? 300_000 : random.int(30) }, () => random.uint32());
      const set = MinHash.setOf(elements);
      index.add(i, set);
      added.push(set);
    }
    for (const set of [...added.slice(0, 200), ...added.slice(-200)]) {
      const near = index.near(set);
      const equal = added.flatMap((other, id) => (MinHash.jaccard(set, other) === 1 ? [id] : []));
      assert.includeMembers(
        near.map(({ id }) => id),
        equal,
      );
      for (const { id, similarity } of near) {
        assert.strictEqual(similarity, MinHash.jaccard(set, added[id]));
        assert.isAtLeast(similarity, 0.8);
      }
    }
  });

  it("has one shingle of a short list, none of an empty one, and different ones of other orders", () => {
    assert.lengthOf(MinHash.shingles(["a", "b"], 5), 1);
    assert.isEmpty(MinHash.shingles([], 5));
    assert.notDeepEqual(MinHash.shingles(["a", "b"], 2), MinHash.shingles(["b", "a"], 2));
    assert.lengthOf(MinHash.shingles(["a", "b", "c", "d"], 3), 2);
  });
});
