/**
 * The updates of a round: which trainings are stepped, how often and at what rate, and the steps themselves.
 *
 * In the warm-up the policy is frozen and only critics are stepped, so that they know the policy's own programs
 * before it follows them (WSRL, arXiv 2412.07762; ArCHer, arXiv 2402.19446).
 */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import { type OnlineStage, type RunConfig, type Stage, valueAlgorithms } from "../config/RunConfig.ts";
import { RunStore } from "../store/RunStore.ts";
import { SafePoint } from "./SafePoint.ts";

/** Optimizer steps of one training. */
export interface Update {
  readonly training: string;
  readonly steps: number;
  readonly learningRate: number;
}

/** A round's updates, in order. */
export type Round = ReadonlyArray<Update>;

type Trainings = RunConfig["trainings"];

export const trainsCritic = (trainings: Trainings, training: string): boolean =>
  valueAlgorithms.has(trainings[training].algorithm);

/** The trainings that a stage steps. */
export const trainingsOf = (stage: Stage): ReadonlyArray<string> => {
  if (stage.kind === "offline") return [stage.training, ...stage.also.map(({ training }) => training)];
  return stage.kind === "online" ? stage.updates.map(({ training }) => training) : [];
};

/** Whether a training of value heads is stepped by the first `count` stages. */
export const criticBegun = ({ stages, trainings }: RunConfig, count: number): boolean =>
  stages
    .slice(0, count)
    .flatMap(trainingsOf)
    .some((training) => trainsCritic(trainings, training));

/** Whether any of some updates moved the policy. */
export const movesPolicy = (trainings: Trainings, updates: Round): boolean =>
  updates.some(({ training }) => !trainsCritic(trainings, training));

export const stepCount = (updates: Round): number => updates.reduce((sum, { steps }) => sum + steps, 0);

/** Share of offline data in a round's batches: where it starts, and after the warm-up linearly to where it ends. */
export const offlineFraction = (
  stage: Pick<OnlineStage, "offlineFraction" | "offlineFractionAnneal" | "warmupRounds">,
  round: number,
): number => {
  const { offlineFraction: start, offlineFractionAnneal: anneal, warmupRounds } = stage;
  if (anneal === null) return start;
  const gone = Math.min(1, Math.max(0, round - warmupRounds) / anneal.rounds);
  return start + gone * (anneal.to - start);
};

/** What a round does that brought `fresh` new episodes. */
export const plan = (spec: {
  readonly trainings: Trainings;
  readonly stage: OnlineStage;
  readonly round: number;
  readonly fresh: number;
  /** What alarms changed: a factor of the learning rates, and more offline data. */
  readonly carried: { readonly learningRateScale: number; readonly offlineRaise: number };
}): { readonly updates: Round; readonly offlineFraction: number } => {
  const { trainings, stage, round, fresh, carried } = spec;
  const frozen = round < stage.warmupRounds;
  const updates = stage.updates
    .filter(({ training }) => !frozen || trainsCritic(trainings, training))
    .map(({ training, steps, updateToData = 0, learningRate }) => ({
      training,
      steps: steps ?? stepsFor(fresh, updateToData, trainings[training].batchSize),
      learningRate: learningRate * carried.learningRateScale,
    }));
  return {
    updates,
    offlineFraction: Math.min(1, offlineFraction(stage, round) + carried.offlineRaise),
  };
};

const stepsFor = (fresh: number, updateToData: number, batchSize: number): number =>
  fresh === 0 ? 0 : Math.max(1, Math.round((updateToData * fresh) / batchSize));

/** Steps of a training in earlier rounds. */
const stepsBefore = (before: ReadonlyArray<Round>, training: string): number =>
  stepCount(before.flat().filter((update) => update.training === training));

/**
 * Makes a round's updates; succeeds with those that were made. A training that finds nothing to learn from (no pass
 * yet, no group with both outcomes) is left out of the round, and its steps are logged as `skipped`.
 */
export const run = Effect.fn("Updates.run")(function* (spec: {
  readonly index: number;
  readonly updates: Round;
  readonly offlineFraction: number;
  /** Updates of the stage's earlier rounds. */
  readonly before: ReadonlyArray<Round>;
}) {
  const store = yield* RunStore;
  const compute = yield* Compute;
  const safePoint = yield* SafePoint;
  const made: Array<Update> = [];
  for (const { training, steps, learningRate } of spec.updates) {
    const first = stepsBefore([...spec.before, made], training) + 1;
    let done = 0;
    while (done < steps) {
      yield* safePoint.pass;
      const values = yield* compute.trainStep({
        training,
        learningRate,
        offlineFraction: spec.offlineFraction,
        ifEmpty: "skip",
      });
      const skipped = values["skipped"] !== undefined;
      yield* store.append({
        _tag: "Metrics",
        index: spec.index,
        training,
        step: first + done,
        values: skipped ? { skipped: steps - done } : values,
      });
      if (skipped) break;
      done++;
    }
    if (done > 0) made.push({ training, steps: done, learningRate });
  }
  return made;
});
