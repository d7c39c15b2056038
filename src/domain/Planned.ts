/**
 * What a run was planned to take, as it stands in its log, and how that compares with what it took. Pure.
 *
 * An interval is meant to hold the actual figure in 80 of 100 runs.
 */
import * as Schema from "effect/Schema";
import type { Unit } from "./Budget.ts";

export const Interval = Schema.Struct({ low: Schema.Number, mid: Schema.Number, high: Schema.Number });
export type Interval = typeof Interval.Type;

export const plus = (a: Interval, b: Interval): Interval => ({
  low: a.low + b.low,
  mid: a.mid + b.mid,
  high: a.high + b.high,
});

const holds = ({ low, high }: Interval, value: number): boolean => value >= low && value <= high;

/** What is spent from a budget, in units; a unit that is absent is not spent. */
export const Spends = Schema.Struct({
  verifications: Schema.optionalKey(Interval),
  generated: Schema.optionalKey(Interval),
  generatedTokens: Schema.optionalKey(Interval),
  cpuSeconds: Schema.optionalKey(Interval),
  money: Schema.optionalKey(Interval),
});
export type Spends = typeof Spends.Type;

/** Of a stage: seconds, and what it spends. */
export const PlannedStage = Schema.Struct({
  kind: Schema.String,
  label: Schema.String,
  seconds: Interval,
  spends: Spends,
});
export type PlannedStage = typeof PlannedStage.Type;

export const Planned = Schema.Struct({
  /** When the speeds that it rests on were measured, in milliseconds since 1970, and the seconds that this took. */
  calibrated: Schema.Struct({ at: Schema.Number, seconds: Schema.Number }),
  stages: Schema.Array(PlannedStage),
  /** Seconds from the run's first event to its last. */
  seconds: Interval,
  spends: Spends,
  /** Resident bytes of the process at the most. */
  memory: Interval,
  /** Bytes of the run directory. */
  disk: Interval,
});
export type Planned = typeof Planned.Type;

/** A planned figure beside what it came to; null where it was not measured. */
export interface Compared {
  readonly what: string;
  readonly unit: "seconds" | "bytes" | Unit;
  readonly planned: Interval;
  readonly actual: number | null;
  readonly inside: boolean | null;
}

export const compare = (
  what: string,
  unit: Compared["unit"],
  planned: Interval,
  actual: number | null,
): Compared => ({
  what,
  unit,
  planned,
  actual,
  inside: actual === null ? null : holds(planned, actual),
});
