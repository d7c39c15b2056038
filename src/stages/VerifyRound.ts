/**
 * Verifying a round's candidates: cache first, then reserve, run, commit.
 *
 * Candidates with the same program for the same task share one verdict: the first is paid for, the
 * others are cache hits. When the budget is spent the rest stays unverified, which is not a failure.
 */
import * as Effect from "effect/Effect";
import type { Task } from "../domain/Task.ts";
import type { Verdict } from "../domain/Verdict.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import { type Decision, RunStore, type StoredCandidate } from "../store/RunStore.ts";
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
        ? Effect.map(store.cacheGet(cacheKey), (verdict) => verdict === null)
        : Effect.succeed(true),
  );
});

export interface Choice {
  /** Slots that may be paid for, the best first; of exact repeats the first. */
  readonly slots: ReadonlyArray<number>;
  /** Verifications that the round may spend, beside what the budget leaves. */
  readonly most: number;
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
  const first = candidates[0];
  if (first === undefined) return;

  const byKey = groups(candidates);
  const heads = headsOf(candidates);
  const { limit, spent, reserved } = yield* store.budget("verifications");
  let left = Math.min(limit - spent - reserved + paidFor(heads), choice.most);
  const chosen: Array<StoredCandidate> = [];
  const answer = (key: string, verdict: Verdict) =>
    Effect.forEach(
      (byKey.get(key) ?? []).filter(({ decision }) => decision === "open"),
      (candidate) => store.recordCached(candidate, verdict),
      { discard: true },
    );
  // Which programs the last of the budget goes to is settled before any runs: it must not depend on timing.
  const place = new Map(choice.slots.map((slot, i) => [slot, i]));
  const placeOf = ({ slot }: StoredCandidate): number => place.get(slot) ?? heads.length;
  const ordered = [...heads].sort((a, b) => placeOf(a) - placeOf(b));
  for (const head of ordered) {
    const before = paid.has(head.decision);
    const cached = yield* store.cacheGet(head.cacheKey);
    if (cached !== null) yield* answer(head.cacheKey, cached);
    if (before) left -= 1;
    else if (cached === null && head.decision === "open" && left > 0 && place.has(head.slot)) {
      left -= 1;
      chosen.push(head);
    }
  }

  let stopped: StopRequested | null = null;
  const verify = Effect.fnUntraced(function* (head: StoredCandidate) {
    const task = tasks.get(head.taskId);
    if (task === undefined || stopped !== null) return;
    const stop = yield* safePoint.pass.pipe(
      Effect.as(null),
      Effect.catchTag("StopRequested", Effect.succeed),
    );
    stopped ??= stop;
    if (stop !== null) return;
    const reservation = yield* store
      .reserveFor(head.stage, head.round, head.slot)
      .pipe(Effect.catchTag("BudgetExhausted", () => Effect.succeed(null)));
    // Someone lowered the limit since: the program stays unverified.
    if (reservation === null) return;
    const verdict = yield* sandbox
      .verify(task, head.program)
      .pipe(
        Effect.catchTag("SandboxFault", (fault) =>
          store.recordFault(head, reservation, fault.reason).pipe(Effect.as(null)),
        ),
      );
    if (verdict === null) return;
    yield* store.recordVerdict(head, reservation, verdict);
    const repeats = (byKey.get(head.cacheKey) ?? []).slice(1);
    yield* Effect.forEach(repeats, (candidate) => store.recordCached(candidate, verdict), { discard: true });
  });
  yield* Effect.forEach(chosen, verify, { concurrency: sandbox.parallelism, discard: true });
  if (stopped !== null) return yield* Effect.fail<StopRequested>(stopped);
  yield* store.recordUnverified(first.stage, first.round);
});
