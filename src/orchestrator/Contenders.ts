/** The checkpoints of a run that can be compared: which differ, what each was measured at, what its critic had learnt. */
import { createHash } from "node:crypto";
import * as Fs from "node:fs";
import * as Path from "node:path";
import { pipeline } from "node:stream/promises";
import * as Effect from "effect/Effect";
import type { RunConfig } from "../config/RunConfig.ts";
import type { LoggedEvent } from "../domain/RunEvent.ts";
import * as Checkpoint from "../learner/Checkpoint.ts";
import type { At } from "../stages/Guard.ts";
import * as Offline from "../stages/Offline.ts";
import type { Carried } from "../stages/RunContext.ts";
import * as Updates from "../stages/Updates.ts";
import type { CheckpointRecord } from "../store/RunStore.ts";

export interface Contender {
  readonly id: string;
  /** Later checkpoints with the same weights and tilt: a stage's end, a round that was rolled back to this one. */
  readonly also: ReadonlyArray<string>;
  /** Where in the run it was saved, in words. */
  readonly where: string;
  readonly directory: string;
  /** beta of the policy as it decodes. */
  readonly tilt: number;
  /** The guard's pass@1 on the validation tasks; null where it did not measure this one. */
  readonly measured: number | null;
  /** Whether a training of value heads had begun. */
  readonly critic: boolean;
}

const carriedOf = ({ state }: CheckpointRecord): Partial<Carried> => state ?? {};

const whereOf = ({ stages }: RunConfig, { stage, done }: CheckpointRecord): string => {
  if (done === 0) return stage === 0 ? "start" : `end of ${stages[stage - 1]?.label ?? stage - 1}`;
  const { kind, label } = stages[stage];
  return `${label}, ${kind === "online" ? "round" : "step"} ${done}`;
};

/** Checkpoint that a stage began with: the end of the one before it that saved any. */
export const startOf = (records: ReadonlyArray<CheckpointRecord>, index: number): string | null =>
  records.reduce<CheckpointRecord | null>(
    (found, record) =>
      record.done === 0 && record.stage <= index && record.stage >= (found?.stage ?? 0) ? record : found,
    null,
  )?.id ?? null;

/** The checkpoint that the guard's figures of an event are about. */
const measuredOf = (
  { stages }: RunConfig,
  records: ReadonlyArray<CheckpointRecord>,
  { index, round, step }: At,
): string | null => {
  if (round < 0) return startOf(records, index);
  if (step === undefined) return `stage-${index}-round-${round}`;
  const stage = stages[index];
  return stage?.kind === "offline" ? Offline.checkpointOf(index, step, stage.steps) : null;
};

/** The guard's figures by checkpoint. What was rolled back has none: its weights are gone. */
export const measurements = (
  config: RunConfig,
  records: ReadonlyArray<CheckpointRecord>,
  events: ReadonlyArray<LoggedEvent>,
): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  for (const { event } of events) {
    if (event._tag !== "ValidationMeasured" && event._tag !== "RolledBack") continue;
    const id = measuredOf(config, records, event);
    if (id === null) continue;
    if (event._tag === "ValidationMeasured") found.set(id, event.passAt1);
    else found.delete(id);
  }
  return found;
};

const digest = (file: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const hash = createHash("sha256");
    await pipeline(Fs.createReadStream(file), hash);
    return hash.digest("hex");
  });

const there = ({ directory }: CheckpointRecord): boolean =>
  Fs.existsSync(Path.join(directory, Checkpoint.WEIGHTS));

/**
 * The different ones among the checkpoints whose files are there, oldest first.
 * @param shipped whether the policy that the run began with had trained value heads
 */
export const list = Effect.fn("Contenders.list")(function* (
  config: RunConfig,
  records: ReadonlyArray<CheckpointRecord>,
  events: ReadonlyArray<LoggedEvent>,
  shipped: boolean,
) {
  const measured = measurements(config, records, events);
  const byContent = new Map<string, Contender>();
  for (const record of records.filter(there)) {
    const tilt = carriedOf(record).tilt ?? 0;
    const key = `${yield* digest(Path.join(record.directory, Checkpoint.WEIGHTS))}/${tilt}`;
    const same = byContent.get(key);
    byContent.set(
      key,
      same === undefined
        ? {
            id: record.id,
            also: [],
            where: whereOf(config, record),
            directory: record.directory,
            tilt,
            measured: measured.get(record.id) ?? null,
            critic: shipped || Updates.criticBegun(config, record.done > 0 ? record.stage + 1 : record.stage),
          }
        : {
            ...same,
            also: [...same.also, record.id],
            measured: same.measured ?? measured.get(record.id) ?? null,
          },
    );
  }
  return [...byContent.values()];
});
