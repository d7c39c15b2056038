/** Figures of what a round wrote and what of it was judged, logged as the metrics called "round". Pure. */
import type { StoredCandidate } from "../store/RunStore.ts";

type Written = Pick<StoredCandidate, "taskId" | "program" | "cacheKey" | "outcome">;

/** Problems with at least two judged programs, and how many of them teach a group nothing: all pass or all fail. */
const groupsOf = (candidates: ReadonlyArray<Written>) => {
  const passes = new Map<string, Array<boolean>>();
  for (const { taskId, outcome } of candidates) {
    if (outcome !== null) passes.set(taskId, [...(passes.get(taskId) ?? []), outcome === "Passed"]);
  }
  const groups = [...passes.values()].filter((group) => group.length >= 2);
  return { groups: groups.length, equal: groups.filter((group) => new Set(group).size === 1).length };
};

const repeats = (candidates: ReadonlyArray<Written>, key: (candidate: Written) => string): number =>
  1 - new Set(candidates.map(key)).size / candidates.length;

/**
 * `duplicate_rate`: share of the programs that repeat another one of the round, letter by letter; `shared_rate`: share
 * that another one's verdict answers, those that differ in names or spacing included; `mean_length`: characters of a
 * program; `groups`: problems with at least two judged programs; `zero_variance`: share of these whose outcomes agree
 * (absent where there are none).
 */
export const of = (candidates: ReadonlyArray<Written>): Readonly<Record<string, number>> => {
  if (candidates.length === 0) return {};
  const { groups, equal } = groupsOf(candidates);
  return {
    duplicate_rate: repeats(candidates, ({ taskId, program }) => `${taskId}\n${program}`),
    shared_rate: repeats(candidates, ({ cacheKey }) => cacheKey),
    mean_length: candidates.reduce((sum, { program }) => sum + program.length, 0) / candidates.length,
    groups,
    ...(groups === 0 ? {} : { zero_variance: equal / groups }),
  };
};
