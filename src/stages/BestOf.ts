/**
 * Best-of-n in the online stage: of a problem's programs only the best by a judge are worth a verification.
 *
 * A share of the problems is verified whole. On these alone the judges are measured: verdicts that a judge chose
 * would flatter or starve it. A critic chooses nothing until it beats the policy's own log-prob there. Everything
 * follows from the round's candidates, the weights at its start and the seed, so a resumed round chooses the same.
 */
import * as Effect from "effect/Effect";
import { Compute, type ProgramScore } from "../compute/Compute.ts";
import type { Judge, OnlineStage } from "../config/StageConfig.ts";
import type { Task } from "../domain/Task.ts";
import type { Random } from "../random/Random.ts";
import type { StoredCandidate } from "../store/RunStore.ts";
import * as Judges from "./Judges.ts";
import type { RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";
import { undecided } from "./VerifyRound.ts";

export type BestOf = NonNullable<OnlineStage["bestOf"]>;

type Scores = ReadonlyMap<Judge, ReadonlyMap<number, number>>;

export interface Choice {
  /** Slots that may be verified. */
  readonly allowed: ReadonlySet<number>;
  /** Problems whose programs are all verified. */
  readonly whole: ReadonlySet<string>;
  /** Every judge's score of a program, by slot. */
  readonly scores: Scores;
  /** The judge that chose. */
  readonly by: Judge;
}

/** A program that may be verified: the first of its exact repeats, with no verdict from before the round. */
interface Choosable {
  readonly slot: number;
  readonly taskId: string;
}

/** The slots to verify and the problems that are verified whole. Equal scores: the lower slot first. Pure. */
export const select = (
  candidates: ReadonlyArray<Choosable>,
  score: (slot: number) => number,
  { keep, random: share }: Pick<BestOf, "keep" | "random">,
  random: Random,
): Pick<Choice, "allowed" | "whole"> => {
  const whole = new Set<string>();
  const allowed = new Set<number>();
  for (const programs of Judges.byTask(candidates)) {
    const { taskId } = programs[0];
    const all = random.split(taskId).chance(share);
    if (all) whole.add(taskId);
    const best = programs.sort((a, b) => score(b.slot) - score(a.slot) || a.slot - b.slot);
    for (const { slot } of best.slice(0, all ? best.length : keep)) allowed.add(slot);
  }
  return { allowed, whole };
};

/** Every judge's scores by slot; those of a critic only where there is one. */
const scoresOf = (
  heads: ReadonlyArray<StoredCandidate>,
  answers: ReadonlyArray<ProgramScore | null>,
): Scores => {
  // A program that is too long to be scored is the last to be chosen.
  const judged = heads.flatMap(({ slot, taskId }, i) => {
    const answer = answers[i];
    return answer === null ? [] : [{ slot, taskId, answer }];
  });
  const of = (score: (i: number) => number): ReadonlyMap<number, number> =>
    new Map(judged.map(({ slot }, i) => [slot, score(i)]));
  const ranksOf = (score: (answer: ProgramScore) => number) =>
    Judges.ranks(judged.map(({ taskId, answer }) => ({ taskId, score: score(answer) })));
  const scores = new Map<Judge, ReadonlyMap<number, number>>([
    ["logProb", of((i) => judged[i].answer.logProb)],
  ]);
  if (judged.some(({ answer }) => answer.advantage === null)) return scores;
  const advantage = (answer: ProgramScore): number => answer.advantage ?? 0;
  const [a, b] = [ranksOf(advantage), ranksOf(({ logProb }) => logProb)];
  return scores
    .set(
      "critic",
      of((i) => advantage(judged[i].answer)),
    )
    .set(
      "both",
      of((i) => a[i] + b[i]),
    );
};

/** Chooses among a round's programs. `heads`: the first of each exact repeat, by slot. */
export const choose = Effect.fn("BestOf.choose")(function* (
  context: RunContext,
  tasks: ReadonlyMap<string, Task>,
  spec: {
    readonly bestOf: BestOf;
    readonly heads: ReadonlyArray<StoredCandidate>;
    readonly soFar: Judges.Tallies;
    readonly random: Random;
  },
) {
  const compute = yield* Compute;
  const safePoint = yield* SafePoint;
  yield* safePoint.pass;
  const { bestOf, heads, soFar } = spec;
  const answers = yield* compute.score(
    heads.map(({ taskId, program }) => {
      const task = tasks.get(taskId);
      return {
        prompt: task === undefined ? "" : context.prompt(task),
        program: context.completion(program),
      };
    }),
  );
  const scores = scoresOf(heads, answers);
  const by = Judges.choosing(bestOf.judge, soFar, bestOf.minPairs);
  const score = (slot: number): number => scores.get(by)?.get(slot) ?? Number.NEGATIVE_INFINITY;
  const fresh = yield* undecided(heads);
  return { ...select(fresh, score, bestOf, spec.random), scores, by } satisfies Choice;
});

/** How the judges did on the verdicts that a round paid for in the problems that were verified whole. Pure. */
export const measure = (
  { scores, whole }: Choice,
  candidates: ReadonlyArray<StoredCandidate>,
): Judges.Tallies => {
  const judged = candidates.filter(({ decision, taskId }) => decision === "verified" && whole.has(taskId));
  return Object.fromEntries(
    [...scores].map(([judge, bySlot]) => {
      const scored = judged.flatMap(({ slot, taskId, outcome }) => {
        const score = bySlot.get(slot);
        return score === undefined ? [] : [{ taskId, passed: outcome === "Passed", score }];
      });
      return [judge, Judges.sum(Judges.tallies(scored))];
    }),
  );
};

/** A round's event. */
export const event = (index: number, round: number, by: Judge, tallies: Judges.Tallies) =>
  ({
    _tag: "JudgesMeasured",
    index,
    round,
    by,
    judges: Object.fromEntries(
      Object.entries(tallies).map(([judge, tally]) => [
        judge,
        { auroc: Judges.auroc(tally), pairs: tally.pairs },
      ]),
    ),
  }) as const;
