/** How much of a task's tests is kept. Generated tests may be megabytes each; a run sends them with every program. */
import type { CallTests, StdioTests } from "../../../domain/Task.ts";

/** How a case that is gone is counted. */
export const CUT = "a test beyond --max-tests";

type Cases = CallTests | StdioTests;

const sizeOf = (test: Cases["cases"][number]): number =>
  "input" in test
    ? test.input.length + test.output.length
    : JSON.stringify(test.args).length + JSON.stringify(test.expected).length;

/**
 * The tests without the largest of the hidden cases, so that all together have at most `most` characters; the order
 * stays. Visible cases stay, and so does the smallest case of all. `cut` is how many are gone.
 */
export const bounded = <T extends Cases>(
  tests: T,
  most: number | undefined,
): { readonly tests: T; readonly cut: number } => {
  if (most === undefined) return { tests, cut: 0 };
  const sized = tests.cases.map((test, index) => ({
    index,
    size: sizeOf(test),
    shown: index < tests.visible,
  }));
  const order = [...sized].sort(
    (a, b) => Number(b.shown) - Number(a.shown) || a.size - b.size || a.index - b.index,
  );
  const kept = new Set<number>();
  let total = 0;
  for (const { index, size, shown } of order) {
    total += size;
    if (shown || kept.size === 0 || total <= most) kept.add(index);
  }
  const cases = tests.cases.filter((_, index) => kept.has(index));
  return cases.length === tests.cases.length
    ? { tests, cut: 0 }
    : { tests: { ...tests, cases }, cut: tests.cases.length - cases.length };
};
