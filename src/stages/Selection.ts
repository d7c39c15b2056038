/**
 * Which problems the policy writes programs for, and which programs are verified first.
 *
 * Pure functions; the stage asks them once a round.
 */
import type { Task } from "../domain/Task.ts";
import type { Random } from "../random/Random.ts";

export interface ProblemQuery {
  readonly tasks: ReadonlyArray<Task>;
  /** What was written in this stage so far. */
  readonly history: ReadonlyArray<{ readonly taskId: string; readonly outcome: string | null }>;
  /** Tasks that had a passing program before this stage. */
  readonly solvedBefore: ReadonlySet<string>;
  readonly strategy: "breadth" | "random";
  readonly count: number;
  readonly random: Random;
}

/**
 * The problems of a round, distinct. `breadth`: those without a passing program, fewest tries first;
 * solved ones only when none is left. `random`: any.
 */
export const problems = (query: ProblemQuery): ReadonlyArray<Task> => {
  const shuffled = query.random.shuffle(query.tasks);
  if (query.strategy === "random") return shuffled.slice(0, query.count);
  const tries = new Map<string, number>();
  const solved = new Set(query.solvedBefore);
  for (const { taskId, outcome } of query.history) {
    tries.set(taskId, (tries.get(taskId) ?? 0) + 1);
    if (outcome === "Passed") solved.add(taskId);
  }
  const rank = (task: Task): number => (solved.has(task.id) ? 1e9 : 0) + (tries.get(task.id) ?? 0);
  return shuffled
    .map((task) => ({ task, rank: rank(task) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, query.count)
    .map(({ task }) => task);
};
