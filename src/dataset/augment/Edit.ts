/** How far two programs are apart, in tokens. */

/**
 * Length of the middle that is left once what both begin and end with is taken away, in tokens: cheap, and exact
 * where one edit was made.
 */
export const distance = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  ) {
    end += 1;
  }
  return Math.max(a.length, b.length) - start - end;
};
