/**
 * A run read from outside: the log of a run that another process may be writing, without its lock.
 *
 * A `RunStore` is a `RunReader` too, so what serves or shows a log takes either.
 */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schedule from "effect/Schedule";
import * as Stream from "effect/Stream";
import type { LoggedEvent } from "../domain/RunEvent.ts";
import * as RunFold from "../domain/RunFold.ts";
import * as RunState from "../domain/RunState.ts";
import { attempt, open as openDatabase } from "./Database.ts";
import * as CandidateRows from "./CandidateRows.ts";
import * as Checkpoints from "./Checkpoints.ts";
import * as EventRows from "./EventRows.ts";
import type { StoreError } from "./RunStore.ts";
import * as Tables from "./Tables.ts";

export interface RunReader {
  readonly runId: string;
  readonly directory: string;
  /** Events with seq > after, at most `limit`. */
  readonly read: (after: number, limit: number) => Effect.Effect<ReadonlyArray<LoggedEvent>, StoreError>;
  /** Last committed sequence number. */
  readonly head: Effect.Effect<number, StoreError>;
  /** Emits the head now and whenever it moves; never ends. */
  readonly heads: Stream.Stream<number, StoreError>;
  /** The fold of all events so far. */
  readonly state: Effect.Effect<RunState.RunState, StoreError>;
}

/** How often another process's database is asked whether it changed: one comparison of a counter. */
const POLL_MILLIS = 75;

/** Opens a run directory for reading. Nothing is written, no lock is taken. */
export const open = Effect.fn("RunReader.open")(function* (directory: string) {
  const db = yield* Effect.acquireRelease(
    attempt(() => openDatabase(Path.join(directory, "run.db"), { readOnly: true })),
    (it) => Effect.sync(() => it.close()),
  );
  yield* attempt(() => Tables.check(db));
  const runId = yield* attempt(() => Tables.runId(db));

  // PRAGMA data_version moves with every commit of another connection, and only then.
  let version: unknown;
  let last = 0;
  const head = attempt(() => {
    const now = db.all("PRAGMA data_version")[0]?.["data_version"];
    if (now !== version) {
      last = EventRows.head(db);
      version = now;
    }
    return last;
  });

  let state = RunState.initial;
  return {
    runId,
    directory,
    read: (after, limit) => attempt(() => EventRows.read(db, after, limit)),
    head,
    heads: Stream.fromEffectSchedule(head, Schedule.spaced(POLL_MILLIS)).pipe(Stream.changes),
    /** Every recorded checkpoint, oldest first. A run that goes on may remove some of them at any time. */
    checkpoints: attempt(() => Checkpoints.list(db, directory)),
    /** Every program that was written online, with its verdict. */
    candidates: attempt(() => CandidateRows.judged(db)),
    state: attempt(() => {
      state = RunFold.replay(EventRows.pages(db, state.lastSeq), state);
      return state;
    }),
  } satisfies RunReader & { readonly checkpoints: unknown; readonly candidates: unknown };
});
