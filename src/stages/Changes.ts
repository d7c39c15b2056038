/**
 * What the verdicts that a round paid for changed. Pure.
 *
 * A problem is known by which of the two outcomes it has had, pass and failure: whether it is solved, and whether it can
 * teach by comparison. A verdict *changed nothing* where its problem had had that outcome already and no update of the
 * stage can learn from the program either.
 */
import * as Result from "effect/Result";
import * as Table from "../algorithms/Table.ts";
import type { RunConfig } from "../config/RunConfig.ts";
import type { StoredCandidate } from "../store/RunStore.ts";

/** How a training takes programs. */
export interface Learning {
  /** From passing ones alone. */
  readonly passing: boolean;
  /** By comparing passes and failures of one problem. */
  readonly compares: boolean;
}

/** How the trainings of these updates take programs. */
export const learningOf = (
  trainings: RunConfig["trainings"],
  updates: ReadonlyArray<{ readonly training: string }>,
): ReadonlyArray<Learning> =>
  updates.flatMap(({ training }) => {
    const found = trainings[training];
    if (found === undefined) return [];
    const configured = Table.configure(found.algorithm, found.config);
    return [
      {
        passing: found.episodes === "passing",
        compares: Result.isSuccess(configured) && configured.success.groups !== null,
      },
    ];
  });

export interface Changes {
  /** Verdicts that gave their problem an outcome that it had had. */
  readonly sameOutcome: number;
  /** Those that no update can learn from: a failure where all take passes alone; where all compare, one without its opposite. */
  readonly unusable: number;
  /** Both. */
  readonly unchanged: number;
}

type Seen = Map<string, Set<boolean>>;

const see = (seen: Seen, taskId: string, passed: boolean): void => {
  const outcomes = seen.get(taskId);
  if (outcomes === undefined) seen.set(taskId, new Set([passed]));
  else outcomes.add(passed);
};

/** `before`: outcomes of problems that were known before the round, the labels of the offline data among them. */
export const of = (
  before: ReadonlyArray<{ readonly taskId: string; readonly passed: boolean }>,
  round: ReadonlyArray<Pick<StoredCandidate, "slot" | "taskId" | "decision" | "outcome">>,
  learning: ReadonlyArray<Learning>,
): Changes => {
  const seen: Seen = new Map();
  for (const { taskId, passed } of before) see(seen, taskId, passed);
  const verdicts = [...round]
    .sort((a, b) => a.slot - b.slot)
    .flatMap(({ taskId, decision, outcome }) => {
      if (outcome === null) return [];
      const passed = outcome === "Passed";
      const same = seen.get(taskId)?.has(passed) ?? false;
      see(seen, taskId, passed);
      return decision === "verified" ? [{ taskId, passed, same }] : [];
    });
  // An update comes after the whole round: its comparisons have all of its outcomes.
  const judged = verdicts.map(({ taskId, passed, same }) => {
    const both = seen.get(taskId)?.size === 2;
    const usable = learning.some(({ passing, compares }) => (passed || !passing) && (both || !compares));
    return { same, unusable: !usable };
  });
  const count = (holds: (verdict: (typeof judged)[number]) => boolean): number => judged.filter(holds).length;
  return {
    sameOutcome: count(({ same }) => same),
    unusable: count(({ unusable }) => unusable),
    unchanged: count(({ same, unusable }) => same && unusable),
  };
};
