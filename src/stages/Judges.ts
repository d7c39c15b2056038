/**
 * How well a judge tells passing programs from failing ones of the same problem, as counts that add up over rounds.
 * Pure.
 */
import type { Judge } from "../config/StageConfig.ts";

/** A judged sample with a judge's score; higher is better. */
export interface Scored {
  readonly taskId: string;
  readonly passed: boolean;
  readonly score: number;
}

/** Pairs of a pass and a failure, and those in which the pass scores higher; a tie is half of one. */
export interface Tally {
  readonly won: number;
  readonly pairs: number;
}

export type Tallies = Readonly<Partial<Record<Judge, Tally>>>;

export const byTask = <A extends { readonly taskId: string }>(
  items: ReadonlyArray<A>,
): ReadonlyArray<Array<A>> => {
  const groups = new Map<string, Array<A>>();
  for (const item of items) {
    const group = groups.get(item.taskId);
    if (group === undefined) groups.set(item.taskId, [item]);
    else group.push(item);
  }
  return [...groups.values()];
};

/** Of samples that are all compared with each other. */
export const tally = (samples: ReadonlyArray<Omit<Scored, "taskId">>): Tally => {
  const failures = samples.filter(({ passed }) => !passed);
  const passes = samples.filter(({ passed }) => passed);
  let won = 0;
  for (const p of passes)
    for (const f of failures) won += p.score > f.score ? 1 : p.score === f.score ? 0.5 : 0;
  return { won, pairs: passes.length * failures.length };
};

/** Of each task. */
export const tallies = (samples: ReadonlyArray<Scored>): ReadonlyArray<Tally> => byTask(samples).map(tally);

export const sum = (all: ReadonlyArray<Tally>): Tally =>
  all.reduce((a, b) => ({ won: a.won + b.won, pairs: a.pairs + b.pairs }), { won: 0, pairs: 0 });

/** The probability that a pass scores above a failure of its problem; null where no pair was seen. */
export const auroc = ({ won, pairs }: Tally): number | null => (pairs === 0 ? null : won / pairs);

/** Rank of each score among those of its task, from 0; equal scores share the lower rank. */
export const ranks = (
  samples: ReadonlyArray<{ readonly taskId: string; readonly score: number }>,
): ReadonlyArray<number> => {
  const sorted = new Map(
    byTask(samples).map((group) => [group[0]?.taskId, group.map(({ score }) => score).sort((a, b) => a - b)]),
  );
  return samples.map(({ taskId, score }) => sorted.get(taskId)?.indexOf(score) ?? 0);
};

/** Every judge's counts of two rounds together. */
export const add = (a: Tallies, b: Tallies): Tallies => {
  const judges = new Set([...Object.keys(a), ...Object.keys(b)]) as ReadonlySet<Judge>;
  return Object.fromEntries(
    [...judges].map((judge) => [judge, sum([a, b].flatMap((of) => of[judge] ?? []))]),
  );
};

/**
 * Who chooses: the judge that is asked for, if it beat the log-prob on the verdicts so far and these hold enough
 * pairs to say so; else the log-prob.
 */
export const choosing = (asked: Judge, soFar: Tallies, minPairs: number): Judge => {
  const of = (judge: Judge): Tally => soFar[judge] ?? { won: 0, pairs: 0 };
  const [own, toBeat] = [auroc(of(asked)), auroc(of("logProb"))];
  return own !== null && toBeat !== null && own > toBeat && of(asked).pairs >= minPairs ? asked : "logProb";
};
