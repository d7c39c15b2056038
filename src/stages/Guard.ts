/**
 * The guard of an online stage: pass@1 on the validation tasks after every round, and what to do about a drop.
 *
 * The policy that the stage began with is the first to beat: a first round that makes it worse is taken back too.
 */
import * as Effect from "effect/Effect";
import { type OnlineStage, temperatures } from "../config/RunConfig.ts";
import { meanPassAtK } from "../domain/PassAtK.ts";
import { RunStore } from "../store/RunStore.ts";
import { measure } from "./Evaluate.ts";
import type { Carried, RunContext } from "./RunContext.ts";
import * as ValidationLog from "./ValidationLog.ts";

/** The round of what was measured before the first one. */
const BEFORE = -1;

interface Within {
  readonly index: number;
  readonly stage: OnlineStage;
  readonly carried: Carried;
}

/** Pass@1 on the validation tasks, with its event; null where the stage has no guard. */
const passAt1 = Effect.fn("Guard.passAt1")(function* (
  context: RunContext,
  { index, stage, carried, round }: Within & { readonly round: number },
) {
  const store = yield* RunStore;
  const tasks = context.tasks.validation;
  if (stage.validation === null || tasks.length === 0) return null;
  const options = {
    tasks,
    samples: stage.validation.samples,
    temperature: temperatures(context.config.evaluation)[0],
    tilt: carried.tilt,
    purpose: "validation",
  };
  const measured = yield* measure(context, options);
  if (round === BEFORE) {
    yield* ValidationLog.write(context, ValidationLog.file(index, stage.label), { ...options, ...measured });
  }
  const { counts } = measured;
  const figure = meanPassAtK(counts, 1) ?? 0;
  yield* store.append({ _tag: "ValidationMeasured", index, round, passAt1: figure, tasks: counts.length });
  return figure;
});

/** Carried with the figure that the first round must not fall below, and the checkpoint to go back to if it does. */
export const baseline = Effect.fn("Guard.baseline")(function* (context: RunContext, within: Within) {
  const { carried, stage } = within;
  const checkpoint = carried.onlineStart[stage.label];
  const figure = yield* passAt1(context, { ...within, round: BEFORE });
  return figure === null || checkpoint === undefined
    ? carried
    : { ...carried, best: { passAt1: figure, checkpoint } };
});

/** Measures after a round; says which checkpoint to restore where the round made the policy worse. `id`: its own. */
export const check = Effect.fn("Guard.check")(function* (
  context: RunContext,
  within: Within & { readonly round: number; readonly id: string },
) {
  const store = yield* RunStore;
  const { index, stage, round, carried, id } = within;
  const figure = yield* passAt1(context, within);
  if (figure === null || stage.validation === null) return { carried, restore: null as string | null };
  const { best } = carried;
  if (best !== null && figure < best.passAt1 - stage.validation.maxDrop) {
    yield* store.append({
      _tag: "RolledBack",
      index,
      round,
      from: figure,
      to: best.passAt1,
      checkpoint: best.checkpoint,
    });
    return { carried, restore: best.checkpoint };
  }
  const better = best === null || figure >= best.passAt1;
  return {
    carried: better ? { ...carried, best: { passAt1: figure, checkpoint: id } } : carried,
    restore: null as string | null,
  };
});
