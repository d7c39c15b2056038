/**
 * How many verifications a round may spend: all that it writes, an even share, or as many as still help.
 *
 * The adaptive schedule spends more while the held-out curve or the critic's error improves on its best so far, less
 * where neither does, and gives back what is left after a few rounds of that. Pure.
 */
import type { Pacing } from "../config/SelectionConfig.ts";

/** Where an adaptive schedule stands. */
export interface Pace {
  /** Verifications of the next round. */
  readonly verifications: number;
  /** Rounds in a row in which nothing moved. */
  readonly flat: number;
  /** The best validation pass@1 and the least Brier score so far; null where not measured. */
  readonly passAt1: number | null;
  readonly brier: number | null;
}

export const start = (pacing: Pacing): Pace | null =>
  pacing.kind === "adaptive"
    ? { verifications: pacing.verifications, flat: 0, passAt1: null, brier: null }
    : null;

/** Verifications that a round may spend, of `left` that the stage has at the round's start. */
export const most = (pacing: Pacing, pace: Pace | null, round: number, left: number): number => {
  if (pacing.kind === "even") return Math.ceil(left / Math.max(1, pacing.rounds - round));
  return Math.min(left, pace?.verifications ?? Number.POSITIVE_INFINITY);
};

/** Whether the stage ends before its budget does. */
export const isOver = (pacing: Pacing, pace: Pace | null): boolean =>
  pacing.kind === "adaptive" && pace !== null && pace.flat >= pacing.patience;

/** Improvement of a figure on the best one before; 0 for the first. */
const gain = (now: number | null, before: number | null, sign: 1 | -1): number =>
  now === null || before === null ? 0 : sign * (now - before);

const better = (now: number | null, before: number | null, sign: 1 | -1): number | null =>
  now === null || before === null ? (now ?? before) : sign * (now - before) > 0 ? now : before;

/** After a round. `passAt1`: on the validation tasks; `brier`: of the critic; null where not measured. */
export const next = (
  pacing: Pacing,
  pace: Pace | null,
  measured: { readonly passAt1: number | null; readonly brier: number | null },
): Pace | null => {
  if (pacing.kind !== "adaptive" || pace === null) return pace;
  const { passAt1, brier } = measured;
  const moved =
    gain(passAt1, pace.passAt1, 1) >= pacing.minGain || gain(brier, pace.brier, -1) >= pacing.minGain;
  // The first measurement of either says nothing about a move.
  const first = pace.passAt1 === null && pace.brier === null;
  const factor = moved || first ? pacing.growth : 1 / pacing.growth;
  return {
    verifications: first ? pace.verifications : Math.max(1, Math.round(pace.verifications * factor)),
    flat: moved || first ? 0 : pace.flat + 1,
    passAt1: better(passAt1, pace.passAt1, 1),
    brier: better(brier, pace.brier, -1),
  };
};
