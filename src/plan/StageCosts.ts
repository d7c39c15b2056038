/** What the stages other than the online one take: counts of steps and programs, and the seconds of them. Pure. */
import { passes } from "../stages/Evaluate.ts";
import type { Evaluation, OfflineStage } from "../config/RunConfig.ts";
import type { Update } from "../stages/Updates.ts";
import * as Estimate from "./Estimate.ts";
import type { Speeds, Tilt } from "./Speeds.ts";

/** What a stage does, beside what it spends from the budget. */
export interface Cost {
  readonly work: Estimate.Work;
  /** Optimizer steps. */
  readonly steps: number;
  /** Programs written that no budget counts: those of evaluations, guards and tilts. */
  readonly programs: number;
  /** Checkpoints written. */
  readonly checkpoints: number;
}

export const nothing: Cost = { work: {}, steps: 0, programs: 0, checkpoints: 0 };

export const add = (...costs: ReadonlyArray<Cost>): Cost => ({
  work: Estimate.add(...costs.map(({ work }) => work)),
  steps: costs.reduce((sum, { steps }) => sum + steps, 0),
  programs: costs.reduce((sum, { programs }) => sum + programs, 0),
  checkpoints: costs.reduce((sum, { checkpoints }) => sum + checkpoints, 0),
});

/** Tasks of each split. */
export interface Tasks {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** What is known of the run and of the machine. */
export interface Known {
  readonly speeds: Speeds;
  readonly tasks: Tasks;
  /** Share of the programs that an evaluation has to run: the others repeat one of them. */
  readonly distinct: number;
}

/** Share of an evaluation's distinct programs that no earlier one of the run has run. */
const NEW = 0.6;

/** Programs written and judged. */
const measured = ({ speeds, distinct }: Known, programs: number, tilt: Tilt): Cost => ({
  ...nothing,
  work: Estimate.add(speeds.write(programs, tilt), speeds.verify(programs * distinct * NEW)),
  programs,
});

export const evaluation = (known: Known, settings: Evaluation, tilt: Tilt): Cost =>
  add(
    ...passes(settings).map(({ samples }) => {
      const programs = known.tasks.test * samples;
      const scored = settings.rerank && samples > 1 ? known.speeds.score(programs) : {};
      const cost = measured(known, programs, tilt);
      return { ...cost, work: Estimate.add(cost.work, scored) };
    }),
  );

/** One look of a guard at the validation tasks. */
export const guard = (known: Known, samples: number, tilt: Tilt): Cost => {
  const programs = known.tasks.validation * samples;
  const cost = measured(known, programs, tilt);
  return { ...cost, work: Estimate.add(cost.work, known.speeds.monitor(programs)) };
};

export const tilting = (known: Known, betas: ReadonlyArray<number>, samples: number): Cost => {
  const programs = known.tasks.validation * samples;
  const strengths = [...new Set([0, ...betas])];
  return add(...strengths.map((beta) => measured(known, programs, beta === 0 ? "no" : "yes")));
};

/** Optimizer steps of some updates. */
export const updates = (
  { speeds }: Known,
  made: ReadonlyArray<Pick<Update, "training" | "steps">>,
): Cost => ({
  ...nothing,
  work: Estimate.add(...made.map(({ training, steps }) => Estimate.times(speeds.step(training), steps))),
  steps: made.reduce((sum, { steps }) => sum + steps, 0),
});

export const offline = (known: Known, stage: OfflineStage, checkpointEvery: number, tilt: Tilt): Cost => {
  const { training, steps, also, validation } = stage;
  const trained = updates(known, [
    { training, steps },
    ...also.map((other) => ({ training: other.training, steps: other.steps * steps })),
  ]);
  const looks = validation === null ? 0 : Math.ceil(steps / validation.everySteps);
  // Before the first step, every so many, and after the last.
  const guards = Array.from({ length: validation === null ? 0 : looks + 1 }, () =>
    guard(known, validation?.samples ?? 0, tilt),
  );
  // Each look but the last writes a checkpoint, and so do the steps of `checkpointEvery`.
  const saved = Array.from({ length: steps - 1 }, (_, i) => i + 1).filter(
    (step) => (validation !== null && step % validation.everySteps === 0) || step % checkpointEvery === 0,
  ).length;
  return add(trained, ...guards, checkpoints(known, saved));
};

export const checkpoints = ({ speeds }: Known, count: number): Cost => ({
  ...nothing,
  work: Estimate.times(speeds.save, count),
  checkpoints: count,
});

/** The updates of online stages made again from where these started, an evaluation, and back. */
export const control = (
  known: Known,
  made: ReadonlyArray<Pick<Update, "training" | "steps">>,
  settings: Evaluation,
  tilt: Tilt,
): Cost =>
  add(updates(known, made), evaluation(known, settings, tilt), {
    ...nothing,
    work: Estimate.times(known.speeds.restore, 2),
  });
