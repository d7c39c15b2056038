/**
 * Answers without a sandbox run: verdicts of other runs for a round's programs, and what an answer rests on.
 *
 * Other runs' verdicts are asked for once a round, before anything is chosen, and what they answer is written into the
 * run's own cache with the event that says so. So a round that is taken up again decides as it would have, whatever was
 * added to the shared cache since.
 */
import * as Effect from "effect/Effect";
import type { Free } from "../domain/RunEvent.ts";
import type { Task } from "../domain/Task.ts";
import { RunStore, type StoredCandidate } from "../store/RunStore.ts";
import { SharedVerdicts } from "../store/SharedVerdicts.ts";
import type { RunContext } from "./RunContext.ts";

/** The origin, in the run's own cache, of a verdict that another run gave. */
export const SHARED = "shared";
/** Of one that was found without running the program. */
export const SYNTAX = "syntax";

/** Asks the shared cache about the first candidate of each program that is open and has no verdict yet. */
export const readShared = Effect.fn("FreeAnswers.readShared")(function* (
  context: RunContext,
  { index, round }: { readonly index: number; readonly round: number },
  heads: ReadonlyArray<StoredCandidate>,
) {
  if (context.config.sandbox.sharedVerdicts.use !== "all") return;
  const store = yield* RunStore;
  const { lastSharedRead } = yield* store.state;
  if (round <= (lastSharedRead[index] ?? -1)) return;
  const unknown = yield* Effect.filter(heads, ({ decision, cacheKey }) =>
    decision === "open"
      ? Effect.map(store.cacheGet(cacheKey), (known) => known === null)
      : Effect.succeed(false),
  );
  const found = yield* (yield* SharedVerdicts).get(unknown.map(({ cacheKey }) => cacheKey));
  yield* store.cachePut(
    Array.from(found, ([key, verdict]) => ({ key, verdict, origin: SHARED })),
    { _tag: "SharedVerdictsRead", index, round, asked: unknown.length, answered: found.size },
  );
});

/** What was judged before a round: how a program stands to it. */
export interface Judged {
  /** "repeat": the same text was; "equal": a text with the same key; null: none. */
  readonly before: (candidate: Pick<StoredCandidate, "taskId" | "program" | "cacheKey">) => Free | null;
}

/** From the offline data and the candidates of earlier rounds. */
export const judgedBefore = (
  context: RunContext,
  tasks: ReadonlyMap<string, Task>,
  candidates: ReadonlyArray<StoredCandidate>,
): Judged => {
  const texts = new Set<string>();
  const keys = new Set<string>();
  for (const { taskId, program, cacheKey, outcome } of candidates) {
    if (outcome === null) continue;
    texts.add(`${taskId}\n${program}`);
    keys.add(cacheKey);
  }
  const labelled = new Set(context.offline.filter(({ reward }) => reward !== null).map(({ id }) => id));
  return {
    before: ({ taskId, program, cacheKey }) => {
      if (texts.has(`${taskId}\n${program}`)) return "repeat";
      const task = tasks.get(taskId);
      if (task !== undefined && labelled.has(context.episodeId(task, program))) return "repeat";
      return keys.has(cacheKey) ? "equal" : null;
    },
  };
};

/**
 * What answers each candidate of one program, in the order of slots; `origin`: of the verdict in the cache, null where
 * the first candidate was paid for. Only the first that nothing judged before rests on where the verdict came from.
 */
export const restOn = (
  group: ReadonlyArray<StoredCandidate>,
  origin: string | null,
  judged: Judged | null,
): ReadonlyArray<Free> =>
  group.map((candidate, i): Free => {
    const repeats = group.slice(0, i).some(({ program }) => program === candidate.program);
    const before = repeats ? "repeat" : (judged?.before(candidate) ?? null);
    if (before !== null) return before;
    if (i === 0 && (origin === SHARED || origin === SYNTAX)) return origin;
    return "equal";
  });
