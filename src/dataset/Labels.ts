/** Which labels of a dataset a run may know: a budget on the labels that were paid for before it. */
import type { Attempt } from "../domain/Attempt.ts";
import * as Random from "../random/Random.ts";

export interface Cap {
  /** Labelled attempts at most; left out: all of them. */
  readonly labels?: number;
  /** Problems in an order that is the same for every seed of a run; false: in that of the attempts. */
  readonly shuffle: boolean;
}

/**
 * The attempts without the labelled ones beyond the cap. Problems come one after another, each with all its
 * labelled attempts, so that what tells passes from failures of one problem stays together; the last one gives
 * its first attempts, as many as are left. Hence exactly `labels` of them where there are as many, and those of a
 * smaller cap are among those of a larger one. Unlabelled attempts stay, and so does the order.
 */
export const take = <A extends Pick<Attempt, "taskId" | "outcome">>(
  attempts: ReadonlyArray<A>,
  { labels, shuffle }: Cap,
): ReadonlyArray<A> => {
  if (labels === undefined) return attempts;
  const labelled = attempts.filter(({ outcome }) => outcome !== undefined);
  const ids = [...new Set(labelled.map(({ taskId }) => taskId))];
  // Not from the run's seed: seeds can only be compared on the same labels.
  const order = shuffle ? Random.make(0).split("limit/labels").shuffle(ids) : ids;
  const place = new Map(order.map((id, i) => [id, i]));
  const byTask = labelled.sort((a, b) => (place.get(a.taskId) ?? 0) - (place.get(b.taskId) ?? 0));
  const kept = new Set(byTask.slice(0, labels));
  return attempts.filter((attempt) => attempt.outcome === undefined || kept.has(attempt));
};
