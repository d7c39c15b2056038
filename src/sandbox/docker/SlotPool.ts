/**
 * Warm slots, and one spare beyond those that may be busy: whatever happens to a slot, its replacement is there already
 * while a new one is opened in the background.
 *
 * Each slot has a seat: a fiber that opens it, waits until it is spent or lost, closes it and begins again.
 */
import * as Cause from "effect/Cause";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import type * as Exit from "effect/Exit";
import type * as Scope from "effect/Scope";

/** What the pool must know of a slot. */
export interface Pooled {
  readonly runs: () => number;
  readonly lost: Effect.Effect<void>;
}

export interface Options<S, E> {
  /** Opens a slot for the scope; retries by itself. */
  readonly open: Effect.Effect<S, E, Scope.Scope>;
  /** Slots that may be busy at once. */
  readonly size: number;
  /** Slots beyond those, kept warm. Default 1. */
  readonly spare?: number;
  /** Runs after which a slot is replaced. */
  readonly runsPerSlot: number;
}

export interface Figures {
  /** Requests that wait for a slot. */
  readonly queued: number;
  readonly busy: number;
  readonly idle: number;
  readonly opening: number;
  /** Slots opened so far, and those of them that replace another. */
  readonly opened: number;
  readonly recycled: number;
}

export interface SlotPool<S, E> {
  /** Runs `use` on a slot of its own. `odd`: whether its end leaves a slot that no other program may have. */
  readonly use: <A, F>(
    use: (slot: S) => Effect.Effect<A, F>,
    odd: (exit: Exit.Exit<A, F>) => boolean,
  ) => Effect.Effect<A, E | F>;
  readonly figures: () => Figures;
}

interface Held<S> {
  readonly slot: S;
  readonly spent: Deferred.Deferred<void>;
  /** Its seat has turned to the next one. */
  gone: boolean;
}

/** How long a seat rests after it could not open its slot. */
const REST = "2 seconds";

/** The pool; its slots close with the scope. */
export const make = Effect.fnUntraced(function* <S extends Pooled, E>({
  open,
  size,
  spare = 1,
  runsPerSlot,
}: Options<S, E>): Effect.fn.Return<SlotPool<S, E>, never, Scope.Scope> {
  const idle: Array<Held<S>> = [];
  const waiting: Array<Deferred.Deferred<Held<S>, E>> = [];
  const seats = size + spare;
  let [busy, opening, opened] = [0, 0, 0];

  /** Hands idle slots to those who wait, as long as no more than `size` are busy. */
  const match = (): void => {
    while (busy < size && idle.length > 0) {
      const waiter = waiting.shift();
      if (waiter === undefined) return;
      busy += 1;
      // The one that was busy last: a spare stays young until it is needed.
      Deferred.doneUnsafe(waiter, Effect.succeed(idle.pop() as Held<S>));
    }
  };

  const seat = Effect.gen(function* () {
    opening += 1;
    const slot = yield* Effect.ensuring(
      open,
      Effect.sync(() => void (opening -= 1)),
    );
    opened += 1;
    const held: Held<S> = { slot, spent: yield* Deferred.make<void>(), gone: false };
    idle.push(held);
    match();
    yield* Effect.raceFirst(Deferred.await(held.spent), slot.lost);
    held.gone = true;
    const at = idle.indexOf(held);
    if (at >= 0) idle.splice(at, 1);
  }).pipe(
    Effect.scoped,
    // A defect too: a seat that were given up would leave its requests waiting for ever.
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause);
      // With other slots at work nobody need hear of it: they go on, and no more of them are given up for their age.
      if (busy + idle.length === 0) {
        for (const waiter of waiting.splice(0)) Deferred.doneUnsafe(waiter, Effect.failCause(cause));
      }
      return Effect.sleep(REST);
    }),
    Effect.forever,
  );

  const giveBack = (held: Held<S>, odd: boolean): void => {
    busy -= 1;
    const due = held.slot.runs() >= runsPerSlot;
    // Old slots go one at a time, and only while new ones can be had; one run a slot is a rule that knows no such ease.
    const others = runsPerSlot === 1 || spare === 0 || (opening === 0 && idle.length > 0);
    if (held.gone || odd || (due && others)) Deferred.doneUnsafe(held.spent, Effect.void);
    else idle.push(held);
    match();
  };

  const take = (restore: <A, F>(effect: Effect.Effect<A, F>) => Effect.Effect<A, F>) =>
    Effect.suspend(() => {
      const waiter = Deferred.makeUnsafe<Held<S>, E>();
      waiting.push(waiter);
      match();
      return Effect.onInterrupt(restore(Deferred.await(waiter)), () =>
        Effect.suspend(() => {
          const at = waiting.indexOf(waiter);
          if (at >= 0) {
            waiting.splice(at, 1);
            return Effect.void;
          }
          // Handed over in the same moment.
          return Effect.ignore(Effect.map(Deferred.await(waiter), (held) => giveBack(held, false)));
        }),
      );
    });

  const use: SlotPool<S, E>["use"] = (run, odd) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(take(restore), (held) =>
        Effect.onExit(restore(run(held.slot)), (exit) => Effect.sync(() => giveBack(held, odd(exit)))),
      ),
    );

  for (let i = 0; i < seats; i++) yield* Effect.forkScoped(seat);
  return {
    use,
    figures: () => ({
      queued: waiting.length,
      busy,
      idle: idle.length,
      opening,
      opened,
      recycled: Math.max(0, opened - seats),
    }),
  };
});
