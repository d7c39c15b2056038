/** How well predicted pass probabilities agree with verdicts. Pure. */

export interface Prediction {
  /** In [0, 1]. */
  readonly probability: number;
  readonly passed: boolean;
}

const BINS = 10;

const mean = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean squared difference (Brier 1950). */
export const brier = (predictions: ReadonlyArray<Prediction>): number =>
  mean(predictions.map(({ probability, passed }) => (probability - Number(passed)) ** 2));

/**
 * Expected calibration error: |mean prediction - share of passes| in ten equal bins of the prediction, weighted by
 * their sizes (Naeini et al. 2015).
 */
export const ece = (predictions: ReadonlyArray<Prediction>): number => {
  const gaps = new Float64Array(BINS);
  for (const { probability, passed } of predictions)
    gaps[Math.min(BINS - 1, Math.floor(probability * BINS))] += probability - Number(passed);
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / predictions.length;
};

/** Probability that a pass is given more than a failure, ties counting half; null without both. */
export const auroc = (predictions: ReadonlyArray<Prediction>): number | null => {
  const sorted = predictions.toSorted((a, b) => a.probability - b.probability);
  let failures = 0;
  let passes = 0;
  let above = 0;
  for (let i = 0; i < sorted.length; ) {
    const tied = sorted.filter(({ probability }, j) => j >= i && probability === sorted[i].probability);
    const p = tied.filter(({ passed }) => passed).length;
    above += p * (failures + (tied.length - p) / 2);
    passes += p;
    failures += tied.length - p;
    i += tied.length;
  }
  return passes === 0 || failures === 0 ? null : above / (passes * failures);
};
