/**
 * The order in which a task's tests are run: the cheapest and most telling first, as a run stops at the first failure.
 *
 * Of stdio tests the visible ones, as they are given (a statement's examples are small and most wrong programs fail one),
 * then the hidden ones by the length of their input. Calls and asserts stay as they are: those of a program share its
 * process, and what it remembers from one may decide another (APPS has such programs).
 */
import { type StdioTests, type Tests, testCount } from "../../domain/Task.ts";

/** Place in the run -> index in the task. */
export const order = (tests: Tests): ReadonlyArray<number> => {
  const indices = Array.from({ length: testCount(tests) }, (_, index) => index);
  if (tests.kind !== "stdio") return indices;
  const cost = (index: number): number =>
    index < tests.visible ? -1 : (tests.cases[index]?.input.length ?? 0);
  // The sort is stable: tests of one cost stay as they are.
  return indices.sort((a, b) => cost(a) - cost(b));
};

/** The same tests in that order: what is sent to a slot. */
export const arrange = <T extends Tests | StdioTests>(tests: T): T => {
  if (tests.kind !== "stdio") return tests;
  const { cases } = tests;
  return { ...tests, cases: order(tests).map((index) => cases[index]) };
};
