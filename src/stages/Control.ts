/**
 * The control of an online stage: the same number of updates from the same start, with no new data.
 *
 * What online learning gains over this is what the verifications bought.
 */
import * as Effect from "effect/Effect";
import type { OnlineStage } from "../config/RunConfig.ts";
import { RunStore } from "../store/RunStore.ts";
import { update } from "./Online.ts";

export interface ControlSpec {
  readonly index: number;
  readonly of: OnlineStage;
  readonly rounds: number;
}

/** Steps that the control makes. */
export const stepCount = (of: OnlineStage, rounds: number): number =>
  rounds * of.updates.reduce((sum, { steps }) => sum + steps, 0);

/** Repeats the updates on offline data alone. */
export const run = Effect.fn("Control.run")(function* (spec: ControlSpec) {
  const store = yield* RunStore;
  const total = stepCount(spec.of, spec.rounds);
  const perRound = stepCount(spec.of, 1);
  for (let round = 0; round < spec.rounds; round++) {
    yield* update({ index: spec.index, stage: spec.of, round, offlineFraction: 1 });
    yield* store.append({ _tag: "StageProgress", index: spec.index, done: (round + 1) * perRound, total });
  }
});
