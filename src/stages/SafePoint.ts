/**
 * Safe points: the places where a stage may be paused or stopped without losing anything.
 *
 * A stage passes one between two steps, two batches of generation or two verifications.
 */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";

/** Someone asked the run to stop; it was left at a safe point and can be resumed. */
export class StopRequested extends Schema.TaggedError<StopRequested>()("StopRequested", {
  reason: Schema.String,
}) {}

export class SafePoint extends Context.Service<
  SafePoint,
  {
    /** Returns at once, waits while the run is paused, fails once a stop was asked for. */
    readonly pass: Effect.Effect<void, StopRequested>;
  }
>()("drydock/stages/SafePoint") {}
