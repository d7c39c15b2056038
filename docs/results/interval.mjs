// Mean over seeds and half its 95 % t-interval; what the tables of this folder share.

/** Student's t, 97.5 % quantile, for 1 to 9 degrees of freedom. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Null for one value. */
export const half = (values) => {
  const n = values.length;
  if (n === 1) return null;
  const m = mean(values);
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (n - 1));
  return (T[Math.min(n - 2, T.length - 1)] * deviation) / Math.sqrt(n);
};

/** "68.7 ± 3.3", in percent. */
export const summary = (values) => {
  const within = half(values);
  const percent = (x) => (100 * x).toFixed(1);
  return within === null ? percent(values[0]) : `${percent(mean(values))} ± ${percent(within)}`;
};
