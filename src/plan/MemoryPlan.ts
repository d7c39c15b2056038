/** How much memory a run takes, before it is started, and what makes it fit. */
import type { OpenSpec } from "../compute/Compute.ts";
import * as EngineGraph from "../compute/EngineGraph.ts";
import * as ModelConfig from "../model/ModelConfig.ts";
import type * as PolicyFiles from "../model/directory/Policy.ts";

/** What a run takes of memory, and what would make it fit. */
export interface MemoryPlan {
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

export const make = (policy: PolicyFiles.PolicyFiles, spec: OpenSpec, available: number): MemoryPlan => {
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
