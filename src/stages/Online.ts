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
import { type OnlineStage, programLimits } from "../config/RunConfig.ts";
import * as Budget from "../domain/Budget.ts";
import * as Costs from "../domain/Costs.ts";
import type { Task } from "../domain/Task.ts";
import * as Random from "../random/Random.ts";
import { Generator } from "../generator/Generator.ts";
import { RunStore, type StoredCandidate } from "../store/RunStore.ts";
import * as BestOf from "./BestOf.ts";
import * as BrokenPrograms from "./BrokenPrograms.ts";
import * as Changes from "./Changes.ts";
import * as Choosing from "./Choosing.ts";
import * as CircuitBreaker from "./CircuitBreaker.ts";
import * as FreeAnswers from "./FreeAnswers.ts";
import * as Guard from "./Guard.ts";
import * as Judges from "./Judges.ts";
import * as Memory from "./Memory.ts";
import * as Pacing from "./Pacing.ts";
import * as ProblemViews from "./ProblemViews.ts";
import type { RolloutItem } from "./Rollout.ts";
import * as RoundFigures from "./RoundFigures.ts";
import type { Carried, RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";
import * as SandboxFigures from "./SandboxFigures.ts";
import * as Updates from "./Updates.ts";
import { headsOf, paidFor, undecided, verifyRound } from "./VerifyRound.ts";
import { isWritten, maxTokens, writeRound } from "./WriteRound.ts";

/** Programs written for each verification that is left: repeats are free, but the rest would stay unverified. */
const SURPLUS = 4;

export const surplus = ({ bestOf, samplesPerProblem }: OnlineStage): number =>
  bestOf === null ? SURPLUS : (SURPLUS * samplesPerProblem) / bestOf.keep;

export interface OnlineSpec<E> {
  readonly index: number;
  readonly stage: OnlineStage;
  /** Rounds done before, when the stage is taken up again. */
  readonly from: number;
  readonly carried: Carried;
  readonly checkpoint: (done: number, carried: Carried, id: string) => Effect.Effect<void, E>;
  readonly restore: (checkpoint: string) => Effect.Effect<void, E>;
}

type History = ReadonlyArray<StoredCandidate>;

/** What earlier online stages wrote. */
const earlierStages = Effect.fnUntraced(function* (context: RunContext, index: number) {
  const store = yield* RunStore;
  const before = context.config.stages.flatMap(({ kind }, i) => (kind === "online" && i < index ? [i] : []));
  return (yield* Effect.forEach(before, (stage) => store.candidates(stage))).flat();
});

/** Outcomes of the problems, from the offline data and from what was written. */
const outcomesOf = (context: RunContext, written: History) => [
  ...context.offline.flatMap(({ taskId, reward }) =>
    reward === null ? [] : [{ taskId, passed: reward === 1 }],
  ),
  ...written.flatMap(({ taskId, outcome }) =>
    outcome === null ? [] : [{ taskId, passed: outcome === "Passed" }],
  ),
];

/** Tasks with a passing program among these. */
const solvedBy = (context: RunContext, written: History): ReadonlySet<string> =>
  new Set(outcomesOf(context, written).flatMap(({ taskId, passed }) => (passed ? [taskId] : [])));

/** Runs rounds until the budget, the cap on programs or the number of rounds is reached. */
export const run = Effect.fn("Online.run")(function* <E>(context: RunContext, spec: OnlineSpec<E>) {
  const store = yield* RunStore;
  const compute = yield* Compute;
  const safePoint = yield* SafePoint;
  const { remote } = yield* Generator;
  const { index, stage } = spec;
  const { seed, trainings } = context.config;
  const tasks = new Map<string, Task>(context.tasks.train.map((task) => [task.id, task]));
  const earlier = yield* earlierStages(context, index);
  const watched: Guard.Guarded = { ...stage, unknownAtStart: [] };
  let carried = spec.carried;

  if (!stage.retain.offline) yield* compute.clearEpisodes("offline");
  let history: History = yield* Memory.replay(context, stage, index, spec.from);

  if (carried.pace === null) carried = { ...carried, pace: Pacing.start(stage.pacing) };
  const prices = context.config.budget.prices ?? null;
  const costs = Costs.verifications(programLimits(context.config.sandbox), prices);
  const program = Costs.programs(1, maxTokens(context.config, stage), prices);
  const dearest = context.tasks.train
    .map(costs.worst)
    .reduce((a, b) => ((b.cpuSeconds ?? 0) > (a.cpuSeconds ?? 0) ? b : a), { verifications: 1 });
  const accountsNow = Effect.map(store.accounts(index), (found) => [found.run, found.stage] as const);
  /** Verifications that the stage had left when the round began: `paid` is what the round took since. */
  const leftAtStart = Effect.fnUntraced(function* (paid: number) {
    const accounts = yield* accountsNow;
    const own = accounts[1].verifications.limit ?? stage.verifications ?? Number.POSITIVE_INFINITY;
    return Math.min(Budget.times(accounts, { verifications: 1 }) + paid, own - paidFor(history));
  });
  let round = spec.from;
  for (; !carried.halted && (stage.rounds === null || round < stage.rounds); round++) {
    yield* safePoint.pass;
    if (Pacing.isOver(stage.pacing, carried.pace)) break;
    let candidates = yield* store.candidates(index, round);
    const left = yield* leftAtStart(paidFor(candidates));
    const most = Pacing.most(stage.pacing, carried.pace, round, left);
    const views = ProblemViews.of(
      {
        taskIds: context.tasks.train.map(({ id }) => id),
        offline: context.offline,
        earlier,
        history,
        policyVersion: carried.policyVersion,
      },
      stage.selection,
    );
    const random = Random.make(seed).split(`select/${index}/${round}`);
    const choosing = { stage, views, soFar: carried.selectionJudges, random };
    if (!isWritten(remote, candidates)) {
      const accounts = yield* accountsNow;
      const writable = candidates.length + Budget.times(accounts, program);
      const affordable = Math.min(stage.programsPerRound, Math.floor(surplus(stage) * most), writable);
      if (affordable <= 0 || Budget.times(accounts, dearest) < 1) {
        const unit =
          Budget.binding(accounts, dearest) ?? Budget.binding(accounts, program) ?? "verifications";
        yield* store.append({ _tag: "BudgetExhausted", index, unit });
        break;
      }
      const problems = Choosing.problems({
        ...choosing,
        tasks: context.tasks.train,
        count: Math.max(1, Math.floor(affordable / stage.samplesPerProblem)),
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
      if (candidates.length === 0) continue;
    }
    yield* BrokenPrograms.answer(tasks, candidates);
    yield* FreeAnswers.readShared(context, { index, round }, headsOf(candidates));
    const choice =
      stage.bestOf === null
        ? null
        : yield* BestOf.choose(context, tasks, {
            bestOf: stage.bestOf,
            heads: headsOf(candidates),
            soFar: carried.judges,
            random: Random.make(seed).split(`best-of/${index}/${round}`),
          });
    const fresh = yield* undecided(headsOf(candidates));
    const selected = yield* Choosing.programs(context, tasks, {
      ...choosing,
      heads: fresh.filter(({ slot }) => choice?.allowed.has(slot) ?? true),
      known: [...earlier, ...history],
      count: most,
      // The best of n has a share of its own that is verified whole.
      share: choice === null ? stage.selection.random : 0,
    });
    const judged = FreeAnswers.judgedBefore(context, tasks, [...earlier, ...history]);
    yield* verifyRound(tasks, candidates, { slots: Choosing.slots(selected), most, costs, judged });
    candidates = yield* store.candidates(index, round);
    const ran = candidates.filter(({ decision }) => decision === "verified" || decision === "fault");
    yield* CircuitBreaker.check(ran.filter(({ decision }) => decision === "fault").length, ran.length);
    const changes = Changes.of(
      outcomesOf(context, [...earlier, ...history]),
      candidates,
      Changes.learningOf(trainings, stage.updates),
    );
    history = [...history, ...candidates];
    const added = yield* Memory.grow(context, stage, candidates);
    if (choice !== null) {
      const tallies = BestOf.measure(choice, candidates);
      yield* store.append(BestOf.event(index, round, choice.by, tallies));
      carried = { ...carried, judges: Judges.add(carried.judges, tallies) };
    }
    const measured = Choosing.measure(index, round, selected, candidates);
    carried = { ...carried, selectionJudges: Judges.add(carried.selectionJudges, measured.tallies) };
    const figures = RoundFigures.of(candidates);
    yield* store.append(
      { _tag: "Metrics", index, training: "round", step: round + 1, values: figures },
      measured.event,
      {
        _tag: "RoundFinished",
        index,
        round,
        verified: candidates.filter(({ decision }) => decision === "verified").length,
        cacheHits: candidates.filter(({ decision }) => decision === "cached").length,
        passed: candidates.filter(({ outcome }) => outcome === "Passed").length,
        unverified: candidates.filter(({ outcome }) => outcome === null).length,
        solvedTasks: solvedBy(context, [...earlier, ...history]).size,
        ...changes,
      },
      yield* SandboxFigures.event(index, round),
    );

    // Measured where the policy is still the one that the stage began with: the first round has its guard too.
    if (carried.best === null) {
      const at = { index, round: Guard.BEFORE };
      const start = carried.onlineStart[stage.label];
      carried = yield* Guard.baseline(context, { at, stage: watched, carried, figures, id: start });
    }
    const before = carried.onlineUpdates[stage.label] ?? [];
    const plan = Updates.plan({ trainings, stage, round, fresh: added, carried });
    const made = yield* Updates.run({ index, ...plan, before });
    // A round that left the policy as it was publishes none.
    const trained = Updates.movesPolicy(trainings, made);
    const id = `stage-${index}-round-${round}`;
    carried = {
      ...carried,
      policyVersion: carried.policyVersion + (trained ? 1 : 0),
      onlineUpdates: { ...carried.onlineUpdates, [stage.label]: [...before, made] },
    };
    const guard = yield* Guard.check(context, { at: { index, round }, stage: watched, carried, figures, id });
    const { best } = guard.carried;
    const moves = { passAt1: best?.passAt1 ?? null, brier: measured.brier };
    carried = { ...guard.carried, pace: Pacing.next(stage.pacing, guard.carried.pace, moves) };
    if (guard.restore !== null) yield* spec.restore(guard.restore);
    yield* spec.checkpoint(round + 1, carried, id);
    const version = carried.policyVersion;
    yield* store.append(
      ...(trained ? [{ _tag: "PolicyPublished", version, checkpoint: id } as const] : []),
      yield* progress(index, stage, history),
    );
  }
  if (!stage.retain.offline) yield* compute.addEpisodes("offline", context.offline);
  return carried;
});

/** Progress in verifications, the unit that a person pays in. */
const progress = Effect.fnUntraced(function* (index: number, stage: OnlineStage, history: History) {
  const store = yield* RunStore;
  const own = stage.verifications;
  if (own !== null) return { _tag: "StageProgress", index, done: paidFor(history), total: own } as const;
  const { spent, limit } = yield* store.budget("verifications");
  return { _tag: "StageProgress", index, done: spent, total: limit ?? spent } as const;
});
