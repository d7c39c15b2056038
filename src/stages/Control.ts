/**
 * The control of an online stage: the updates that it made, from the same start, with no new data.
 *
 * What online learning gains over this is what the verifications bought.
 */
import * as Effect from "effect/Effect";
import { RunStore } from "../store/RunStore.ts";
import * as Updates from "./Updates.ts";

export interface ControlSpec {
  readonly index: number;
  /** What the online stage did, round by round. */
  readonly rounds: ReadonlyArray<Updates.Round>;
}

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
