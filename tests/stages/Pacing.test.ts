import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Pacing from "../../src/stages/Pacing.ts";

const adaptive = { kind: "adaptive", verifications: 10, growth: 2, minGain: 0.01, patience: 2 } as const;

const after = (figures: ReadonlyArray<readonly [passAt1: number | null, brier: number | null]>) =>
  figures.reduce(
    (pace, [passAt1, brier]) => Pacing.next(adaptive, pace, { passAt1, brier }),
    Pacing.start(adaptive),
  );

describe("pacing of verifications", () => {
  it("all: whatever is left", () => {
    const all = { kind: "all" } as const;
    assert.strictEqual(Pacing.start(all), null);
    assert.strictEqual(Pacing.most(all, null, 3, 17), 17);
    assert.isFalse(Pacing.isOver(all, null));
  });

  it("even: the rounds spend all, and no two differ by more than one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 40 }), (budget, rounds) => {
        const spent: Array<number> = [];
        let left = budget;
        for (let round = 0; round < rounds; round++) {
          const most = Pacing.most({ kind: "even", rounds }, null, round, left);
          spent.push(most);
          left -= most;
        }
        assert.strictEqual(left, 0);
        assert.isAtMost(Math.max(...spent) - Math.min(...spent), 1);
      }),
    );
  });

  it("adaptive: more while the held-out curve or the critic's error moves, less where neither does", () => {
    assert.strictEqual(after([[0.5, null]])?.verifications, 10);
    assert.strictEqual(
      after([
        [0.5, null],
        [0.52, null],
      ])?.verifications,
      20,
    );
    assert.strictEqual(
      after([
        [0.5, 0.2],
        [0.5, 0.15],
      ])?.verifications,
      20,
      "the critic's error moved",
    );
    assert.strictEqual(
      after([
        [0.5, 0.2],
        [0.505, 0.2],
      ])?.verifications,
      5,
    );
  });

  it("adaptive: ends after `patience` rounds in a row without a move, not before", () => {
    const flat = [0.5, 0.5] as const;
    const over = (n: number): boolean =>
      Pacing.isOver(adaptive, after(Array.from({ length: n }, () => flat)));
    assert.deepStrictEqual([0, 1, 2, 3].map(over), [false, false, false, true]);
    assert.isFalse(Pacing.isOver(adaptive, after([flat, flat, [0.6, 0.5], flat])));
    assert.strictEqual(Pacing.most(adaptive, after([flat]), 1, 4), 4, "never more than what is left");
  });

  it("adaptive: a worse figure does not lower what has to be beaten", () => {
    const pace = after([
      [0.5, null],
      [0.4, null],
      [0.45, null],
    ]);
    assert.deepInclude(pace, { passAt1: 0.5, flat: 2, verifications: 3 });
  });
});
