/**
 * The online stage: rounds of write, choose, verify, learn, within a hard budget.
 *
 * A round writes one program (or a few) for each of the problems that the selector ranks first, answers
 * exact repeats from the verdict cache, reserves and verifies the others, adds what was judged to the
 * online part of the replay buffer, trains on a mixture with offline data, and publishes the policy.
 *
 * What a round did is in the store before the next step: a resumed round finds its candidates and their
 * verdicts there and pays for nothing twice.
 */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import type { OnlineStage } from "../config/RunConfig.ts";
import type { Episode } from "../domain/Episode.ts";
import { reward } from "../domain/Reward.ts";
import type { Task } from "../domain/Task.ts";
import * as Random from "../random/Random.ts";
import { Generator } from "../generator/Generator.ts";
import { RunStore, type StoredCandidate } from "../store/RunStore.ts";
import * as CircuitBreaker from "./CircuitBreaker.ts";
import * as Guard from "./Guard.ts";
import type { RolloutItem } from "./Rollout.ts";
import type { Carried, RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";
import * as Selection from "./Selection.ts";
import { verifyRound } from "./VerifyRound.ts";
import { isWritten, writeRound } from "./WriteRound.ts";

/** Programs written for each verification that is left: repeats are free, but the rest would stay unverified. */
const SURPLUS = 4;

export interface OnlineSpec<E> {
  readonly index: number;
  readonly stage: OnlineStage;
  /** Rounds done before, when the stage is taken up again. */
  readonly from: number;
  readonly carried: Carried;
  readonly checkpoint: (done: number, carried: Carried, id: string) => Effect.Effect<void, E>;
  readonly restore: (checkpoint: string) => Effect.Effect<void, E>;
}

/** The judged candidates as episodes, first occurrence of a program first; known ids are left out. */
export const episodesOf = (
  context: RunContext,
  candidates: ReadonlyArray<StoredCandidate>,
  known: ReadonlySet<string>,
): ReadonlyArray<Episode> => {
  const tasks = new Map(context.tasks.train.map((task) => [task.id, task]));
  const seen = new Set(known);
  const episodes: Array<Episode> = [];
  for (const candidate of candidates) {
    const task = tasks.get(candidate.taskId);
    if (candidate.outcome === null || task === undefined || seen.has(candidate.cacheKey)) continue;
    seen.add(candidate.cacheKey);
    episodes.push({
      id: candidate.cacheKey,
      taskId: candidate.taskId,
      prompt: context.prompt(task),
      program: context.completion(candidate.program),
      reward: reward(candidate.outcome),
      ...(candidate.logProbs.length > 0 ? { tokens: candidate.tokens } : {}),
      behaviourLogProbs: candidate.logProbs.length > 0 ? candidate.logProbs : null,
      policyVersion: candidate.policyVersion,
    });
  }
  return episodes;
};

type History = ReadonlyArray<StoredCandidate>;

/** Those and the tasks with a passing program in a history. */
const solvedBy = (before: ReadonlySet<string>, history: History): ReadonlySet<string> =>
  new Set([...before, ...history.filter((c) => c.outcome === "Passed").map(({ taskId }) => taskId)]);

/** Tasks with a passing program in the offline data or in an earlier online stage. */
const solvedBeforeStage = Effect.fnUntraced(function* (context: RunContext, index: number) {
  const store = yield* RunStore;
  const offline = context.offline.filter((e) => e.reward === 1).map(({ taskId }) => taskId);
  const earlier = yield* Effect.forEach(
    context.config.stages.flatMap(({ kind }, i) => (kind === "online" && i < index ? [i] : [])),
    (stage) => store.candidates(stage),
  );
  return solvedBy(new Set(offline), earlier.flat());
});

/** Judged programs a task. */
const attemptsOf = (history: History): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { taskId, outcome } of history)
    if (outcome !== null) counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  return counts;
};

