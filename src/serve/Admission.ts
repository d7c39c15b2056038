/** How many choices may be under way or waiting: what is beyond that is turned away at once. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as ApiError from "./ApiError.ts";

export interface Admission {
  /** Places for a request's choices, given back when its scope closes. */
  readonly take: (choices: number) => Effect.Effect<void, ApiError.ApiError, Scope.Scope>;
  /** Choices under way or waiting. */
  readonly taken: () => number;
}

export const make = (capacity: number): Admission => {
  let taken = 0;
  return {
    take: (choices) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          if (choices > capacity) {
            const message = `The request asks for ${choices} choices (n for each prompt); this server takes up to ${capacity} at once.`;
            return Effect.fail(ApiError.invalid(message, "n", "invalid_value"));
          }
          if (taken + choices > capacity) {
            const message = `The queue is full: ${taken} of ${capacity} choices are under way or waiting. Try again soon.`;
            return Effect.fail(ApiError.overloaded(message));
          }
          taken += choices;
          return Effect.void;
        }),
        () =>
          Effect.sync(() => {
            taken -= choices;
          }),
      ),
    taken: () => taken,
  };
};
