/**
 * Verifying a round's candidates: cache first, then reserve, run, commit.
 *
 * Candidates with the same program for the same task share one verdict: the first is paid for, the
 * others are cache hits. When the budget is spent the rest stays unverified, which is not a failure.
 */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Budget from "../domain/Budget.ts";
import type { Costs } from "../domain/Costs.ts";
import type { Task } from "../domain/Task.ts";
import type { Verdict } from "../domain/Verdict.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import { type Decision, RunStore, type StoreError, type StoredCandidate } from "../store/RunStore.ts";
import { SharedVerdicts } from "../store/SharedVerdicts.ts";
import * as FreeAnswers from "./FreeAnswers.ts";
import { SafePoint, type StopRequested } from "./SafePoint.ts";

/** Candidates by program, in the order of their slots. */
const groups = (
  candidates: ReadonlyArray<StoredCandidate>,
): ReadonlyMap<string, ReadonlyArray<StoredCandidate>> => {
  const byKey = new Map<string, Array<StoredCandidate>>();
  for (const candidate of candidates) {
    const group = byKey.get(candidate.cacheKey);
    if (group === undefined) byKey.set(candidate.cacheKey, [candidate]);
    else group.push(candidate);
  }
  return byKey;
};

/** The first candidate of each program: the one that is paid for. */
export const headsOf = (candidates: ReadonlyArray<StoredCandidate>): ReadonlyArray<StoredCandidate> =>
  [...groups(candidates).values()].map(([head]) => head);

/**
 * Those that a round has to decide about: no verdict from before it answers them. Verdicts of the round itself are in
 * the cache too; a resumed round finds the same programs.
 */
export const undecided = Effect.fn("VerifyRound.undecided")(function* (
  heads: ReadonlyArray<StoredCandidate>,
) {
  const store = yield* RunStore;
  return yield* Effect.filter(heads, ({ decision, cacheKey }) =>
    decision === "cached"
      ? Effect.succeed(false)
      : decision === "open"
        ? Effect.map(store.cacheGet(cacheKey), (known) => known === null)
        : Effect.succeed(true),
  );
});

export interface Choice {
  /** Slots that may be paid for, the best first; of exact repeats the first. */
  readonly slots: ReadonlyArray<number>;
  /** Verifications that the round may spend, beside what the budget leaves. */
  readonly most: number;
  /** What verifications take beside themselves; left out: nothing. */
  readonly costs?: Costs;
  /** What was judged before the round; left out: nothing. */
  readonly judged?: FreeAnswers.Judged;
}

/** Decisions that took a verification from the budget. */
const paid: ReadonlySet<Decision> = new Set(["pending", "verified", "fault"]);

/** Verifications that candidates took from the budget. */
export const paidFor = (candidates: ReadonlyArray<StoredCandidate>): number =>
  candidates.filter(({ decision }) => paid.has(decision)).length;

/**
 * Decides every open candidate of a round. A resumed round decides as the interrupted one would have, and pays for
 * no program twice. After a stop nothing new is begun, but what runs is waited for: its verification is spent.
 */
export const verifyRound = Effect.fn("VerifyRound.verifyRound")(function* (
  tasks: ReadonlyMap<string, Task>,
  candidates: ReadonlyArray<StoredCandidate>,
  choice: Choice,
) {
  const store = yield* RunStore;
  const sandbox = yield* Sandbox;
  const safePoint = yield* SafePoint;
  const shared = yield* SharedVerdicts;
  const first = candidates[0];
  if (first === undefined) return;

  const byKey = groups(candidates);
  const heads = headsOf(candidates);
  const accounts = yield* store.accounts(first.stage);
  const affordable = Budget.times([accounts.run, accounts.stage], { verifications: 1 });
  let left = Math.min(affordable + paidFor(heads), choice.most);
  const chosen: Array<StoredCandidate> = [];
  /** `origin`: of a verdict that was there; null: the program's first candidate was paid for. */
  const answer = Effect.fnUntraced(function* (key: string, verdict: Verdict, origin: string | null) {
    const group = byKey.get(key) ?? [];
    const by = FreeAnswers.restOn(group, origin, choice.judged ?? null);
    for (const [i, candidate] of group.entries()) {
      const asks = candidate.decision === "open" && (origin !== null || i > 0);
      if (asks) yield* store.recordCached(candidate, verdict, by[i]);
    }
  });
  // Which programs the last of the budget goes to is settled before any runs: it must not depend on timing.
  const place = new Map(choice.slots.map((slot, i) => [slot, i]));
  const placeOf = ({ slot }: StoredCandidate): number => place.get(slot) ?? heads.length;
  const ordered = [...heads].sort((a, b) => placeOf(a) - placeOf(b));
  for (const head of ordered) {
    const before = paid.has(head.decision);
    const known = yield* store.cacheGet(head.cacheKey);
    if (known !== null) yield* answer(head.cacheKey, known.verdict, known.origin);
    if (before) left -= 1;
    else if (known === null && head.decision === "open" && left > 0 && place.has(head.slot)) {
      left -= 1;
      chosen.push(head);
    }
  }

  let stopped: StopRequested | null = null;
  const { costs } = choice;
  /** Verifications that hold a reservation, and what is done when the next of them has settled. */
  let running = 0;
  let ended = Deferred.makeUnsafe<void>();
  /**
   * Null: the budget does not hold it. Those that run hold the worst case, most of which comes back: what that leaves
   * no room for waits for them.
   */
  const reserve = (
    head: StoredCandidate,
    also?: Budget.Amounts,
  ): Effect.Effect<string | null, StoreError | StopRequested> =>
    Effect.suspend(() => {
      const next = ended;
      return safePoint
        .reserving(store.reserveFor(head.stage, head.round, head.slot, also))
        .pipe(
          Effect.catchTag("BudgetExhausted", ({ unit }) =>
            running > 0 && unit !== "wallSeconds"
              ? Effect.andThen(Deferred.await(next), reserve(head, also))
              : Effect.succeed(null),
          ),
        );
    });
  const verify = Effect.fnUntraced(function* (head: StoredCandidate) {
    const task = tasks.get(head.taskId);
    if (task === undefined || stopped !== null) return;
    const reservation = yield* reserve(head, costs?.worst(task)).pipe(
      Effect.catchTag("StopRequested", (stop) => Effect.sync(() => void (stopped ??= stop))),
    );
    // Told to stop, or the budget does not hold it: the program stays unverified.
    if (typeof reservation !== "string") return;
    running += 1;
    yield* Effect.ensuring(
      run(head, task, reservation),
      Effect.sync(() => {
        running -= 1;
        Deferred.doneUnsafe(ended, Effect.void);
        ended = Deferred.makeUnsafe();
      }),
    );
  });
  const run = Effect.fnUntraced(function* (head: StoredCandidate, task: Task, reservation: string) {
    const verdict = yield* sandbox
      .verify(task, head.program)
      .pipe(
        Effect.catchTag("SandboxFault", (fault) =>
          store.recordFault(head, reservation, fault.reason).pipe(Effect.as(null)),
        ),
      );
    if (verdict === null) return;
    yield* store.recordVerdict(head, reservation, verdict, costs?.actual(task, verdict));
    yield* shared.put([{ key: head.cacheKey, verdict }]);
    yield* answer(head.cacheKey, verdict, null);
  });
  yield* Effect.forEach(chosen, verify, { concurrency: sandbox.parallelism, discard: true });
  if (stopped !== null) return yield* Effect.fail<StopRequested>(stopped);
  yield* store.recordUnverified(first.stage, first.round);
});
