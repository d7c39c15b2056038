/**
 * Seconds as a sum of kinds of work. What is not known of one kind (how long a program will be, how fast the machine
 * is while a step runs) errs the same way each time that it is done; the errors of different kinds are independent.
 * Pure.
 */
import type { Interval } from "../domain/Planned.ts";

/** Kinds of work: seconds of each, and the standard deviation of its error relative to that. */
export interface Work {
  readonly [kind: string]: { readonly seconds: number; readonly error: number };
}

/** 90 % quantile of the standard normal: two-sided 80 %, as Planned.ts says. */
const Z80 = 1.2815515655446004;

/** Standard deviation of what slows or speeds the whole run: other work on the machine, its clock, its heat. */
const MACHINE = 0.12;

export const add = (...works: ReadonlyArray<Work>): Work => {
  const kinds = new Set(works.flatMap((work) => Object.keys(work)));
  return Object.fromEntries(
    Array.from(kinds, (kind) => {
      const parts = works.flatMap((work) => work[kind] ?? []);
      const seconds = parts.reduce((sum, part) => sum + part.seconds, 0);
      // Weighted by what each part takes: a kind is one quantity, measured once.
      const error =
        seconds === 0 ? 0 : parts.reduce((sum, part) => sum + part.seconds * part.error, 0) / seconds;
      return [kind, { seconds, error }];
    }),
  );
};

export const times = (work: Work, factor: number): Work =>
  Object.fromEntries(
    Object.entries(work).map(([kind, { seconds, error }]) => [kind, { seconds: seconds * factor, error }]),
  );

export const total = (work: Work): number =>
  Object.values(work).reduce((sum, { seconds }) => sum + seconds, 0);

/** The interval of a log-normal error, so that nothing takes less than no time. */
export const spread = (mid: number, error: number): Interval => {
  const factor = Math.exp(Z80 * error);
  return { low: mid / factor, mid, high: mid * factor };
};

/** Seconds of some work, with the interval that is to hold them in 80 of 100 runs. */
export const interval = (work: Work): Interval => {
  const mid = total(work);
  if (mid === 0) return { low: 0, mid: 0, high: 0 };
  const variance = Object.values(work).reduce((sum, { seconds, error }) => sum + (seconds * error) ** 2, 0);
  return spread(mid, Math.hypot(Math.sqrt(variance) / mid, MACHINE));
};
