/**
 * The run store: one run's directory and database, the only place where a run's facts live.
 *
 * SQLite (libsql) in WAL mode with synchronous=FULL. Every method that changes something is one
 * transaction together with the events that it belongs to, and the head moves only after commit.
 *
 *     runs/ID/run.db           events, ledger, candidates, verdict cache, checkpoints
 *     runs/ID/config.json      the resolved configuration
 *     runs/ID/checkpoints/ID/  safetensors + manifest, written under a temporary name, synced, renamed
 *     runs/ID/lock             held by the process that runs it
 *     runs/ID/report.json      at the end
 */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as Stream from "effect/Stream";
import { type Account, type Accounts, type Amounts, Unit } from "../domain/Budget.ts";
import type { Free, LoggedEvent, RunEvent } from "../domain/RunEvent.ts";
import type { RunState } from "../domain/RunState.ts";
import type { Outcome, Verdict } from "../domain/Verdict.ts";

/** The database or the run directory failed; `remedy` says what to do. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

/** The budget of the run, or of its stage, does not hold another reservation of that size. Nothing was reserved. */
export class BudgetExhausted extends Schema.TaggedError<BudgetExhausted>()("BudgetExhausted", {
  unit: Unit,
  stage: Schema.optionalKey(Schema.Int),
  limit: Schema.Int,
  taken: Schema.Int,
  wanted: Schema.Int,
}) {}

/** One program that was written online, keyed by where it arose. */
export interface Candidate {
  readonly stage: number;
  readonly round: number;
  readonly slot: number;
  readonly taskId: string;
  readonly program: string;
  /** Key of the verdict cache: hash of program text and what its verdict depends on. */
  readonly cacheKey: string;
  readonly tokens: ReadonlyArray<number>;
  readonly logProbs: ReadonlyArray<number>;
  /** Null: the own policy did not write it. */
  readonly policyVersion: number | null;
  /** Who wrote it where the own policy did not, e.g. "remote:some-model". */
  readonly origin?: string;
  readonly temperature: number;
}

/** What became of a candidate. `pending`: reserved, no verdict yet (after a crash: spent, unknown). */
export type Decision = "open" | "pending" | "verified" | "cached" | "fault" | "unverified";

export interface StoredCandidate extends Candidate {
  readonly decision: Decision;
  readonly outcome: Outcome | null;
  /** CPU seconds of its verdict. */
  readonly cpuSeconds: number | null;
}

/** A verdict of the cache and who it is from: a version of the policy, the dataset, "evaluation", "syntax", "shared". */
export interface Known {
  readonly verdict: Verdict;
  readonly origin: string;
}

export interface CheckpointRecord {
  readonly id: string;
  /** Stage index and units done in it when it was saved: where a resumed run goes on. */
  readonly stage: number;
  readonly done: number;
  /** The orchestrator's own small state (counters, chosen tilt, …): plain JSON. */
  readonly state: unknown;
  readonly directory: string;
}

