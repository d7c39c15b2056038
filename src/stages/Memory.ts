/**
 * What the online part of the replay memory holds: the episodes that the rounds brought, in the order in which
 * they came. A resumed run rebuilds it from the stored candidates by the same steps.
 */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import type { OnlineStage } from "../config/RunConfig.ts";
import type { Episode } from "../domain/Episode.ts";
import { reward } from "../domain/Reward.ts";
import { RunStore, type StoredCandidate } from "../store/RunStore.ts";
import type { RunContext } from "./RunContext.ts";

type Keeping = Pick<OnlineStage, "retain" | "repeats">;

/**
 * The judged candidates as episodes. Of exact repeats the first occurrence alone, and none of what the offline data
 * that is there holds; or each as an episode of its own.
 */
export const episodesOf = (
  context: RunContext,
  { retain, repeats }: Keeping,
  candidates: ReadonlyArray<StoredCandidate>,
): ReadonlyArray<Episode> => {
  const tasks = new Map(context.tasks.train.map((task) => [task.id, task]));
  const seen = new Set(retain.offline ? context.offline.map(({ id }) => id) : []);
  const episodes: Array<Episode> = [];
  for (const candidate of candidates) {
    const { stage, round, slot } = candidate;
    const task = tasks.get(candidate.taskId);
    if (candidate.outcome === null || task === undefined) continue;
    const text = context.episodeId(task, candidate.program);
    const id = repeats === "keep" ? `${text}/${stage}/${round}/${slot}` : text;
    if (seen.has(id)) continue;
    seen.add(id);
    episodes.push({
      id,
      taskId: candidate.taskId,
      prompt: context.prompt(task),
      ...context.written(task, candidate.program),
      reward: reward(candidate.outcome),
      ...(candidate.logProbs.length > 0 ? { tokens: candidate.tokens } : {}),
      behaviourLogProbs: candidate.logProbs.length > 0 ? candidate.logProbs : null,
      policyVersion: candidate.policyVersion,
    });
  }
  return episodes;
};

/** Adds what a round brought; succeeds with the number of new episodes. */
export const grow = Effect.fn("Memory.grow")(function* (
  context: RunContext,
  keeping: Keeping,
  candidates: ReadonlyArray<StoredCandidate>,
) {
  const compute = yield* Compute;
  if (keeping.retain.online === "latest") yield* compute.clearEpisodes("online");
  const { added } = yield* compute.addEpisodes("online", episodesOf(context, keeping, candidates));
  return added;
});

/** Adds what the rounds of a stage brought that came before `before`; succeeds with their candidates. */
export const replay = Effect.fn("Memory.replay")(function* (
  context: RunContext,
  keeping: Keeping,
  index: number,
  before = Number.POSITIVE_INFINITY,
) {
  const store = yield* RunStore;
  const candidates = (yield* store.candidates(index)).filter(({ round }) => round < before);
  for (const round of new Set(candidates.map((candidate) => candidate.round))) {
    yield* grow(
      context,
      keeping,
      candidates.filter((candidate) => candidate.round === round),
    );
  }
  return candidates;
});
