/** What a selection strategy sees of the problems: counted from the offline data and from what the stage wrote. Pure. */
import type { Selection } from "../config/SelectionConfig.ts";
import * as Posterior from "../budget/selection/Posterior.ts";
import type { Problem, Settings } from "../budget/selection/Strategy.ts";
import type { Episode } from "../domain/Episode.ts";
import { mean } from "../domain/Numbers.ts";

interface Written {
  readonly taskId: string;
  readonly outcome: string | null;
  readonly policyVersion: number | null;
  readonly cpuSeconds: number | null;
}

export interface Seen {
  readonly taskIds: ReadonlyArray<string>;
  readonly offline: ReadonlyArray<Pick<Episode, "taskId" | "reward">>;
  /** Programs of earlier online stages and of this one, in order. */
  readonly earlier: ReadonlyArray<Written>;
  readonly history: ReadonlyArray<Written>;
  readonly policyVersion: number;
}

export const settingsOf = (selection: Selection): Settings => ({
  target: selection.target,
  band: [selection.restBelow, selection.restAbove],
  evidence: selection.restAfter,
  prior: selection.prior,
  ambiguity: selection.ambiguity,
  price: selection.price,
});

const grouped = <A extends { readonly taskId: string }>(
  items: ReadonlyArray<A>,
): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>();
  for (const item of items) {
    const group = groups.get(item.taskId);
    if (group === undefined) groups.set(item.taskId, [item]);
    else group.push(item);
  }
  return groups;
};

/** One for each task, by id, in the tasks' order. */
export const of = (seen: Seen, selection: Selection): ReadonlyMap<string, Problem> => {
  const offline = grouped(seen.offline);
  const earlier = grouped(seen.earlier);
  const history = grouped(seen.history);
  const seconds = [...seen.earlier, ...seen.history].flatMap(({ cpuSeconds }) => cpuSeconds ?? []);
  const usual = seconds.length === 0 ? 0 : mean(seconds);
  const options = { prior: selection.prior, decay: selection.decay, offline: selection.offlineWeight };
  return new Map(
    seen.taskIds.map((taskId): [string, Problem] => {
      const own = history.get(taskId) ?? [];
      const written = [...(earlier.get(taskId) ?? []), ...own];
      const observations: ReadonlyArray<Posterior.Observation> = [
        ...(offline.get(taskId) ?? []).flatMap(({ reward }) =>
          reward === null ? [] : [{ passed: reward === 1, policyVersion: null }],
        ),
        ...written.flatMap(({ outcome, policyVersion }) =>
          outcome === null ? [] : [{ passed: outcome === "Passed", policyVersion }],
        ),
      ];
      const costs = written.flatMap(({ cpuSeconds }) => cpuSeconds ?? []);
      return [
        taskId,
        {
          taskId,
          written: own.length,
          judged: own.filter(({ outcome }) => outcome !== null).length,
          solved: observations.some(({ passed }) => passed),
          failed: observations.some(({ passed }) => !passed),
          posterior: Posterior.of(observations, seen.policyVersion, options),
          cost: costs.length === 0 || usual === 0 ? 1 : mean(costs) / usual,
        },
      ];
    }),
  );
};
