import fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import * as Batch from "../../src/replay/Batch.ts";
import { Mixture } from "../../src/replay/Mixture.ts";
import { ReplayBuffer } from "../../src/replay/ReplayBuffer.ts";

const STRIDE = 16;

/** Two parts of random episodes and a seeded draw from them. */
const arbitrary = fc
  .record({
    episodes: fc.array(
      fc.record({
        part: fc.constantFrom("offline" as const, "online" as const),
        task: fc.integer({ min: 0, max: 3 }),
        promptLength: fc.integer({ min: 1, max: 6 }),
        actions: fc.integer({ min: 1, max: 10 }),
        reward: fc.constantFrom(0, 1),
        known: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    ),
    seed: fc.integer(),
    n: fc.integer({ min: 1, max: 12 }),
  })
  .map(({ episodes, seed, n }) => {
    const parts = {
      offline: new ReplayBuffer({ capacity: 50, stride: STRIDE }),
      online: new ReplayBuffer({ capacity: 50, stride: STRIDE }),
    };
    episodes.forEach((e, i) => {
      parts[e.part].add({
        id: `e${i}`,
        taskId: `t${e.task}`,
        tokens: Array.from({ length: e.promptLength + e.actions }, (_, t) => 100 * i + t),
        promptLength: e.promptLength,
        reward: e.reward,
        behaviourLogProbs: e.known ? Array.from({ length: e.actions }, (_, t) => -t - 0.5) : null,
        policyVersion: null,
      });
    });
    return { parts, picks: new Mixture(parts, { kind: "all" }, Random.make(seed)).draw(n, 0.5) };
  });

const sum = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0);

describe("Batch", () => {
  it("lays every action out with its state, its successor and normalised weights", () => {
    fc.assert(
      fc.property(arbitrary, ({ parts, picks }) => {
        const totals = Batch.totals(parts, picks);
        const layouts = Batch.layouts(STRIDE, picks.length);
        const layout = Batch.layoutFor(layouts, Batch.needs(parts, picks));
        const a = Batch.fill(parts, picks, layout, totals);
        assert.closeTo(sum(a.weight), 1, 1e-5);
        assert.closeTo(sum(a.passingWeight), totals.passing > 0 ? 1 : 0, 1e-5);
        let n = 0;
        picks.forEach(({ part, row }, b) => {
          const buffer = parts[part];
          const tokens = buffer.tokens(row);
          for (let t = buffer.promptLength(row); t < tokens.length; t++, n++) {
            assert.strictEqual(a.action[n], tokens[t]);
            assert.strictEqual(a.tokens[a.position[n]], tokens[t - 1]);
            assert.strictEqual(Math.floor(a.position[n] / layout.time), b);
            assert.strictEqual(a.sequence[n], b);
            assert.strictEqual(a.return[n], buffer.reward(row));
            const last = t === tokens.length - 1;
            assert.strictEqual(a.nonTerminal[n], last ? 0 : 1);
            assert.strictEqual(a.next[n], last ? n : n + 1);
            const known = buffer.behaviourLogProbs(row);
            assert.strictEqual(a.behaviourKnown[n], known === null ? 0 : 1);
            assert.strictEqual(
              a.behaviourLogProb[n],
              known === null ? 0 : known[t - buffer.promptLength(row)],
            );
          }
        });
        assert.strictEqual(n, totals.actions);
        for (; n < layout.actions; n++) {
          assert.strictEqual(a.weight[n], 0);
          assert.strictEqual(a.next[n], n);
        }
      }),
    );
  });

  it("micro-batches' weights add up to the batch's, in order of length", () => {
    fc.assert(
      fc.property(arbitrary, ({ parts, picks }) => {
        const totals = Batch.totals(parts, picks);
        const sorted = Batch.byLength(parts, picks);
        const lengths = sorted.map(({ part, row }) => parts[part].length(row));
        assert.deepStrictEqual(
          lengths,
          [...lengths].sort((a, b) => a - b),
        );
        const layouts = Batch.layouts(STRIDE, 1);
        const weights = sorted.map((pick) => {
          const layout = Batch.layoutFor(layouts, Batch.needs(parts, [pick]));
          return sum(Batch.fill(parts, [pick], layout, totals).weight);
        });
        assert.closeTo(sum(weights), 1, 1e-5);
      }),
    );
  });

  it("always has a layout for episodes that the memory accepts, and refuses others", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 600 }),
        fc.integer({ min: 1, max: 9 }),
        (maxTokens, sequences) => {
          const layouts = Batch.layouts(maxTokens, sequences);
          const need = { time: maxTokens - 1, actions: sequences * (maxTokens - 1) };
          const layout = Batch.layoutFor(layouts, need);
          assert.isAtLeast(layout.time, need.time);
          assert.isAtLeast(layout.actions, need.actions);
          assert.throws(() => Batch.layoutFor(layouts, { time: maxTokens + 8, actions: 1 }), RangeError);
        },
      ),
    );
  });

  it("counts an episode by its id in two bootstrap samples of their own", () => {
    const counts = Array.from({ length: 4000 }, (_, i) => Batch.bags(`episode-${i}`, 2));
    assert.deepStrictEqual(Batch.bags("episode-7", 2), counts[7]);
    // A larger ensemble's first critics see what two see.
    assert.deepStrictEqual(Batch.bags("episode-7", 5).slice(0, 2), counts[7]);
    const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length;
    for (const head of [0, 1] as const) {
      assert.closeTo(mean(counts.map((c) => c[head])), 1, 0.06);
      assert.closeTo(mean(counts.map((c) => (c[head] - 1) ** 2)), 1, 0.15);
    }
    assert.closeTo(mean(counts.map(([a, b]) => (a - 1) * (b - 1))), 0, 0.06);
  });
});
