/**
 * pass@k and its bootstrap interval: pure functions of how many samples passed for each task.
 */

/** Samples drawn and samples that passed, for one task. */
export interface TaskCount {
  readonly samples: number;
  readonly passed: number;
}

/**
 * Unbiased pass@k of one task: 1 - C(n-c, k) / C(n, k), as a product that does not overflow.
 * Null where fewer than k samples were drawn.
 * Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1.
 */
export const passAtK = ({ samples: n, passed: c }: TaskCount, k: number): number | null => {
  if (n < k) return null;
  if (n - c < k) return 1;
  let allFail = 1;
  for (let i = n - c + 1; i <= n; i++) allFail *= 1 - k / i;
  return 1 - allFail;
};

/** Mean pass@k over the tasks with at least k judged samples; null where there is none. */
export const meanPassAtK = (counts: ReadonlyArray<TaskCount>, k: number): number | null => {
  const values = counts.map((count) => passAtK(count, k)).filter((value) => value !== null);
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
};

/** Standard error of mean pass@1 over tasks; 0 with fewer than two. */
export const standardError = (counts: ReadonlyArray<TaskCount>): number => {
  const n = counts.length;
  const mean = meanPassAtK(counts, 1) ?? 0;
  const squares = counts.reduce((sum, count) => sum + ((passAtK(count, 1) ?? 0) - mean) ** 2, 0);
  return n < 2 ? 0 : Math.sqrt(squares / (n - 1) / n);
};

/**
 * Percentile bootstrap interval (95 %) of mean pass@1, resampling tasks.
 * @param uniform draws in [0, 1); seeded by the caller, so that the interval is reproducible
 */
export const bootstrapInterval = (
  counts: ReadonlyArray<TaskCount>,
  uniform: () => number,
  resamples = 2000,
): readonly [number, number] => {
  if (counts.length === 0) return [0, 0];
  const rates = counts.map((count) => passAtK(count, 1) ?? 0);
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    for (let i = 0; i < rates.length; i++) sum += rates[Math.floor(uniform() * rates.length)];
    means[r] = sum / rates.length;
  }
  return percentiles95(means);
};

/** The 2.5th and the 97.5th percentile of at least one value; sorts them in place. */
export const percentiles95 = (values: Float64Array): readonly [number, number] => {
  values.sort();
  return [values[Math.floor(0.025 * values.length)], values[Math.ceil(0.975 * values.length) - 1]];
};
