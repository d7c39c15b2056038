/**
 * What each kind of work takes, from a calibration: medians, so that one repetition that something else held up does not
 * count. Pure.
 */
import { deviation, mean, median } from "../domain/Numbers.ts";
import type { Calibration, Chunk } from "./Calibration.ts";
import type { RunConfig } from "../config/RunConfig.ts";
import type { Work } from "./Estimate.ts";

/**
 * How far the speed of a kind of work strays in a run from what was measured before it, as a standard deviation: the
 * policy comes to write other programs than it did, steps draw batches of other lengths.
 */
const STRAY = {
  step: 0.1,
  unknownStep: 0.6,
  writing: 0.2,
  verifying: 0.5,
  scoring: 0.2,
  monitors: 0.3,
  checkpoint: 0.6,
  log: 0.5,
} as const;

/** Seconds that committing what one optimizer step, or one program, says takes. */
const LOGGED = 0.001;

/** Relative error of a mean of so few repetitions. */
const noise = (values: ReadonlyArray<number>): number => {
  if (values.length < 2) return 0.1;
  return deviation(values) / Math.sqrt(values.length - 1) / mean(values);
};

const one = (kind: string, seconds: number, error: number): Work => ({ [kind]: { seconds, error } });

const perProgram = ({ programs, seconds }: Chunk): number => median(seconds) / programs;

/** Whether the critic has a say in decoding; "perhaps" where a tilt stage before it chooses. */
export type Tilt = "no" | "perhaps" | "yes";

export interface Speeds {
  /** One optimizer step of a training. */
  readonly step: (training: string) => Work;
  readonly write: (programs: number, tilt: Tilt) => Work;
  /** Running distinct programs in the sandboxes. */
  readonly verify: (programs: number) => Work;
  readonly score: (programs: number) => Work;
  /** What a guard computes for its validation programs. */
  readonly monitor: (programs: number) => Work;
  readonly save: Work;
  readonly restore: Work;
}

/** Programs that decoding holds at once. */
const chunked = (programs: number, batch: number): { readonly full: number; readonly rest: number } => ({
  full: Math.floor(programs / batch),
  rest: programs % batch,
});

/** Seconds of a chunk of so many programs: a line through a small and a full one, and never less than nothing. */
const ofChunk = (chunks: ReadonlyArray<Chunk>, programs: number): number => {
  const few = chunks[0];
  const many = chunks[chunks.length - 1];
  const slope =
    few.programs === many.programs
      ? 0
      : (median(many.seconds) - median(few.seconds)) / (many.programs - few.programs);
  const line = median(many.seconds) - Math.max(0, slope) * (many.programs - programs);
  return Math.max(line, (median(many.seconds) * programs) / many.programs);
};

export const of = (calibration: Calibration, trainings: RunConfig["trainings"]): Speeds => {
  const { generation, tilted, scoring, monitors, verification, checkpoint } = calibration;
  const many = generation[generation.length - 1];
  const known = Object.values(calibration.steps).filter((samples) => samples.length > 0);
  const slowness = tilted === null ? 1 : median(tilted.seconds) / median(many.seconds);
  return {
    step: (training) => {
      const samples = calibration.steps[training] ?? [];
      const logged = one("log", LOGGED, STRAY.log);
      if (samples.length > 0) {
        const error = Math.hypot(STRAY.step, noise(samples));
        return { ...logged, ...one(`step ${training}`, median(samples), error) };
      }
      // Nothing to train on yet: as the other trainings, or as scoring a batch three times.
      const batch = trainings[training].batchSize;
      const like = known.length > 0 ? mean(known.map(median)) : 3 * batch * perProgram(scoring);
      return { ...logged, ...one(`step ${training}`, like, STRAY.unknownStep) };
    },
    write: (programs, tilt) => {
      const { full, rest } = chunked(programs, many.programs);
      const seconds = full * median(many.seconds) + (rest === 0 ? 0 : ofChunk(generation, rest));
      const error = Math.hypot(STRAY.writing, noise(many.seconds));
      if (tilt === "no") return one("writing", seconds, error);
      if (tilt === "yes") return one("writing with the critic", seconds * slowness, error);
      const unsure = Math.abs(slowness - 1) / (slowness + 1);
      return one(
        "writing, perhaps with the critic",
        (seconds * (1 + slowness)) / 2,
        Math.hypot(error, unsure),
      );
    },
    verify: (programs) =>
      one(
        "verifying",
        (programs * verification.seconds) / Math.max(1, verification.programs) + programs * LOGGED,
        STRAY.verifying,
      ),
    score: (programs) => one("scoring", programs * perProgram(scoring), STRAY.scoring),
    monitor: (programs) =>
      monitors === null ? {} : one("monitors", programs * perProgram(monitors), STRAY.monitors),
    save: one("checkpoints", checkpoint.save + 0.02, STRAY.checkpoint),
    restore: one("checkpoints", checkpoint.restore, STRAY.checkpoint),
  };
};
