/** How well predicted pass probabilities agree with verdicts. Pure. */
import { mean } from "../domain/Numbers.ts";
import * as Judges from "./Judges.ts";

export interface Prediction {
  /** In [0, 1]. */
  readonly probability: number;
  readonly passed: boolean;
}

const BINS = 10;

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

/** Probability that a pass is given more than a failure, whatever their problems, ties counting half; null without both. */
export const auroc = (predictions: ReadonlyArray<Prediction>): number | null =>
  Judges.auroc(Judges.tally(predictions.map(({ probability, passed }) => ({ passed, score: probability }))));
