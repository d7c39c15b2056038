/**
 * Ctrl-C and SIGTERM: a command that has something to finish first says what to do at the first signal;
 * the second one ends the process the hard way (an interruption, which still runs finalisers).
 */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";

type Handler = () => void;
const handlers: Array<Handler> = [];

/** Called by main at each signal; true where a command took it. */
export const deliver = (): boolean => {
  const handler = handlers.pop();
  handler?.();
  return handler !== undefined;
};

/** Runs `effect` at the first signal within the scope, in place of an interruption. */
export const onFirst = <R>(
  effect: Effect.Effect<void, never, R>,
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<R>());
    const handler: Handler = () => void run(effect);
    yield* Effect.acquireRelease(
      Effect.sync(() => void handlers.push(handler)),
      () =>
        Effect.sync(() => {
          const at = handlers.indexOf(handler);
          if (at >= 0) handlers.splice(at, 1);
        }),
    );
  });
