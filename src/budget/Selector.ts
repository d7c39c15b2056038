/**
 * The selector: which of a round's programs are worth a verification, best first.
 *
 * `breadth`: one program for each problem that is not solved yet (those tried least first), then second programs
 * and so on (retries), then programs for solved problems. `random`: any order. A program's exact repeats come after
 * everything else: one verdict answers them all. Those that the budget does not reach stay unverified, which is not
 * a failure. Pure: the same query and generator give the same order.
 */
import type { Random } from "../random/Random.ts";

export interface Choosable {
  readonly taskId: string;
  /** Equal for exact repeats. */
  readonly cacheKey: string;
}

export interface Query<A extends Choosable> {
  readonly strategy: "breadth" | "random";
  readonly candidates: ReadonlyArray<A>;
  readonly solved: ReadonlySet<string>;
  /** Verifications spent on a task so far; absent: none. */
  readonly attempts: ReadonlyMap<string, number>;
  readonly random: Random;
}

/** All candidates, in the order in which they should be verified. */
export const order = <A extends Choosable>(query: Query<A>): ReadonlyArray<A> => {
  const shuffled = query.random.shuffle(query.candidates);
  const seen = new Set<string>();
  const turns = new Map<string, number>();
  const ranked = shuffled.map((candidate) => {
    const { taskId, cacheKey } = candidate;
    const repeat = seen.has(cacheKey);
    seen.add(cacheKey);
    const turn = turns.get(taskId) ?? 0;
    if (!repeat) turns.set(taskId, turn + 1);
    const rank =
      query.strategy === "random"
        ? [repeat ? 1 : 0]
        : [repeat ? 1 : 0, query.solved.has(taskId) ? 1 : 0, turn, query.attempts.get(taskId) ?? 0];
    return { candidate, rank };
  });
  return ranked
    .sort((a, b) => {
      const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
      return at === -1 ? 0 : a.rank[at] - b.rank[at];
    })
    .map(({ candidate }) => candidate);
};
