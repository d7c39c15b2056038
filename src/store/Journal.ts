/**
 * The journal: every change of a run's database together with its events, as one transaction.
 *
 * It holds the head and the fold of all events in memory; both move after the commit and never before it,
 * and subscribers are woken after that. A change that fails leaves database, head and fold as they were.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as PubSub from "effect/PubSub";
import * as Stream from "effect/Stream";
import type { LoggedEvent, RunEvent } from "../domain/RunEvent.ts";
import * as RunFold from "../domain/RunFold.ts";
import type * as RunState from "../domain/RunState.ts";
import { attempt, type Database } from "./Database.ts";
import * as EventRows from "./EventRows.ts";
import type { StoreError } from "./RunStore.ts";

/** A transaction being built: statements run at once, events are appended at its end. */
export interface Tx {
  readonly db: Database;
  readonly emit: (event: RunEvent) => void;
  /** Sequence number that the next emitted event gets. */
  readonly nextSeq: () => number;
  /** When it happens, in milliseconds since 1970. */
  readonly at: number;
  /** The fold of the events before it. */
  readonly state: RunState.RunState;
}

export interface Journal {
  readonly db: Database;
  readonly commit: <A>(body: (tx: Tx) => A) => Effect.Effect<A, StoreError>;
  readonly head: Effect.Effect<number>;
  readonly heads: Stream.Stream<number>;
  readonly state: Effect.Effect<RunState.RunState>;
}

export const make = Effect.fnUntraced(function* (db: Database) {
  let state = yield* attempt(() => RunFold.replay(EventRows.pages(db, 0)));
  // One place in the queue: a slow reader sees the latest head, and holds no memory.
  const moved = yield* Effect.acquireRelease(
    PubSub.sliding<number>({ capacity: 1, replay: 1 }),
    PubSub.shutdown,
  );
  yield* PubSub.publish(moved, state.lastSeq);

  const commit: Journal["commit"] = (body) =>
    Clock.currentTimeMillis.pipe(
      Effect.flatMap((at) =>
        attempt(() => {
          const events: Array<LoggedEvent> = [];
          const from = state.lastSeq;
          const nextSeq = (): number => from + events.length + 1;
          const result = db.transaction(() => {
            const value = body({
              db,
              nextSeq,
              at,
              state,
              emit: (event) => events.push({ seq: nextSeq(), at, event }),
            });
            for (const event of events) EventRows.insert(db, event);
            return value;
          });
          state = RunFold.replay(events, state);
          return { result, changed: events.length > 0 };
        }),
      ),
      Effect.tap(({ changed }) => (changed ? PubSub.publish(moved, state.lastSeq) : Effect.void)),
      Effect.map(({ result }) => result),
      Effect.uninterruptible,
    );

  return {
    db,
    commit,
    head: Effect.sync(() => state.lastSeq),
    heads: Stream.fromPubSub(moved).pipe(Stream.changes),
    state: Effect.sync(() => state),
  } satisfies Journal;
});
