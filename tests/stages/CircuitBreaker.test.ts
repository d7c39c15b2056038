import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as CircuitBreaker from "../../src/stages/CircuitBreaker.ts";

const trips = (faults: number, programs: number) =>
  CircuitBreaker.check(faults, programs).pipe(
    Effect.as(false),
    Effect.orElseSucceed(() => true),
  );

describe("the circuit breaker", () => {
  it.effect("trips above a fifth of faults, not on a few", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* trips(0, 0));
      assert.isFalse(yield* trips(4, 4));
      assert.isFalse(yield* trips(20, 100));
      assert.isTrue(yield* trips(21, 100));
    }),
  );
});
