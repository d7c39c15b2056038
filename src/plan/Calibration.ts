/**
 * A calibration: how fast a run's own policy, trainings and sandboxes are on this machine, as measured by Calibrate.ts,
 * and where the last one of each kind is kept.
 */
import * as Crypto from "node:crypto";
import * as Fs from "node:fs/promises";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { RunConfig } from "../config/RunConfig.ts";

/** Goes up when what is measured changes: an older file is no calibration any more. */
const VERSION = 1;

/** Seconds that each of some repetitions took. */
const Samples = Schema.Array(Schema.Number);

/** Programs decoded together: how many, and the seconds of each time. */
const Chunk = Schema.Struct({ programs: Schema.Int, seconds: Samples });
export type Chunk = typeof Chunk.Type;

export const Calibration = Schema.Struct({
  version: Schema.Literal(VERSION),
  /** Milliseconds since 1970 when it was made, and the seconds that it took. */
  at: Schema.Number,
  seconds: Schema.Number,
  machine: Schema.Struct({ processor: Schema.String, cores: Schema.Int }),
  /** Seconds until the policy was open and the offline data in the replay memory. */
  opening: Schema.Number,
  /** Optimizer steps by training, without the first, which prepares the graph; empty: there was nothing to train on. */
  steps: Schema.Record(Schema.String, Samples),
  /** A small and a full chunk of programs, by the policy itself. */
  generation: Schema.Array(Chunk),
  /** A full chunk with the critic's say in decoding; null where the run has no critic. */
  tilted: Schema.NullOr(Chunk),
  /** Mean and standard deviation of the tokens of a program. */
  tokens: Schema.Struct({ mean: Schema.Number, deviation: Schema.Number }),
  /** Mean tokens of the offline data's passing programs; null: there are none. */
  dataTokens: Schema.NullOr(Schema.Number),
  /** Share of each split's tasks whose prompt is no longer than the run takes. */
  fitting: Schema.Struct({ train: Schema.Number, validation: Schema.Number, test: Schema.Number }),
  /** Share of the programs, one a task, that no label answers. */
  fresh: Schema.Number,
  /** Share of the samples of one task, as many as an evaluation draws, that none before them repeats. */
  distinct: Schema.Number,
  /** Scoring programs: log-probs and, where there are, values. */
  scoring: Chunk,
  /** What the monitors of a guard take for as many programs. */
  monitors: Schema.NullOr(Chunk),
  /** Distinct programs through the sandboxes, all slots at once; wall seconds of all, CPU seconds of one. */
  verification: Schema.Struct({
    programs: Schema.Int,
    seconds: Schema.Number,
    cpu: Schema.Struct({ mean: Schema.Number, deviation: Schema.Number }),
  }),
  checkpoint: Schema.Struct({ bytes: Schema.Number, save: Schema.Number, restore: Schema.Number }),
});
export type Calibration = typeof Calibration.Type;

const processor = (): Calibration["machine"] => ({
  processor: Os.cpus()[0]?.model ?? "unknown",
  cores: Os.availableParallelism(),
});

/** The machine that this is. */
export const machine = Effect.sync(processor);

/**
 * What a calibration depends on. Numbers of steps, budgets, tasks and samples are not among it: plans of all of them
 * rest on the same one.
 */
const keyOf = (config: RunConfig): string => {
  const { policy, dataset, compute, sandbox, trainings } = config;
  const parts = { VERSION, policy, dataset, compute, sandbox, trainings, machine: processor() };
  return Crypto.createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
};

const fileOf = (config: RunConfig): string =>
  Path.join(config.output, "calibrations", `${keyOf(config)}.json`);

/** The last calibration that is one of this configuration on this machine; null: there is none, or it cannot be read. */
export const last = (config: RunConfig): Effect.Effect<Calibration | null> =>
  Effect.promise(() => Fs.readFile(fileOf(config), "utf8").catch(() => null)).pipe(
    Effect.flatMap((text) =>
      text === null
        ? Effect.succeed(null)
        : Schema.decodeUnknownEffect(Schema.fromJsonString(Calibration))(text).pipe(
            Effect.orElseSucceed(() => null),
          ),
    ),
  );

/** Keeps a calibration for later plans; succeeds with where. */
export const keep = Effect.fnUntraced(function* (config: RunConfig, calibration: Calibration) {
  const file = fileOf(config);
  yield* Effect.promise(async () => {
    await Fs.mkdir(Path.dirname(file), { recursive: true });
    await Fs.writeFile(`${file}.tmp`, `${JSON.stringify(calibration, null, 2)}\n`);
    await Fs.rename(`${file}.tmp`, file);
  });
  return file;
});
