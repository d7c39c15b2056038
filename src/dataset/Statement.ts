/** Statements of tasks as plain words. */

/** Letters and digits of a statement, lower case, one space between words. */
export const normalise = (statement: string): string =>
  statement
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
