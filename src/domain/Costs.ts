/**
 * What things take from a budget: the most that they may, which is reserved, and what they did. Pure.
 */
import { type Amounts, cost, type Prices, priced, toParts } from "./Budget.ts";
import { type Limits, type Task, testCount } from "./Task.ts";
import type { Verdict } from "./Verdict.ts";

/** Runs that one verification may take: a second one where the first told nothing of the program. */
export const ATTEMPTS = 2;

/** CPU seconds of one run at its limits: those of stdio tests hold for each test. */
const cpuOfRun = (tests: Task["tests"] | null, { cpuSeconds }: Limits): number =>
  cpuSeconds * (tests?.kind === "stdio" ? Math.max(1, testCount(tests)) : 1);

export interface Costs {
  /** The most that the verification of a program for a task may take. */
  readonly worst: (task: Pick<Task, "tests" | "limits">) => Amounts;
  /** What it took; earlier runs of the same program, of which nothing is known, count in full. */
  readonly actual: (task: Pick<Task, "tests" | "limits">, verdict: Verdict) => Amounts;
}

/** Verifications under the limits of tasks that have none of their own. */
export const verifications = (limits: Limits, prices: Prices | null): Costs => ({
  worst: (task) =>
    priced(prices, {
      verifications: 1,
      cpuSeconds: toParts("cpuSeconds", ATTEMPTS * cpuOfRun(task.tests, task.limits ?? limits)),
    }),
  actual: (task, { cpuSeconds, attempts = 1 }) => {
    const before = (attempts - 1) * cpuOfRun(task.tests, task.limits ?? limits);
    const taken = { verifications: 1, cpuSeconds: toParts("cpuSeconds", before + cpuSeconds) };
    return { ...taken, money: prices === null ? 0 : cost(prices, taken) };
  },
});

/** The most that writing `count` programs may take. */
export const programs = (count: number, maxTokens: number, prices: Prices | null): Amounts =>
  priced(prices, { generated: count, generatedTokens: count * maxTokens });

/** What writing them took. */
export const written = (count: number, tokens: number, prices: Prices | null): Amounts => {
  const taken = { generated: count, generatedTokens: tokens };
  return { ...taken, money: prices === null ? 0 : cost(prices, taken) };
};
