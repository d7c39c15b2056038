/** Sums and means of plain numbers. */

export const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0);

/** NaN of nothing. */
export const mean = (values: ReadonlyArray<number>): number => sum(values) / values.length;

/** Of an even number of values the mean of the two in the middle; NaN of nothing. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
};

/** Standard deviation of the population; NaN of nothing. */
export const deviation = (values: ReadonlyArray<number>): number => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((x) => (x - centre) ** 2)));
};
