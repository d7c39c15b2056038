/**
 * The offline stage: optimizer steps on the static dataset. It costs no sandbox run, but where a guard watches it:
 * those of the validation programs, which no budget counts. What it takes is time: once that of the run is over, it
 * makes no further step.
 *
 * The guard (Guard.ts) measures before the first step, every so many steps and after the last one. A roll-back brings
 * weights, optimizers and samplers back, not the count of steps: the stage never makes more than it was asked for.
 */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import type { OfflineStage, RunConfig } from "../config/RunConfig.ts";
import * as Budget from "../domain/Budget.ts";
import { RunStore } from "../store/RunStore.ts";
import * as Guard from "./Guard.ts";
import type { Carried, RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";
import { learningRateAt } from "./Schedule.ts";
import * as Updates from "./Updates.ts";

export interface OfflineSpec<E> {
  readonly index: number;
  readonly stage: OfflineStage;
  /** Steps done before, when the stage is taken up again. */
  readonly from: number;
  readonly carried: Carried;
  readonly checkpointEvery: number;
  readonly checkpoint: (done: number, carried: Carried) => Effect.Effect<void, E>;
  readonly restore: (checkpoint: string) => Effect.Effect<void, E>;
}

/** The checkpoint of a stage after `step` of its `steps`. The last step's is that of the stage's end. */
export const checkpointOf = (index: number, step: number, steps: number): string =>
  step < steps ? `stage-${index}-step-${step}` : `stage-${index}-end`;

/** Figures of V on programs: of no interest where the stage trains no critic. */
const ofValue = { ece: null, brier: null, value_auroc: null };
/** What a critic that has learnt nothing yet is no measure of; a TD error that grows from there is one of harm. */
const ofLearnt = ["q_minus_return_offline", "cql_diff", "bound_rate", "ece", "brier", "value_auroc"] as const;

/** The stage as the guard sees it. */
const guarded = (config: RunConfig, index: number, stage: OfflineStage): Guard.Guarded => {
  const { label, monitors, validation } = stage;
  const updates = Updates.trainingsOf(stage).map((training) => ({ training }));
  const critic = updates.some(({ training }) => Updates.trainsCritic(config.trainings, training));
  return {
    label,
    validation,
    updates,
    monitors: critic ? monitors : { ...monitors, ...ofValue },
    unknownAtStart: Updates.criticBegun(config, index) ? [] : ofLearnt,
  };
};

/** Runs the remaining steps; each step's metrics are an event. Succeeds with what is carried on. */
export const run = Effect.fn("Offline.run")(function* <E>(context: RunContext, spec: OfflineSpec<E>) {
  const compute = yield* Compute;
  const store = yield* RunStore;
  const safePoint = yield* SafePoint;
  const { index, stage } = spec;
  const { steps, validation } = stage;
  const watched = guarded(context.config, index, stage);
  let carried = spec.carried;

  /** What fails or stops here keeps the steps made so far: the checkpoint is written before the run is left. */
  const keeping = <A, F, R>(step: number, body: Effect.Effect<A, F, R>) =>
    body.pipe(Effect.tapError(() => (step > spec.from ? spec.checkpoint(step, carried) : Effect.void)));

  const isDue = (step: number): boolean =>
    validation !== null &&
    step > carried.measuredAt &&
    (step % validation.everySteps === 0 || step === steps);

  /** Measures after `step`, does what the guard says, and writes the checkpoint that may be gone back to. */
  const measure = Effect.fnUntraced(function* (step: number, every: number) {
    const at = { index, round: Math.ceil(step / every) - 1, step };
    const id = checkpointOf(index, step, steps);
    const guard = yield* keeping(
      step,
      Guard.check(context, { at, stage: watched, carried, figures: {}, id }),
    );
    carried = { ...guard.carried, measuredAt: step };
    if (guard.restore !== null) yield* spec.restore(guard.restore);
    if (step < steps) yield* spec.checkpoint(step, carried);
  });

  if (validation !== null && carried.best === null) {
    const at = { index, round: Guard.BEFORE, step: 0 };
    const id = carried.offlineStart;
    carried = yield* Guard.baseline(context, { at, stage: watched, carried, figures: {}, id });
  }
  /** The unit that time used up, of the run: an offline stage has no budget of its own. */
  const timeIsUp = Effect.map(store.accounts(index), (all) => Budget.binding([all.run], {}));

  // A run that was stopped while it measured is taken up there.
  if (validation !== null && isDue(spec.from)) yield* measure(spec.from, validation.everySteps);
  for (let step = spec.from; step < steps && !carried.halted; step++) {
    yield* keeping(step, safePoint.pass);
    const unit = yield* timeIsUp;
    if (unit !== null) {
      yield* store.append({ _tag: "BudgetExhausted", index, unit });
      // What was trained since the last measurement is watched as at the end of the stage.
      if (validation !== null && step > carried.measuredAt) yield* measure(step, validation.everySteps);
      break;
    }
    for (const { training, steps: each, learningRate } of stage.also) {
      for (let i = 1; i <= each; i++) {
        const values = yield* compute.trainStep({
          training,
          learningRate: learningRate * carried.learningRateScale,
          offlineFraction: 1,
        });
        yield* store.append({ _tag: "Metrics", index, training, step: step * each + i, values });
      }
    }
    const rate = learningRateAt({ ...stage, kind: stage.schedule }, step, steps);
    const values = yield* compute.trainStep({
      training: stage.training,
      learningRate: rate * carried.learningRateScale,
      offlineFraction: 1,
    });
    const done = step + 1;
    yield* store.append(
      { _tag: "Metrics", index, training: stage.training, step: done, values },
      { _tag: "StageProgress", index, done, total: steps },
    );
    if (validation !== null && isDue(done)) yield* measure(done, validation.everySteps);
    else if (done % spec.checkpointEvery === 0 && done < steps) yield* spec.checkpoint(done, carried);
  }
  return carried;
});
