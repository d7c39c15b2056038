import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as TestClock from "effect/testing/TestClock";
import { SandboxFault } from "../../src/domain/Verdict.ts";
import * as SlotPool from "../../src/sandbox/docker/SlotPool.ts";

/** Slots that only count. */
const counting = (failing: { now: boolean } = { now: false }) => {
  let number = 0;
  const open = new Set<number>();
  const acquire = Effect.acquireRelease(
    Effect.suspend(() => {
      if (failing.now) return Effect.fail(new SandboxFault({ reason: "no slot" }));
      number += 1;
      open.add(number);
      let runs = 0;
      return Effect.map(Deferred.make<void>(), (gone) => ({
        number,
        runs: () => runs,
        ran: () => void (runs += 1),
        die: Deferred.succeed(gone, undefined),
        lost: Deferred.await(gone),
      }));
    }),
    (slot) => Effect.sync(() => void open.delete(slot.number)),
  );
  return { acquire, open };
};
type Counted = Effect.Success<ReturnType<typeof counting>["acquire"]>;

const never = () => false;
const run = (slot: Counted) => Effect.sync(() => (slot.ran(), slot.number));
/** Lets the seats do what they can. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true });

describe("SlotPool", () => {
  it.effect("keeps a spare, and no more busy than its size", () =>
    Effect.gen(function* () {
      const { acquire, open } = counting();
      const pool = yield* SlotPool.make({ open: acquire, size: 2, runsPerSlot: 10 });
      const gate = yield* Deferred.make<void>();
      const runs = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4], () => pool.use(() => Deferred.await(gate), never), {
          concurrency: "unbounded",
        }),
      );
      yield* settle;
      assert.include(pool.figures(), { busy: 2, idle: 1, queued: 2, opening: 0, opened: 3 });
      yield* Deferred.succeed(gate, undefined);
      yield* Fiber.join(runs);
      assert.include(pool.figures(), { busy: 0, idle: 3, queued: 0, recycled: 0 });
      assert.strictEqual(open.size, 3);
    }).pipe(Effect.scoped),
  );

  it.effect("replaces a slot after its runs, one at a time", () =>
    Effect.gen(function* () {
      const { acquire, open } = counting();
      const pool = yield* SlotPool.make({ open: acquire, size: 1, runsPerSlot: 3 });
      const seen: Array<number> = [];
      for (let i = 0; i < 12; i++) {
        seen.push(yield* pool.use(run, never));
        yield* settle;
      }
      assert.isAtMost(Math.max(...seen.map((n) => seen.filter((m) => m === n).length)), 3);
      assert.isAtLeast(pool.figures().recycled, 2);
      assert.strictEqual(open.size, 2);
    }).pipe(Effect.scoped),
  );

  it.effect("replaces a slot that was left odd or interrupted, and one that died unused", () =>
    Effect.gen(function* () {
      const { acquire } = counting();
      const pool = yield* SlotPool.make({ open: acquire, size: 1, spare: 0, runsPerSlot: 10 });
      const first = yield* pool.use(run, () => true);
      const held = yield* Effect.forkChild(pool.use(() => Effect.never, Exit.isFailure));
      yield* settle;
      yield* Fiber.interrupt(held);
      // Dies at the end of a run that went well.
      const third = yield* pool.use(
        (slot) => Effect.as(Effect.andThen(slot.die, settle), slot.number),
        never,
      );
      const fourth = yield* pool.use((slot) => Effect.succeed(slot), never);
      yield* fourth.die;
      yield* settle;
      const fifth = yield* pool.use(run, never);
      assert.deepStrictEqual([first, third, fourth.number, fifth], [1, 3, 4, 5]);
    }).pipe(Effect.scoped),
  );

  it.effect("hears of a defect too, rather than wait for ever; and replaces the only slot for its age", () =>
    Effect.gen(function* () {
      const broken = yield* SlotPool.make({ open: Effect.die("broken"), size: 1, runsPerSlot: 1 });
      assert.strictEqual((yield* Effect.exit(broken.use(Effect.succeed, never)))._tag, "Failure");
      const { acquire } = counting();
      const single = yield* SlotPool.make({ open: acquire, size: 1, spare: 0, runsPerSlot: 2 });
      const seen = yield* Effect.forEach([1, 2, 3, 4, 5], () => single.use(run, never));
      assert.deepStrictEqual(seen, [1, 1, 2, 2, 3]);
    }).pipe(Effect.scoped),
  );

  it.effect("a request that is given up leaves the queue", () =>
    Effect.gen(function* () {
      const { acquire } = counting();
      const pool = yield* SlotPool.make({ open: acquire, size: 1, runsPerSlot: 10 });
      const gate = yield* Deferred.make<void>();
      const busy = yield* Effect.forkChild(pool.use(() => Deferred.await(gate), never));
      yield* settle;
      const waiting = yield* Effect.forkChild(pool.use(run, never));
      yield* settle;
      assert.strictEqual(pool.figures().queued, 1);
      yield* Fiber.interrupt(waiting);
      assert.strictEqual(pool.figures().queued, 0);
      yield* Deferred.succeed(gate, undefined);
      yield* Fiber.join(busy);
      assert.include(pool.figures(), { busy: 0, idle: 2 });
    }).pipe(Effect.scoped),
  );

  it.effect("where no slot can be opened, requests fail; the ones that live go on, whatever their age", () =>
    Effect.gen(function* () {
      const failing = { now: true };
      const { acquire } = counting(failing);
      const pool = yield* SlotPool.make({ open: acquire, size: 1, runsPerSlot: 1000 });
      const fault = yield* Effect.flip(pool.use(run, never));
      assert.strictEqual(fault.reason, "no slot");
      failing.now = false;
      yield* TestClock.adjust("3 seconds");
      assert.strictEqual(pool.figures().idle, 2);

      const old = yield* SlotPool.make({ open: acquire, size: 1, runsPerSlot: 2 });
      yield* settle;
      failing.now = true;
      const seen = new Set<number>();
      for (let i = 0; i < 20; i++) {
        seen.add(yield* old.use(run, never));
        yield* settle;
      }
      // One was given up for its age; the other one stays.
      assert.include(old.figures(), { idle: 1, opened: 2 });
      assert.strictEqual(seen.size, 2);
    }).pipe(Effect.scoped),
  );
});