export class RunStore extends Context.Service<
  RunStore,
  {
    readonly runId: string;
    readonly directory: string;
    /**
     * Appends events in one transaction; returns the last sequence number. RunStarted sets the limits of the run and of
     * its stages; the events of reservations and limits, and CheckpointSaved, are the store's own.
     */
    readonly append: (...events: ReadonlyArray<RunEvent>) => Effect.Effect<number, StoreError>;
    /** Events with seq > after, at most `limit`. */
    readonly read: (after: number, limit: number) => Effect.Effect<ReadonlyArray<LoggedEvent>, StoreError>;
    /** Last committed sequence number. */
    readonly head: Effect.Effect<number>;
    /** Emits the head now and whenever it moves (conflated: a slow reader sees the latest). */
    readonly heads: Stream.Stream<number>;
    /** The fold of all events so far. */
    readonly state: Effect.Effect<RunState>;

    /**
     * Changes a limit (in whole parts; null: none) of the run, or of a stage, with its event where it differs. One below
     * what is taken is refused.
     */
    readonly setLimit: (
      unit: Unit,
      limit: number | null,
      stage?: number,
    ) => Effect.Effect<void, StoreError | BudgetExhausted>;
    /**
     * Reserves before anything is spent, for the run and for a stage of it; fails without effect where a limit of either
     * does not hold. Returns the reservation's id.
     */
    readonly reserve: (
      amounts: Amounts,
      stage?: number,
    ) => Effect.Effect<string, BudgetExhausted | StoreError>;
    /** Ends a reservation with what it came to; units that are not named come to everything. */
    readonly commit: (reservation: string, actual?: Amounts) => Effect.Effect<void, StoreError>;
    readonly refund: (reservation: string) => Effect.Effect<void, StoreError>;
    /** limit, spent (committed + left open by a crash + what time took until now), reserved now; of the run. */
    readonly budget: (unit: Unit) => Effect.Effect<Account, StoreError>;
    /** All accounts of the run and of a stage: what a reservation of that stage must fit into. */
    readonly accounts: (
      stage: number,
    ) => Effect.Effect<{ readonly run: Accounts; readonly stage: Accounts }, StoreError>;

    /**
     * Inserts a round's candidates as `open`, commits the reservation that they were written under (`actual`: see
     * `commit`) and logs ProgramsGenerated, in one transaction. A candidate that is already there is left as it is.
     */
    readonly addCandidates: (
      candidates: ReadonlyArray<Candidate>,
      reservation: string,
      actual?: Amounts,
    ) => Effect.Effect<void, StoreError>;
    readonly candidates: (
      stage: number,
      round?: number,
    ) => Effect.Effect<ReadonlyArray<StoredCandidate>, StoreError>;
    /** Reserves one verification (and `also` beside it) for a candidate and marks it pending, in one transaction. */
    readonly reserveFor: (
      stage: number,
      round: number,
      slot: number,
      also?: Amounts,
    ) => Effect.Effect<string, BudgetExhausted | StoreError>;
    /** Commits a reservation (`actual`: see `commit`) with its verdict: ledger, candidate, cache (unless the outcome depends on timing) and events, in one transaction. */
    readonly recordVerdict: (
      candidate: Candidate,
      reservation: string,
      verdict: Verdict,
      actual?: Amounts,
    ) => Effect.Effect<void, StoreError>;
    /** Marks a candidate answered by the cache, for free; `by`: what that rests on. */
    readonly recordCached: (
      candidate: Candidate,
      verdict: Verdict,
      by: Free,
    ) => Effect.Effect<void, StoreError>;
    /** The sandbox failed twice. The reservation is committed (the program may have run) unless the caller refunded it before. */
    readonly recordFault: (
      candidate: Candidate,
      reservation: string,
      reason: string,
    ) => Effect.Effect<void, StoreError>;
    /** Every candidate of the round that is still open is left unverified, for good. */
    readonly recordUnverified: (stage: number, round: number) => Effect.Effect<void, StoreError>;

    readonly cacheGet: (key: string) => Effect.Effect<Known | null, StoreError>;
    /**
     * For labels that were paid for elsewhere (the offline dataset, another run) and for evaluations, with events in the
     * same transaction. A known key is kept; outcomes that depend on timing are left out.
     */
    readonly cachePut: (
      entries: ReadonlyArray<Known & { readonly key: string }>,
      ...events: ReadonlyArray<RunEvent>
    ) => Effect.Effect<void, StoreError>;

    /** Runs `write` on a temporary directory, syncs and renames it, then records it with its event; keeps the last few and every named one. */
    readonly saveCheckpoint: <E>(
      record: {
        readonly id: string;
        readonly stage: number;
        readonly done: number;
        readonly state: unknown;
        readonly keep: boolean;
      },
      write: (directory: string) => Effect.Effect<void, E>,
    ) => Effect.Effect<CheckpointRecord, E | StoreError>;
    /** The newest checkpoint whose files are there. */
    readonly latestCheckpoint: Effect.Effect<CheckpointRecord | null, StoreError>;
    readonly checkpoint: (id: string) => Effect.Effect<CheckpointRecord, StoreError>;
    /** Writes a file of the run directory (a relative name, folders allowed) whole or not at all, synced. */
    readonly writeFile: (name: string, text: string) => Effect.Effect<void, StoreError>;
  }
>()("drydock/store/RunStore") {}
