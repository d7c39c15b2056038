/** A round's verification: what a stop leaves, and what a resumed round does. Real store, real QuickJS. */
import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Random from "../../src/random/Random.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import { passing, SafePoint, StopRequested } from "../../src/stages/SafePoint.ts";
import { verifyRound } from "../../src/stages/VerifyRound.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "../store/Fixture.ts";
import * as StageFixture from "./Fixture.ts";

const PROGRAMS = 8;
const LIMIT = 5;

const tasks = new Map(Array.from({ length: PROGRAMS }, (_, i) => [`t${i}`, StageFixture.task(i)]));

const decideWithin = Effect.fnUntraced(function* (most: number) {
  const store = yield* RunStore;
  const candidates = yield* store.candidates(0, 0);
  const slots = Random.make(7).shuffle(candidates.map(({ slot }) => slot));
  yield* verifyRound(tasks, candidates, { slots, most });
});
const decide = decideWithin(Number.POSITIVE_INFINITY);

/** A safe point that passes `n` times, and then fails; and a sandbox that counts. */
const services = (n: number, executed: Array<string>, gate: Effect.Effect<void> = Effect.void) => {
  let passes = 0;
  return Layer.mergeAll(
    Layer.succeed(
      SafePoint,
      passing(
        Effect.suspend(() =>
          ++passes > n ? Effect.fail(new StopRequested({ reason: "test" })) : Effect.void,
        ),
      ),
    ),
    Layer.effect(
      Sandbox,
      Effect.map(Sandbox, (inner) =>
        Sandbox.of({
          ...inner,
          verify: (task, program) =>
            Effect.sync(() => void executed.push(task.id)).pipe(
              Effect.andThen(gate),
              Effect.andThen(inner.verify(task, program)),
            ),
        }),
      ),
    ),
  );
};

const quickJs = Effect.provide(SandboxQuickJs.layer({ workers: 2 }));

const begin = StageFixture.begin({ programs: PROGRAMS, verifications: LIMIT });

const decisions = Effect.gen(function* () {
  const store = yield* RunStore;
  return (yield* store.candidates(0, 0)).map(({ decision }) => decision);
});

describe("verifying a round", () => {
  it.live("a stop waits for what is in a sandbox: its verification is spent, its verdict is kept", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const executed: Array<string> = [];
      const gate = yield* Deferred.make<void>();
      // Two programs are let in; one ends while the other is held until the stop was seen.
      const held = Effect.suspend(() => (executed.length === 2 ? Deferred.await(gate) : Effect.void));
      const error = yield* StageFixture.inStore(
        directory,
        Effect.gen(function* () {
          yield* begin;
          const layer = services(2, executed, held);
          const opened = Effect.gen(function* () {
            const { pass } = yield* SafePoint;
            const watched = pass.pipe(Effect.onError(() => Deferred.succeed(gate, undefined)));
            return yield* Effect.flip(decide.pipe(Effect.provideService(SafePoint, passing(watched))));
          });
          const stopped = yield* opened.pipe(Effect.provide(layer));
          const store = yield* RunStore;
          assert.deepStrictEqual(yield* store.budget("verifications"), {
            limit: LIMIT,
            spent: 2,
            reserved: 0,
          });
          return stopped;
        }),
      );
      assert.strictEqual(error._tag, "StopRequested");
      assert.strictEqual(executed.length, 2);
    }).pipe(quickJs, Effect.scoped),
  );

  it.live("a stage's own share ends before the run's budget; a resumed round counts what was paid", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const executed: Array<string> = [];
      const stopped = Effect.flip(decideWithin(3)).pipe(Effect.provide(services(2, executed)));
      yield* StageFixture.inStore(directory, begin.pipe(Effect.andThen(stopped)));
      const all = services(Number.POSITIVE_INFINITY, executed);
      const after = yield* StageFixture.inStore(
        directory,
        decideWithin(3).pipe(Effect.andThen(decisions), Effect.provide(all)),
      );
      assert.strictEqual(after.filter((decision) => decision === "verified").length, 3);
      assert.strictEqual(executed.length, 3);
    }).pipe(quickJs, Effect.scoped),
  );

  it.live("a resumed round gives the last of the budget to the same programs", () =>
    Effect.gen(function* () {
      const straight = yield* Fixture.temporary;
      const whole = yield* StageFixture.inStore(
        straight,
        begin.pipe(
          Effect.andThen(decide),
          Effect.andThen(decisions),
          Effect.provide(services(Number.POSITIVE_INFINITY, [])),
        ),
      );
      assert.strictEqual(whole.filter((decision) => decision === "verified").length, LIMIT);
      for (let stopAfter = 0; stopAfter < LIMIT; stopAfter++) {
        const directory = yield* Fixture.temporary;
        const executed: Array<string> = [];
        const first = services(stopAfter, executed);
        yield* StageFixture.inStore(
          directory,
          begin.pipe(Effect.andThen(Effect.flip(decide)), Effect.provide(first)),
        );
        const resumed = yield* StageFixture.inStore(
          directory,
          decide.pipe(
            Effect.andThen(decisions),
            Effect.provide(services(Number.POSITIVE_INFINITY, executed)),
          ),
        );
        assert.deepStrictEqual(resumed, whole, `stopped after ${stopAfter}`);
        assert.strictEqual(new Set(executed).size, executed.length);
        assert.strictEqual(executed.length, LIMIT);
      }
    }).pipe(quickJs, Effect.scoped),
  );

  it.live("a program whose verdict a crash lost is not paid for again through its repeat", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const executed: Array<string> = [];
      yield* StageFixture.inStore(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          yield* store.append(Fixture.started({ verifications: LIMIT, generated: 100 }));
          const reservation = yield* store.reserve({ generated: 2 });
          const one = { ...Fixture.candidate(0, 0), taskId: "t0", cacheKey: "same" };
          yield* store.addCandidates([one, { ...one, slot: 1 }], reservation);
          yield* store.reserveFor(0, 0, 0);
        }),
      );
      // The next process finds the reservation left open.
      const after = yield* StageFixture.inStore(
        directory,
        decide.pipe(Effect.andThen(decisions), Effect.provide(services(Number.POSITIVE_INFINITY, executed))),
      );
      assert.deepStrictEqual(after, ["pending", "unverified"]);
      assert.deepStrictEqual(executed, []);
    }).pipe(quickJs, Effect.scoped),
  );
});
