/**
 * Verifying a round's candidates: cache first, then reserve, run, commit.
 *
 * Candidates with the same program for the same task share one verdict: the first is paid for, the
 * others are cache hits. When the budget is spent the rest stays unverified, which is not a failure.
 */
import * as Effect from "effect/Effect";
import type { Task } from "../domain/Task.ts";
import type { SandboxUnavailable } from "../domain/Verdict.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import { RunStore, type StoredCandidate, type StoreError } from "../store/RunStore.ts";
import { SafePoint, type StopRequested } from "./SafePoint.ts";

/** Candidates that are still open, one group for each distinct program, in the order of their slots. */
export const groups = (
  candidates: ReadonlyArray<StoredCandidate>,
): ReadonlyArray<ReadonlyArray<StoredCandidate>> => {
  const byKey = new Map<string, Array<StoredCandidate>>();
  for (const candidate of candidates) {
    if (candidate.decision !== "open") continue;
    const group = byKey.get(candidate.cacheKey);
    if (group === undefined) byKey.set(candidate.cacheKey, [candidate]);
    else group.push(candidate);
  }
  return [...byKey.values()];
};

/** Decides every open candidate of a round. */
export const verifyRound = Effect.fn("VerifyRound.verifyRound")(function* (
  tasks: ReadonlyMap<string, Task>,
  candidates: ReadonlyArray<StoredCandidate>,
) {
  const store = yield* RunStore;
  const sandbox = yield* Sandbox;
  const safePoint = yield* SafePoint;
  const first = candidates[0];
  if (first === undefined) return;

  const decide = (
    group: ReadonlyArray<StoredCandidate>,
  ): Effect.Effect<void, StoreError | StopRequested | SandboxUnavailable> =>
    Effect.gen(function* () {
      const [head, ...repeats] = group;
      const task = head === undefined ? undefined : tasks.get(head.taskId);
      if (head === undefined || task === undefined) return;
      const cached = yield* store.cacheGet(head.cacheKey);
      if (cached !== null) {
        yield* Effect.forEach(group, (candidate) => store.recordCached(candidate, cached), { discard: true });
        return;
      }
      yield* safePoint.pass;
      const reservation = yield* store
        .reserveFor(head.stage, head.round, head.slot)
        .pipe(Effect.catchTag("BudgetExhausted", () => Effect.succeed(null)));
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
      yield* Effect.forEach(repeats, (candidate) => store.recordCached(candidate, verdict), {
        discard: true,
      });
    });

  yield* Effect.forEach(groups(candidates), decide, { concurrency: sandbox.parallelism, discard: true });
  yield* store.recordUnverified(first.stage, first.round);
});
