/** What a plan says that a person should know before the run: limits that bind too soon, and what is missing. Pure. */
import type { RunConfig } from "../config/RunConfig.ts";
import * as Budget from "../domain/Budget.ts";
import * as Room from "../model/files/Room.ts";
import type { MemoryPlan } from "./MemoryPlan.ts";
import type { Plan } from "./Plan.ts";

const rounded = (value: number): string => String(Number(value.toPrecision(3)));

/** Of a stage that another limit ends than that of its verifications or its number of steps. */
const limits = (config: RunConfig, plan: Plan): ReadonlyArray<string> =>
  plan.stages.flatMap(({ label, binding, spends, steps }, i) => {
    const stage = config.stages[i];
    if (binding !== null && stage?.kind === "offline") {
      return [
        `"${label}" will have used up the run's ${Budget.nameOf(binding)} (budget.${binding}: ${config.budget[binding] ?? 0}) after about ${rounded(steps)} of ${stage.steps} steps, and nothing is left for online stages after it: raise that limit, or lower the number of steps.`,
      ];
    }
    if (binding === null || binding === "verifications" || stage?.kind !== "online") return [];
    const mine = binding in stage.budget ? `stages[${i}].budget.${binding}` : `budget.${binding}`;
    const limit = (binding in stage.budget ? stage.budget : config.budget)[binding];
    const wanted = stage.verifications ?? config.budget.verifications;
    const { low, mid, high } = spends.verifications ?? { low: 0, mid: 0, high: 0 };
    return [
      `"${label}" will have spent its ${Budget.nameOf(binding)} (${mine}: ${limit ?? 0}) after about ${rounded(mid)} of ${wanted} verifications (${rounded(low)} to ${rounded(high)}): raise that limit, or lower the number of verifications.`,
    ];
  });

const remote = (config: RunConfig): ReadonlyArray<string> =>
  config.stages.flatMap((stage) =>
    stage.kind === "online" && stage.generator.kind === "remote"
      ? [
          `"${stage.label}" has its programs written by ${stage.generator.url}, which a calibration does not ask: the time that this takes is not in the plan.`,
        ]
      : [],
  );

export const of = (
  config: RunConfig,
  memory: MemoryPlan,
  plan: Plan | null,
  freeDisk: number,
): ReadonlyArray<string> => [
  ...(memory.fits
    ? []
    : [
        `The run takes ${Room.size(memory.memory.peak)} of memory, and this process may take ${Room.size(memory.available)}: it will be refused. The table above says what would make it fit.`,
      ]),
  ...(plan === null || plan.disk.high <= freeDisk
    ? []
    : [
        `The run directory comes to ${Room.size(plan.disk.low)} to ${Room.size(plan.disk.high)}, and ${config.output} has ${Room.size(freeDisk)} free: make room, or give another output.`,
      ]),
  ...(plan === null ? [] : limits(config, plan)),
  ...remote(config),
  ...(plan !== null &&
  config.stages.some((stage) => stage.kind === "online" && stage.pacing.kind === "adaptive")
    ? [
        "Adaptive pacing is planned as if every round moved something; a stage that stops early takes less, and gives back what is left.",
      ]
    : []),
];
