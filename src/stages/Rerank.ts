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
import * as Judges from "./Judges.ts";
import type { Scored } from "./Judges.ts";
import * as Monitors from "./Monitors.ts";
import type { RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";

/** pass@1 of the best-scored sample of each task; samples that tie for the best share it. */
export const bestOf = (samples: ReadonlyArray<Scored>): number => {
  const groups = Judges.byTask(samples);
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
  const values = Judges.tallies(samples).flatMap((tally) => Judges.auroc(tally) ?? []);
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
};

const figures = (samples: ReadonlyArray<Scored>) => ({ passAt1: bestOf(samples), auroc: auroc(samples) });

/**
 * Scores an evaluation's judged samples by every judge; `figures`: how the value of the prompt is calibrated, where
 * there are value heads. Null where nothing was judged.
 */
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
  const calibration = Monitors.ofScores(
    judged.map(({ program }) => program),
    judged.map(({ score }) => score),
  );
  if (judged.some(({ score }) => score.advantage === null)) {
    const rerank: Rerank = { logProb: figures(logProb), critic: null, both: null };
    return { rerank, figures: calibration };
  }
  const critic = scored((i) => judged[i].score.advantage ?? 0);
  const [a, b] = [Judges.ranks(critic), Judges.ranks(logProb)];
  const rerank: Rerank = {
    logProb: figures(logProb),
    critic: figures(critic),
    both: figures(scored((i) => a[i] + b[i])),
  };
  return { rerank, figures: calibration };
});
