/**
 * How well an estimate orders things whose true figures are known: rank correlations, and what choosing by it costs.
 */
import { mean } from "./Numbers.ts";

/** A thing with its estimate and its measured figure; higher is better in both. */
export interface Ranked {
  readonly estimate: number;
  readonly measured: number;
}

/** Ranks from 1; equal values share the mean of their ranks. */
export const ranks = (values: ReadonlyArray<number>): ReadonlyArray<number> =>
  values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });

/** Pearson's correlation of the ranks (ties share theirs); null where one side is all equal. */
export const spearman = (pairs: ReadonlyArray<Ranked>): number | null => {
  const x = ranks(pairs.map(({ estimate }) => estimate));
  const y = ranks(pairs.map(({ measured }) => measured));
  const [mx, my] = [mean(x), mean(y)];
  const sum = (of: (i: number) => number): number => x.reduce((s, _, i) => s + of(i), 0);
  const xx = sum((i) => (x[i] - mx) ** 2);
  const yy = sum((i) => (y[i] - my) ** 2);
  return xx > 0 && yy > 0 ? sum((i) => (x[i] - mx) * (y[i] - my)) / Math.sqrt(xx * yy) : null;
};

/**
 * Kendall's tau-b: (concordant - discordant) / sqrt((pairs not tied in one)(pairs not tied in the other)).
 * Null where one side is all equal. Source: Kendall 1945, "The treatment of ties in ranking problems".
 */
export const kendall = (pairs: ReadonlyArray<Ranked>): number | null => {
  let [agreement, inEstimate, inMeasured] = [0, 0, 0];
  pairs.forEach((a, i) => {
    for (const b of pairs.slice(i + 1)) {
      const x = Math.sign(a.estimate - b.estimate);
      const y = Math.sign(a.measured - b.measured);
      agreement += x * y;
      inEstimate += x * x;
      inMeasured += y * y;
    }
  });
  return inEstimate > 0 && inMeasured > 0 ? agreement / Math.sqrt(inEstimate * inMeasured) : null;
};

/** Measured best minus the measured figure of the one with the best estimate (their mean, where several tie). */
export const regretAt1 = (pairs: ReadonlyArray<Ranked>): number | null => {
  if (pairs.length === 0) return null;
  const top = Math.max(...pairs.map(({ estimate }) => estimate));
  const chosen = pairs.filter(({ estimate }) => estimate === top).map(({ measured }) => measured);
  return Math.max(...pairs.map(({ measured }) => measured)) - mean(chosen);
};

export interface Agreement {
  /** How many were compared. */
  readonly count: number;
  readonly spearman: number | null;
  readonly kendall: number | null;
  readonly regretAt1: number | null;
}

export const agreement = (pairs: ReadonlyArray<Ranked>): Agreement => ({
  count: pairs.length,
  spearman: spearman(pairs),
  kendall: kendall(pairs),
  regretAt1: regretAt1(pairs),
});
