/**
 * How many of the last minute's runs the sandbox failed, told from its counts over time.
 *
 * Faults are never counted as wrong answers, but what is left after many of them is a biased sample, and a machine in
 * that state is no place to train.
 */
import type { SandboxMetrics } from "../domain/SandboxMetrics.ts";

/** Counts at a time (milliseconds). */
interface Sample extends Pick<SandboxMetrics, "attempts" | "faults"> {
  readonly at: number;
}

/** In order of time; the first is at most one that is older than the window: what the rest is counted from. */
export type FaultWindow = readonly [Sample, ...ReadonlyArray<Sample>];

export const WINDOW_MILLIS = 60_000;
/** Over this share of faults, of at least this many runs, the sandbox is taken to be broken. */
export const SHARE = 0.2;
export const AT_LEAST = 10;

/** Nothing before `now` counts. */
export const start = (now: number, { attempts, faults }: SandboxMetrics): FaultWindow => [
  { at: now, attempts, faults },
];

/** The window after a look at the counts. */
export const observe = (window: FaultWindow, now: number, metrics: SandboxMetrics): FaultWindow => {
  const samples = [...window, { at: now, attempts: metrics.attempts, faults: metrics.faults }];
  const inside = samples.findIndex(({ at }) => at > now - WINDOW_MILLIS);
  const [first = samples[0], ...rest] = samples.slice(Math.max(0, inside - 1));
  return [first, ...rest];
};

/** Runs and faults of the last minute. */
export const lately = (window: FaultWindow): Pick<Sample, "attempts" | "faults"> => {
  const last = window.at(-1) ?? window[0];
  return { attempts: last.attempts - window[0].attempts, faults: last.faults - window[0].faults };
};

export const isBroken = (window: FaultWindow): boolean => {
  const { attempts, faults } = lately(window);
  return attempts >= AT_LEAST && faults > SHARE * attempts;
};
