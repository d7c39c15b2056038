/** A calibration with round figures, and the plan of the shipped configuration that rests on it. */
import * as Effect from "effect/Effect";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import type { RunConfig } from "../../src/config/RunConfig.ts";
import type { Task } from "../../src/domain/Task.ts";
import type { Calibration } from "../../src/plan/Calibration.ts";
import * as Plan from "../../src/plan/Plan.ts";

export const calibration: Calibration = {
  version: 1,
  at: 1_000_000,
  seconds: 12,
  machine: { processor: "test", cores: 2 },
  opening: 2,
  steps: { sft: [0.1, 0.1], cql: [0.2, 0.2] },
  generation: [
    { programs: 32, seconds: [0.4] },
    { programs: 128, seconds: [1] },
  ],
  tilted: { programs: 128, seconds: [2] },
  tokens: { mean: 20, deviation: 5 },
  dataTokens: 16,
  fitting: { train: 1, validation: 1, test: 1 },
  fresh: 0.8,
  distinct: 0.5,
  scoring: { programs: 128, seconds: [0.5] },
  monitors: { programs: 128, seconds: [0.6] },
  verification: { programs: 100, seconds: 1, cpu: { mean: 0.01, deviation: 0.005 } },
  checkpoint: { bytes: 20_000_000, save: 0.1, restore: 0.05 },
};

const task = (split: Task["split"], i: number): Task => ({
  id: `${split}/${i}`,
  source: "test",
  split,
  language: "javascript",
  statement: "",
  entryPoint: "f",
  tests: { kind: "call", cases: [{ args: [1], expected: 1 }], visible: 0 },
});

const tasks = (split: Task["split"], count: number): ReadonlyArray<Task> =>
  Array.from({ length: count }, (_, i) => task(split, i));

/** The shipped configuration, with changes. */
export const configured = (change: (config: RunConfig) => unknown = (config) => config) =>
  Effect.flatMap(ConfigFile.load("configs/default.json"), (config) =>
    ConfigFile.fromValue("test", change(config)),
  );

/** The plan of a configuration for so many tasks. */
export const planned = (config: RunConfig, changed: Partial<Calibration> = {}): Plan.Plan =>
  Plan.make({
    config,
    tasks: { train: tasks("train", 600), validation: tasks("validation", 100), test: tasks("test", 200) },
    parameters: 1_400_000,
    memory: 8e8,
    calibration: { ...calibration, ...changed },
  });
