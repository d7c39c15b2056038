/** Making plans from the command line: a calibration with the run's own services, and a plan from the last one. */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import type { RunConfig } from "../config/RunConfig.ts";
import * as ModelConfig from "../model/ModelConfig.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import type { Planned } from "../domain/Planned.ts";
import * as Prepare from "../orchestrator/Prepare.ts";
import * as Run from "../orchestrator/Run.ts";
import * as Calibrate from "../plan/Calibrate.ts";
import * as Calibration from "../plan/Calibration.ts";
import * as MemoryPlan from "../plan/MemoryPlan.ts";
import * as Plan from "../plan/Plan.ts";
import * as MemoryLimit from "../tensor/MemoryLimit.ts";
import * as SafePoint from "../stages/SafePoint.ts";
import * as Backend from "./Backend.ts";
import * as RunSandboxes from "./RunSandboxes.ts";
import * as Screen from "./Screen.ts";

/** Measures this machine with what the run is made of. */
export const calibrate = Effect.fn("Calibrating.calibrate")(function* (
  config: RunConfig,
  loaded: Prepare.Loaded,
) {
  yield* Backend.prepare(config.compute.backend);
  Screen.say("Calibrating: some programs, some steps, a checkpoint; none of it is kept.");
  return yield* Prepare.prepare(config, loaded).pipe(
    Effect.flatMap(({ context }) => Calibrate.run(context, (part) => Screen.say(`  ${part}`))),
    Effect.provide(
      Layer.mergeAll(
        ComputeWorker.layer,
        RunSandboxes.layer(config, loaded),
        Layer.succeed(SafePoint.SafePoint, SafePoint.passing(Effect.void)),
      ),
    ),
    Effect.scoped,
  );
});

/** The plan of a run that is about to start, where a calibration of it was made on this machine before. */
export const known = Effect.fn("Calibrating.known")(function* (config: RunConfig, loaded: Prepare.Loaded) {
  const calibration = yield* Calibration.last(config);
  if (calibration === null) return null;
  const policy = yield* PolicyFiles.read(config.policy.path, {
    weights: config.policy.init === "random" ? "optional" : "required",
  });
  const { memory } = MemoryPlan.make(policy, Run.openSpec(config), MemoryLimit.limit());
  const {
    calibrated,
    disk,
    memory: bytes,
    seconds,
    spends,
    stages,
  } = planOf(config, loaded, policy, memory.peak, calibration);
  return {
    calibrated,
    disk,
    memory: bytes,
    seconds,
    spends,
    stages: stages.map(({ kind, label, seconds: took, spends: spent }) => ({
      kind,
      label,
      seconds: took,
      spends: spent,
    })),
  } satisfies Planned;
});

/** The plan of a run that rests on a calibration. `memory`: predicted bytes at the most. */
export const planOf = (
  config: RunConfig,
  loaded: Prepare.Loaded,
  policy: PolicyFiles.PolicyFiles,
  memory: number,
  calibration: Calibration.Calibration,
): Plan.Plan =>
  Plan.make({
    config,
    tasks: Prepare.splits(config, loaded.tasks),
    parameters: ModelConfig.parameterCount(policy.config),
    memory,
    calibration,
  });
