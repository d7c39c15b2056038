/**
 * The control of an online stage, or of several that follow each other: the updates that were made, from the same start, with no new data.
 *
 * What online learning gains over this is what the verifications bought.
 */
import * as Effect from "effect/Effect";
import type { ControlStage } from "../config/StageConfig.ts";
import { RunStore } from "../store/RunStore.ts";
import type { Carried } from "./RunContext.ts";
import * as Updates from "./Updates.ts";

export interface ControlSpec {
  readonly index: number;
  /** What the online stage did, round by round. */
  readonly rounds: ReadonlyArray<Updates.Round>;
}

/** What the online stages that a control repeats did. */
export const roundsOf = (stage: ControlStage, carried: Carried): ReadonlyArray<Updates.Round> =>
  [stage.of].flat().flatMap((label) => carried.onlineUpdates[label] ?? []);

/** Steps that the control makes. */
export const stepCount = (rounds: ReadonlyArray<Updates.Round>): number => Updates.stepCount(rounds.flat());

/** Repeats the updates on offline data alone. */
export const run = Effect.fn("Control.run")(function* ({ index, rounds }: ControlSpec) {
  const store = yield* RunStore;
  const total = stepCount(rounds);
  for (const [round, updates] of rounds.entries()) {
    yield* Updates.run({ index, updates, offlineFraction: 1, before: rounds.slice(0, round) });
    const done = stepCount(rounds.slice(0, round + 1));
    yield* store.append({ _tag: "StageProgress", index, done, total });
  }
});
