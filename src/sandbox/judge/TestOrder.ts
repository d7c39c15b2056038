/**
 * The order in which a task's tests are run: the cheapest and most telling first, as a run stops at the first failure.
 *
 * The visible tests, as they are given (a statement's examples are small and most wrong programs fail one), then the
 * hidden ones by the length of their input. Asserts stay as they are: one may build on another.
 */
import type { Tests } from "../../domain/Task.ts";

/** Place in the run -> index in the task. */
export const order = (tests: Tests): ReadonlyArray<number> => {
  if (tests.kind === "assert") return tests.asserts.map((_, index) => index);
  const size =
    tests.kind === "call"
      ? tests.cases.map(({ args }) => JSON.stringify(args).length)
      : tests.cases.map(({ input }) => input.length);
  const cost = (index: number): number => (index < tests.visible ? -1 : (size[index] ?? 0));
  // The sort is stable: tests of one cost stay as they are.
  return size.map((_, index) => index).sort((a, b) => cost(a) - cost(b));
};

/** The same tests in that order: what is sent to a slot. */
export const arrange = <T extends Tests>(tests: T): T => {
  if (tests.kind === "assert") return tests;
  const { cases } = tests;
  return { ...tests, cases: order(tests).map((index) => cases[index]) };
};
