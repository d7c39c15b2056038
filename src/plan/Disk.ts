/** Bytes that a run directory comes to: checkpoints, the policy, the database, evaluated programs. Pure. */
import type { RunConfig } from "../config/RunConfig.ts";
import type { Interval } from "../domain/Planned.ts";
import type { Calibration } from "./Calibration.ts";

/** Bytes in the database of an optimizer step's events, and of a program's beside its tokens. */
const STEP = 900;
const PROGRAM = 1500;
/** Of a token with its log-prob in the database, and of its text in a file of an evaluation. */
const TOKEN = 24;
const TEXT = 4;
/** Bytes beside all of these: the database's write-ahead log, empty to full, and the tokenizer's files. */
const OTHER: Interval = { low: 0, mid: 3e6, high: 8e6 };
/** Checkpoints that are kept beside the stages' ends: see store/Checkpoints.ts. */
const LAST = 2;

interface Planned {
  readonly kind: string;
  readonly steps: number;
  readonly programs: number;
  readonly rounds: Interval | null;
  readonly spends: { readonly generated?: Interval };
}

export const of = (
  facts: { readonly config: RunConfig; readonly parameters: number; readonly calibration: Calibration },
  stages: ReadonlyArray<Planned>,
  saved: number,
): Interval => {
  const { config, parameters, calibration } = facts;
  const { bytes } = calibration.checkpoint;
  const tokens = calibration.tokens.mean;
  const trains = stages.some(({ kind }) => kind === "offline" || kind === "online");
  const ends = stages.filter(({ kind }) => kind !== "evaluate").length + 1;
  const guarded = config.stages.filter(
    (stage) => (stage.kind === "online" || stage.kind === "offline") && stage.validation !== null,
  ).length;
  // The best of a guarded stage stays too, and each that was the best for a while.
  const few = Math.min(saved, ends);
  const some = Math.min(saved, ends + LAST + guarded);
  const kept =
    config.keepCheckpoints === "all"
      ? { low: saved, mid: saved, high: saved }
      : { low: few, mid: some, high: Math.max(some, Math.min(saved, ends + LAST + 4 * guarded)) };
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  const evaluated = stages.reduce((sum, stage) => sum + stage.programs, 0);
  const written = stages.reduce((sum, { spends }) => sum + (spends.generated?.mid ?? 0), 0);
  const log =
    STEP * steps + written * (PROGRAM + TOKEN * tokens) + evaluated * (120 + TEXT * tokens) + 100_000;
  const policy = trains ? 4 * parameters : 0;
  const at = (end: keyof Interval, share: number): number =>
    (trains ? kept[end] * bytes : 0) + policy + OTHER[end] + share * log;
  return { low: at("low", 0.5), mid: at("mid", 1), high: at("high", 2) };
};
