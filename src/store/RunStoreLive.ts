/**
 * The run store over SQLite: a run's directory opened by the one process that runs it.
 *
 * Opening takes the lock, commits what a dead process left reserved, folds the log and removes leftovers.
 */
import * as Path from "node:path";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Budget from "../domain/Budget.ts";
import type { RunEvent } from "../domain/RunEvent.ts";
import * as CandidateRows from "./CandidateRows.ts";
import * as Checkpoints from "./Checkpoints.ts";
import { attempt, open as openDatabase } from "./Database.ts";
import * as Durable from "./Durable.ts";
import * as EventRows from "./EventRows.ts";
import * as Journal from "./Journal.ts";
import * as LedgerRows from "./LedgerRows.ts";
import { RUN } from "./LedgerTables.ts";
import * as RunLock from "./RunLock.ts";
import { BudgetExhausted, RunStore, StoreError } from "./RunStore.ts";
import * as Tables from "./Tables.ts";

export interface Options {
  /** The run's directory, made by `RunDirectory.create`; its name is the run's id. */
  readonly directory: string;
  /** `create` refuses a directory that holds a run, `open` one that does not; left out: either. */
  readonly mode?: "create" | "open";
}

/** Fails with what a transaction gave back instead of doing its work. */
const orFail = <A>(result: A | BudgetExhausted): Effect.Effect<A, BudgetExhausted> =>
  result instanceof BudgetExhausted ? Effect.fail(result) : Effect.succeed(result);

/** Events that only the store itself may write: they would part the log from the tables. */
const own: ReadonlySet<RunEvent["_tag"]> = new Set([
  "BudgetReserved",
  "BudgetCommitted",
  "BudgetRefunded",
  "BudgetLimitChanged",
  "CheckpointSaved",
] as const);

const opened = Effect.fnUntraced(function* (options: Options) {
  const file = Path.join(options.directory, "run.db");
  yield* RunLock.check(options.directory);
  const db = yield* Effect.acquireRelease(
    attempt(() => {
      if (options.mode === "open") openDatabase(file, { readOnly: true }).close();
      return openDatabase(file, { readOnly: false });
    }),
    (it) => Effect.sync(() => it.close()),
  );
  yield* attempt(() => {
    db.transaction(() => {
      if (Tables.isEmpty(db)) Tables.create(db, Path.basename(Path.resolve(options.directory)));
      else {
        Tables.check(db);
        Tables.migrate(db);
      }
    });
    if (options.mode === "create" && EventRows.head(db) > 0) {
      throw new StoreError({
        reason: `${options.directory} holds a run already`,
        remedy: "go on with it by `drydock resume`, or start a new run",
      });
    }
  });
  yield* RunLock.acquire(db);
  return db;
});

