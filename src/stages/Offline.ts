/** The offline stage: optimizer steps on the static dataset. It costs no sandbox run. */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import { RunStore } from "../store/RunStore.ts";
import { SafePoint } from "./SafePoint.ts";
import { learningRateAt, type Schedule } from "./Schedule.ts";

export interface OfflineSpec<E> {
  readonly index: number;
  readonly training: string;
  /** Trainings that go along: steps of each before every step of the stage's own. */
  readonly also: ReadonlyArray<{
    readonly training: string;
    readonly steps: number;
    readonly learningRate: number;
  }>;
  readonly steps: number;
  readonly schedule: Schedule;
  /** Units done before, when the stage is taken up again. */
  readonly from: number;
  readonly checkpointEvery: number;
  readonly checkpoint: (done: number) => Effect.Effect<void, E>;
}

/** Runs the remaining steps; each step's metrics are an event. */
export const run = Effect.fn("Offline.run")(function* <E>(spec: OfflineSpec<E>) {
  const compute = yield* Compute;
  const store = yield* RunStore;
  const safePoint = yield* SafePoint;
  for (let step = spec.from; step < spec.steps; step++) {
    // A stop keeps the steps made so far: the checkpoint is written before the run is left.
    yield* safePoint.pass.pipe(
      Effect.tapError(() => (step > spec.from ? spec.checkpoint(step) : Effect.void)),
    );
    for (const { training, steps, learningRate } of spec.also) {
      for (let i = 1; i <= steps; i++) {
        const values = yield* compute.trainStep({ training, learningRate, offlineFraction: 1 });
        yield* store.append({
          _tag: "Metrics",
          index: spec.index,
          training,
          step: step * steps + i,
          values,
        });
      }
    }
    const values = yield* compute.trainStep({
      training: spec.training,
      learningRate: learningRateAt(spec.schedule, step, spec.steps),
      offlineFraction: 1,
    });
    const done = step + 1;
    yield* store.append(
      { _tag: "Metrics", index: spec.index, training: spec.training, step: done, values },
      { _tag: "StageProgress", index: spec.index, done, total: spec.steps },
    );
    if (done % spec.checkpointEvery === 0 && done < spec.steps) yield* spec.checkpoint(done);
  }
});
