/** `drydock plan CONFIG`: how large a run is before it is started, and what makes it fit. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import type { OpenSpec } from "../compute/Compute.ts";
import * as EngineGraph from "../compute/EngineGraph.ts";
import * as ConfigFile from "../config/ConfigFile.ts";
import * as ModelConfig from "../model/ModelConfig.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Room from "../model/files/Room.ts";
import * as Run from "../orchestrator/Run.ts";
import * as MemoryLimit from "../tensor/MemoryLimit.ts";
import * as Algorithms from "./Algorithms.ts";
import { json, print, table } from "./Output.ts";

export interface Plan {
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly recompute: boolean;
  /** Resident bytes of the process at the most: while it opens the policy, in each training's step, generating. */
  readonly memory: EngineGraph.Footprint;
  readonly available: number;
  readonly fits: boolean;
  /** Where it does not fit: what it would take with a change. */
  readonly changes: ReadonlyArray<{ readonly change: string; readonly peak: number; readonly fits: boolean }>;
}

const small = (spec: OpenSpec): OpenSpec["trainings"] =>
  spec.trainings.map((training) => ({ ...training, microBatch: 1 }));
const lora = { kind: "lora", rank: 8, alpha: 16, targets: ["q", "v"] } as const;

/** Changes that leave the run's results as they are first; each builds on nothing but the run itself. */
const changes = (spec: OpenSpec): ReadonlyArray<readonly [string, OpenSpec]> => [
  ["compute.recompute true", { ...spec, recompute: true }],
  ["compute.recompute true, microBatch 1", { ...spec, recompute: true, trainings: small(spec) }],
  ...(spec.trainable.kind === "full"
    ? ([
        ["LoRA (rank 8 on q, v)", { ...spec, trainable: lora }],
        [
          "LoRA on a bfloat16 base, microBatch 1",
          { ...spec, trainable: lora, frozenType: "bfloat16", trainings: small(spec) },
        ],
      ] as const)
    : ([["policy.frozenType bfloat16", { ...spec, frozenType: "bfloat16" }]] as const)),
];

export const plan = (policy: PolicyFiles.PolicyFiles, spec: OpenSpec, available: number): Plan => {
  const of = (wanted: OpenSpec, recompute: boolean) => {
    const recorded = EngineGraph.record(policy, wanted, recompute);
    return { recorded, memory: EngineGraph.footprint(recorded, policy, wanted) };
  };
  const asked = of(spec, spec.recompute === true);
  const again = (spec.recompute ?? "auto") === "auto" && asked.memory.peak > available;
  const { recorded, memory } = again ? of(spec, true) : asked;
  const fits = memory.peak <= available;
  return {
    parameters: ModelConfig.parameterCount(policy.config),
    trainableParameters: recorded.learner.trainableParameters,
    recompute: recorded.recompute,
    memory,
    available,
    fits,
    changes: fits
      ? []
      : changes(spec).map(([change, changed]) => {
          const { peak } = of(changed, changed.recompute === true).memory;
          return { change, peak, fits: peak <= available };
        }),
  };
};

const millions = (n: number): string => `${(n / 1e6).toPrecision(3)} million`;

/** The plan for people. */
export const render = (of: Plan): string => {
  const { memory, available, fits, recompute } = of;
  const rows = [
    ["opening the policy", Room.size(memory.opening)],
    ...Object.entries(memory.trainings).map(([id, bytes]) => [`training ${id}`, Room.size(bytes)]),
    ["generating and scoring", Room.size(memory.generation)],
    ["the whole run", Room.size(memory.peak)],
  ];
  const verdict = `This process may take ${Room.size(available)}: the run ${fits ? "fits" : "does not fit"}.`;
  return [
    `${millions(of.parameters)} parameters, ${millions(of.trainableParameters)} of which train${
      recompute ? "; activations are recomputed" : ""
    }.`,
    table(["predicted memory, at the most", ""], rows),
    verdict,
    ...(of.changes.length === 0
      ? []
      : [
          table(
            ["with", "memory", ""],
            of.changes.map(({ change, peak, fits: ok }) => [change, Room.size(peak), ok ? "fits" : ""]),
          ),
        ]),
  ].join("\n");
};

export const planCommand = Command.make(
  "plan",
  {
    file: Argument.String("config").pipe(Argument.withDescription("A run configuration")),
    memory: Flag.Finite("memory").pipe(
      Flag.withDescription("GB that the process may take; default: what it may take on this machine"),
      Flag.optional,
    ),
    json,
  },
  Effect.fn(function* (options) {
    const config = yield* ConfigFile.load(options.file, { more: Algorithms.problems });
    const policy = yield* PolicyFiles.read(config.policy.path, {
      weights: config.policy.init === "random" ? "optional" : "required",
    });
    const available = Option.match(options.memory, {
      onNone: MemoryLimit.limit,
      onSome: (gigabytes) => gigabytes * 1e9,
    });
    yield* print(options.json, plan(policy, Run.openSpec(config), available), render);
  }),
).pipe(
  Command.withDescription("How much memory a run takes, before it is started, and what makes it fit"),
  Command.withExamples([
    { command: "drydock plan configs/default.json", description: "On this machine" },
    { command: "drydock plan configs/default.json --memory 8", description: "On one with 8 GB" },
  ]),
);
