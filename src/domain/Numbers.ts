/** Sums and means of plain numbers. */

export const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0);

/** NaN of nothing. */
export const mean = (values: ReadonlyArray<number>): number => sum(values) / values.length;
