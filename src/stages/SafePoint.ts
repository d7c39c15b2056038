/**
 * Safe points: the places where a stage may be paused or stopped without losing anything.
 *
 * A stage passes one between two steps, two batches of generation or two verifications.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
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
    /** Passes a safe point and then reserves; a command that was carried out before is never reserved against. */
    readonly reserving: <A, E, R>(reserve: Effect.Effect<A, E, R>) => Effect.Effect<A, E | StopRequested, R>;
  }
>()("drydock/stages/SafePoint") {}

/** A safe point where no command can come between passing it and what follows. */
export const passing = (pass: Effect.Effect<void, StopRequested>): SafePoint["Service"] => ({
  pass,
  reserving: (reserve) => Effect.andThen(pass, reserve),
});
