import { assert } from "vitest";

/** The first numbers of `actual` are those expected, to 1e-5 of the largest of them. A missing one is not. */
export const close = (
  actual: ArrayLike<number> | undefined,
  expected: ReadonlyArray<number>,
  what: string,
): void => {
  const scale = Math.max(...expected.map(Math.abs), 1e-3);
  expected.forEach((x, i) => assert.closeTo(actual?.[i] ?? Number.NaN, x, 1e-5 * scale, `${what}[${i}]`));
};
