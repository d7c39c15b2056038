/**
 * Reranking: which of a task's samples a judge would choose, and how well it tells passes from failures.
 *
 * Judges: the critic's program score, sum_t min(0, Q(s_t, a_t) - E_pi Q(s_t, .)); the policy's own log-prob,
 * the judge to beat; and both, by the sum of their ranks. A critic selects nothing until it beats the log-prob.
 */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import type { Rerank } from "../domain/RunEvent.ts";
import type { Task } from "../domain/Task.ts";
import type { EvaluatedProgram } from "./Evaluate.ts";
import type { RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";

/** A judged sample with a judge's score; higher is better. */
export interface Scored {
  readonly taskId: string;
  readonly passed: boolean;
  readonly score: number;
}

const byTask = <A extends { readonly taskId: string }>(items: ReadonlyArray<A>): ReadonlyArray<Array<A>> => {
  const groups = new Map<string, Array<A>>();
  for (const item of items) {
    const group = groups.get(item.taskId);
    if (group === undefined) groups.set(item.taskId, [item]);
    else group.push(item);
  }
  return [...groups.values()];
};

/** pass@1 of the best-scored sample of each task; samples that tie for the best share it. */
export const bestOf = (samples: ReadonlyArray<Scored>): number => {
  const groups = byTask(samples);
  const values = groups.map((group) => {
    const top = Math.max(...group.map(({ score }) => score));
    const best = group.filter(({ score }) => score === top);
    return best.filter(({ passed }) => passed).length / best.length;
  });
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
};

/**
 * Area under the ROC curve within a task, mean over the tasks that have both a pass and a failure: the
 * probability that a pass scores above a failure, ties counting half. Null where no task has both.
 */
export const auroc = (samples: ReadonlyArray<Scored>): number | null => {
  const values: Array<number> = [];
  for (const group of byTask(samples)) {
    const passes = group.filter(({ passed }) => passed);
    const failures = group.filter(({ passed }) => !passed);
    if (passes.length === 0 || failures.length === 0) continue;
    let above = 0;
    for (const p of passes)
      for (const f of failures) above += p.score > f.score ? 1 : p.score === f.score ? 0.5 : 0;
    values.push(above / (passes.length * failures.length));
  }
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
};

/** Rank of each score among those of its task, from 0; equal scores share the lower rank. */
export const ranks = (samples: ReadonlyArray<Scored>): ReadonlyArray<number> => {
  const sorted = new Map(
    byTask(samples).map((group) => [group[0]?.taskId, group.map(({ score }) => score).sort((a, b) => a - b)]),
  );
  return samples.map(({ taskId, score }) => sorted.get(taskId)?.indexOf(score) ?? 0);
};

const figures = (samples: ReadonlyArray<Scored>) => ({ passAt1: bestOf(samples), auroc: auroc(samples) });

/** Scores an evaluation's judged samples by every judge. Null where nothing was judged. */
export const run = Effect.fn("Rerank.run")(function* (
  context: RunContext,
  tasks: ReadonlyArray<Task>,
  programs: ReadonlyArray<EvaluatedProgram>,
  prompt: (task: Task) => string,
) {
  const compute = yield* Compute;
  const safePoint = yield* SafePoint;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const candidates = programs.flatMap((program) => {
    const task = byId.get(program.taskId);
    return task === undefined || program.outcome === null ? [] : [{ program, task }];
  });
  yield* safePoint.pass;
  const answers = yield* compute.score(
    candidates.map(({ program, task }) => ({
      prompt: prompt(task),
      program: context.completion(program.program),
    })),
  );
  const judged = candidates.flatMap(({ program }, i) => {
    const score = answers[i];
    return score === null ? [] : [{ program, score }];
  });
  if (judged.length === 0) return null;
  const scored = (score: (i: number) => number): ReadonlyArray<Scored> =>
    judged.map(({ program }, i) => ({
      taskId: program.taskId,
      passed: program.outcome === "Passed",
      score: score(i),
    }));
  const logProb = scored((i) => judged[i].score.logProb);
  if (judged.some(({ score }) => score.advantage === null)) {
    return { logProb: figures(logProb), critic: null, both: null } satisfies Rerank;
  }
  const critic = scored((i) => judged[i].score.advantage ?? 0);
  const [a, b] = [ranks(critic), ranks(logProb)];
  return {
    logProb: figures(logProb),
    critic: figures(critic),
    both: figures(scored((i) => a[i] + b[i])),
  } satisfies Rerank;
});
