/** Intervals of a share that was measured on a sample. */

/** 97.5 % quantile of the standard normal: two-sided 95 %. */
const Z95 = 1.959963984540054;

export interface Share {
  readonly share: number;
  /** Bounds of the 95 % interval. */
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson's score interval of `successes` out of `n` (Wilson 1927): unlike the normal one it holds near 0 and 1 and
 * for few trials. Null of no trials.
 */
export const wilson = (successes: number, n: number): Share | null => {
  if (n === 0) return null;
  const share = successes / n;
  const square = (Z95 * Z95) / n;
  const centre = (share + square / 2) / (1 + square);
  const half = (Z95 * Math.sqrt((share * (1 - share)) / n + square / (4 * n))) / (1 + square);
  return { share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
};
