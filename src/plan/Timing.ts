/** How long things take: once, or several times until enough is known. */
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";

/** Seconds after which a part is not repeated any more, and repetitions at the most. */
const ENOUGH = 1.5;
const MOST = 8;
/** Its result, and the seconds that it took. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([took, value]) => ({ value, seconds: Duration.toSeconds(took) }));

/** Seconds of each repetition. */
export const repeated = Effect.fnUntraced(function* <E, R>(
  effect: () => Effect.Effect<unknown, E, R>,
  least = 1,
) {
  const seconds: Array<number> = [];
  for (let spent = 0; seconds.length < least || (spent < ENOUGH && seconds.length < MOST); ) {
    const took = yield* timed(Effect.suspend(effect));
    seconds.push(took.seconds);
    spent += took.seconds;
  }
  return seconds;
});

/** The same without the first time, in which a graph is prepared. */
export const warmed = <E, R>(effect: () => Effect.Effect<unknown, E, R>) =>
  Effect.map(repeated(effect, 2), (seconds) => seconds.slice(1));