const make = Effect.fnUntraced(function* (options: Options) {
  const db = yield* opened(options);
  const journal = yield* Journal.make(db);
  yield* journal.commit(LedgerRows.commitLeftOpen);
  for (const folder of ["", "evaluations", "validation"]) {
    yield* Durable.sweep(Path.join(options.directory, folder));
  }
  const checkpoints = yield* Checkpoints.make(journal, options.directory);

  const setLimit = (unit: Budget.Unit, limit: number | null, stage: number = RUN) =>
    journal
      .commit((tx) => {
        if (LedgerRows.ceiling(tx.db, unit, stage) === limit) return null;
        const refused = LedgerRows.setCeiling(tx, unit, limit, stage);
        const of = stage === RUN ? {} : { stage };
        if (refused === null) tx.emit({ _tag: "BudgetLimitChanged", unit, limit, ...of });
        return refused;
      })
      .pipe(Effect.flatMap(orFail), Effect.asVoid);

  const accounts = Effect.fnUntraced(function* (stage: number) {
    const at = yield* Clock.currentTimeMillis;
    const state = yield* journal.state;
    return yield* attempt(() => LedgerRows.accounts(db, state, at, stage));
  });

  return RunStore.of({
    runId: yield* attempt(() => Tables.runId(db)),
    directory: options.directory,
    append: (...events) =>
      journal.commit((tx) => {
        for (const event of events) {
          if (own.has(event._tag)) {
            throw new StoreError({
              reason: `${event._tag} is written by the store alone`,
              remedy: "use reserve, refund, setLimit or saveCheckpoint",
            });
          }
          if (event._tag === "RunStarted") {
            const limits = [event.limits, ...event.stages.map(({ limits: ofStage = {} }) => ofStage)];
            for (const [i, of] of limits.entries()) {
              for (const [unit, limit] of Budget.entries(of)) {
                const refused = LedgerRows.setCeiling(tx, unit, limit, i - 1);
                if (refused !== null) throw refused;
              }
            }
          }
          tx.emit(event);
        }
        return tx.nextSeq() - 1;
      }),
    read: (after, limit) => attempt(() => EventRows.read(db, after, limit)),
    head: journal.head,
    heads: journal.heads,
    state: journal.state,

    setLimit,
    reserve: (amounts, stage) =>
      journal.commit((tx) => LedgerRows.reserve(tx, amounts, stage)).pipe(Effect.flatMap(orFail)),
    commit: (reservation, actual) => journal.commit((tx) => LedgerRows.commit(tx, reservation, actual)),
    refund: (reservation) => journal.commit((tx) => LedgerRows.refund(tx, reservation)),
    budget: (unit) => Effect.map(accounts(RUN), (run) => run[unit]),
    accounts: (stage) => Effect.all({ run: accounts(RUN), stage: accounts(stage) }),

    addCandidates: (candidates, reservation, actual) =>
      journal.commit((tx) => {
        LedgerRows.commit(tx, reservation, actual);
        const first = candidates[0];
        if (CandidateRows.insert(tx, candidates) > 0 && first !== undefined) {
          tx.emit({
            _tag: "ProgramsGenerated",
            index: first.stage,
            round: first.round,
            count: candidates.length,
            unique: new Set(candidates.map(({ cacheKey }) => cacheKey)).size,
          });
        }
      }),
    candidates: (stage, round) => attempt(() => CandidateRows.list(db, stage, round)),
    reserveFor: (stage, round, slot, also) =>
      journal
        .commit((tx) => CandidateRows.reserveFor(tx, { stage, round, slot }, also))
        .pipe(Effect.flatMap(orFail)),
    recordVerdict: (candidate, reservation, verdict, actual) =>
      journal.commit((tx) => CandidateRows.verified(tx, candidate, reservation, verdict, actual)),
    recordCached: (candidate, verdict, by) =>
      journal.commit((tx) => CandidateRows.cached(tx, candidate, verdict, by)),
    recordFault: (candidate, reservation, reason) =>
      journal.commit((tx) => CandidateRows.fault(tx, candidate, reservation, reason)),
    recordUnverified: (stage, round) => journal.commit((tx) => CandidateRows.unverified(tx, stage, round)),

    cacheGet: (key) => attempt(() => CandidateRows.cacheGet(db, key)),
    cachePut: (entries, ...events) =>
      entries.length + events.length === 0
        ? Effect.void
        : journal.commit((tx) => {
            CandidateRows.cachePut(tx, entries);
            for (const event of events) tx.emit(event);
          }),

    saveCheckpoint: checkpoints.save,
    latestCheckpoint: checkpoints.latest,
    checkpoint: checkpoints.get,
    writeFile: Effect.fnUntraced(function* (name, text) {
      const path = Path.resolve(options.directory, name);
      if (!path.startsWith(`${Path.resolve(options.directory)}${Path.sep}`)) {
        return yield* new StoreError({
          reason: `${JSON.stringify(name)} is outside the run directory`,
          remedy: "give a name relative to the run directory",
        });
      }
      yield* Durable.writeText(path, text);
    }),
  });
});

/** The store of one run directory; holds its lock until the scope closes. */
export const layer = (options: Options): Layer.Layer<RunStore, StoreError> =>
  Layer.effect(RunStore, make(options));