/** Runs rounds until the budget, the cap on programs or the number of rounds is reached. */
export const run = Effect.fn("Online.run")(function* <E>(context: RunContext, spec: OnlineSpec<E>) {
  const store = yield* RunStore;
  const compute = yield* Compute;
  const safePoint = yield* SafePoint;
  const { remote } = yield* Generator;
  const { index, stage } = spec;
  const tasks = new Map<string, Task>(context.tasks.train.map((task) => [task.id, task]));
  const offlineIds = new Set(context.offline.map((episode) => episode.id));
  const solvedBefore = yield* solvedBeforeStage(context, index);
  let carried = spec.carried;

  // The online part of the replay buffer is rebuilt in the order in which it grew.
  const earlier = (yield* store.candidates(index)).filter(({ round }) => round < spec.from);
  yield* compute.addEpisodes("online", episodesOf(context, earlier, offlineIds));
  let history: History = earlier;

  let round = spec.from;
  for (; stage.rounds === null || round < stage.rounds; round++) {
    yield* safePoint.pass;
    let candidates = yield* store.candidates(index, round);
    if (!isWritten(remote, candidates)) {
      const verifications = yield* store.budget("verifications");
      const generated = yield* store.budget("generated");
      const left = verifications.limit - verifications.spent - verifications.reserved;
      const affordable = Math.min(
        stage.programsPerRound,
        SURPLUS * left,
        candidates.length + generated.limit - generated.spent - generated.reserved,
      );
      if (affordable <= 0) break;
      const problems = Selection.problems({
        tasks: context.tasks.train,
        history,
        solvedBefore,
        strategy: stage.selector,
        count: Math.max(1, Math.floor(affordable / stage.samplesPerProblem)),
        random: Random.make(context.config.seed).split(`select/${index}/${round}`),
      });
      const items: Array<RolloutItem> = problems.flatMap((task) => {
        const before = history.filter(({ taskId }) => taskId === task.id).length;
        return Array.from({ length: stage.samplesPerProblem }, (_, i) => ({ task, sample: before + i }));
      });
      yield* writeRound(context, {
        index,
        round,
        stage,
        carried,
        items: items.slice(0, affordable),
        written: new Set(candidates.map(({ slot }) => slot)),
      });
      candidates = yield* store.candidates(index, round);
    }
    yield* verifyRound(tasks, candidates, {
      strategy: stage.selector,
      solved: solvedBy(solvedBefore, history),
      attempts: attemptsOf(history),
      random: Random.make(context.config.seed).split(`verify/${index}/${round}`),
    });
    candidates = yield* store.candidates(index, round);
    const ran = candidates.filter(({ decision }) => decision === "verified" || decision === "fault");
    yield* CircuitBreaker.check(ran.filter(({ decision }) => decision === "fault").length, ran.length);
    history = [...history, ...candidates];
    const episodes = episodesOf(context, candidates, offlineIds);
    yield* compute.addEpisodes("online", episodes);
    const solved = solvedBy(solvedBefore, history);
    yield* store.append({
      _tag: "RoundFinished",
      index,
      round,
      verified: candidates.filter(({ decision }) => decision === "verified").length,
      cacheHits: candidates.filter(({ decision }) => decision === "cached").length,
      passed: candidates.filter(({ outcome }) => outcome === "Passed").length,
      unverified: candidates.filter(({ outcome }) => outcome === null).length,
      solvedTasks: solved.size,
    });

    // Measured where the policy is still the one that the stage began with: the first round has its guard too.
    if (carried.best === null) carried = yield* Guard.baseline(context, { index, stage, carried });
    yield* update({
      index,
      stage,
      round,
      offlineFraction: stage.offlineFraction,
    });
    const version = carried.policyVersion + 1;
    const id = `stage-${index}-round-${round}`;
    carried = { ...carried, policyVersion: version };
    const guard = yield* Guard.check(context, { index, stage, round, carried, id });
    carried = {
      ...guard.carried,
      onlineRounds: { ...carried.onlineRounds, [stage.label]: round + 1 },
    };
    if (guard.restore !== null) yield* spec.restore(guard.restore);
    yield* spec.checkpoint(round + 1, carried, id);
    yield* store.append({ _tag: "PolicyPublished", version, checkpoint: id }, yield* progress(index));
  }
  return carried;
});

/** Progress in verifications, the unit that a person pays in. */
const progress = Effect.fnUntraced(function* (index: number) {
  const store = yield* RunStore;
  const { spent, limit } = yield* store.budget("verifications");
  return { _tag: "StageProgress", index, done: spent, total: limit } as const;
});

/** The updates of one round, of the online stage or of its control. */
export const update = Effect.fn("Online.update")(function* (spec: {
  readonly index: number;
  readonly stage: OnlineStage;
  readonly round: number;
  readonly offlineFraction: number;
}) {
  const store = yield* RunStore;
  const compute = yield* Compute;
  const safePoint = yield* SafePoint;
  for (const { training, steps, learningRate } of spec.stage.updates) {
    for (let step = 0; step < steps; step++) {
      yield* safePoint.pass;
      const values = yield* compute.trainStep({
        training,
        learningRate,
        offlineFraction: spec.offlineFraction,
      });
      yield* store.append({
        _tag: "Metrics",
        index: spec.index,
        training,
        step: spec.round * steps + step + 1,
        values,
      });
    }
  }
});
