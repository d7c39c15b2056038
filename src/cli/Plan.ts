/** `drydock plan CONFIG`: what a run will take, before anything is spent on it. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as ConfigFile from "../config/ConfigFile.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Room from "../model/files/Room.ts";
import * as Prepare from "../orchestrator/Prepare.ts";
import * as Run from "../orchestrator/Run.ts";
import * as Calibration from "../plan/Calibration.ts";
import * as MemoryPlan from "../plan/MemoryPlan.ts";
import * as Warnings from "../plan/Warnings.ts";
import * as MemoryLimit from "../tensor/MemoryLimit.ts";
import * as Algorithms from "./Algorithms.ts";
import * as Calibrating from "./Calibrating.ts";
import { json, print } from "./Output.ts";
import * as PlanView from "./PlanView.ts";
import { overrides } from "./Train.ts";

export const planCommand = Command.make(
  "plan",
  {
    file: Argument.String("config").pipe(Argument.withDescription("A run configuration")),
    calibrate: Flag.Boolean("calibrate").pipe(
      Flag.withDescription(
        "Measure this machine for it; --no-calibrate takes what was measured last for this configuration",
      ),
      Flag.withDefault(true),
    ),
    memory: Flag.Finite("memory").pipe(
      Flag.withDescription("GB that the process may take; default: what it may take on this machine"),
      Flag.optional,
    ),
    output: overrides.output,
    json,
  },
  Effect.fn(function* (options) {
    const read = yield* ConfigFile.load(options.file, { more: Algorithms.problems });
    const config = { ...read, output: Option.getOrElse(options.output, () => read.output) };
    const policy = yield* PolicyFiles.read(config.policy.path, {
      weights: config.policy.init === "random" ? "optional" : "required",
    });
    const available = Option.match(options.memory, {
      onNone: MemoryLimit.limit,
      onSome: (gigabytes) => gigabytes * 1e9,
    });
    const loaded = yield* Prepare.load(config);
    const memory = MemoryPlan.make(policy, Run.openSpec(config), available);
    // What does not fit here is not opened to see how fast it would be.
    const measured = options.calibrate && memory.fits && memory.memory.peak <= MemoryLimit.limit();
    if (measured) yield* Calibration.keep(config, yield* Calibrating.calibrate(config, loaded));
    const calibration = yield* Calibration.last(config);
    const plan =
      calibration === null
        ? null
        : Calibrating.planOf(config, loaded, policy, memory.memory.peak, calibration);
    const warnings = Warnings.of(config, memory, plan, Room.free(config.output).bytes);
    const value: PlanView.Shown = { ...memory, measured, plan, budget: config.budget, warnings };
    yield* print(options.json, value, PlanView.render);
  }),
).pipe(
  Command.withDescription(
    "What a run will take, before it is started: verifications, tokens, time, memory, disk, stage by stage",
  ),
  Command.withExamples([
    { command: "drydock plan configs/default.json", description: "Measured on this machine" },
    {
      command: "drydock plan configs/default.json --no-calibrate --json",
      description: "With the last measurements",
    },
    { command: "drydock plan configs/default.json --memory 8", description: "Does it fit into 8 GB?" },
  ]),
);
