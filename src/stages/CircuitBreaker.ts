/**
 * The circuit breaker: a run stops rather than going on with a sandbox that loses programs.
 *
 * Faults are never counted as wrong answers, but what is left after many of them is a biased sample.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";

/** Over this share of faults, and at least this many, the sandbox is taken to be broken. */
const SHARE = 0.2;
const AT_LEAST = 5;

export class TooManyFaults extends Schema.TaggedError<TooManyFaults>()("TooManyFaults", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

/** Whether what is left of some programs after these faults says little about them. Pure. */
export const tooMany = (faults: number, programs: number): boolean =>
  faults >= AT_LEAST && faults > SHARE * programs;

/** Fails where too many of the programs that went to a sandbox were lost. */
export const check = (faults: number, programs: number): Effect.Effect<void, TooManyFaults> =>
  tooMany(faults, programs)
    ? Effect.fail(
        new TooManyFaults({
          reason: `the sandbox failed on ${faults} of ${programs} programs; none of them was judged`,
          remedy:
            "run `drydock doctor` (is the Docker engine up, is memory or disk short?), then `drydock resume`",
        }),
      )
    : Effect.void;
