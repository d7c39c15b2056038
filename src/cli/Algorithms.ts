/** Checks of a configuration that need the table of algorithms: names, settings, groups and backups of its trainings. */
import * as Result from "effect/Result";
import type { Groups } from "../algorithms/Algorithm.ts";
import * as Table from "../algorithms/Table.ts";
import type { Problem } from "../config/ConfigCheck.ts";
import type { OnlineStage, RunConfig, Training } from "../config/RunConfig.ts";

/** What is wrong with a training that draws groups of one problem's passes and fails. */
const ofGroups = (
  id: string,
  { algorithm, batchSize, episodes, microBatch }: Training,
  { size, together }: Groups,
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = [];
  const name = JSON.stringify(algorithm);
  if (batchSize % size !== 0) {
    const [below, above] = [Math.floor(batchSize / size) * size, Math.ceil(batchSize / size) * size];
    const near = below === 0 ? `${above}` : `${below} or ${above}`;
    problems.push({
      path: ["trainings", id, "batchSize"],
      problem: `found ${batchSize}; ${name} draws groups of ${size}: use ${near}`,
    });
  }
  if (together && microBatch !== undefined && microBatch % size !== 0) {
    problems.push({
      path: ["trainings", id, "microBatch"],
      problem: `found ${microBatch}; ${name} has each group of ${size} in one micro-batch: use a multiple of ${size}, or leave it out`,
    });
  }
  if (episodes === "passing") {
    problems.push({
      path: ["trainings", id, "episodes"],
      problem: `found "passing"; ${name} compares a problem's passing programs with its failing ones: use "all"`,
    });
  }
  return problems;
};

/** Whether a stage judges at most one program of a problem in a round and has no offline data beside them. */
const isWithoutGroups = (stage: OnlineStage): boolean => {
  const { bestOf, offlineFraction, offlineFractionAnneal, samplesPerProblem } = stage;
  const judged = bestOf?.keep ?? samplesPerProblem;
  return judged === 1 && offlineFraction === 0 && (offlineFractionAnneal?.to ?? 0) === 0;
};

/** Online updates by groups that no round could fill. */
const ofStages = (config: RunConfig, grouped: ReadonlySet<string>): ReadonlyArray<Problem> =>
  config.stages.flatMap((stage, index) =>
    stage.kind !== "online" || !isWithoutGroups(stage)
      ? []
      : stage.updates.flatMap(({ training }, i) =>
          grouped.has(training)
            ? [
                {
                  path: ["stages", index, "updates", i, "training"],
                  problem: `${JSON.stringify(training)} learns from groups of one problem's programs, but a round judges one of each and there is no offline data with them; raise ${stage.bestOf === null ? "samplesPerProblem" : "bestOf.keep"} to 2 or more, or offlineFraction above 0`,
                },
              ]
            : [],
        ),
  );

/** A subset of the critics for backups that ask none of them for a value. `critics`: the critics' trainings. */
const ofSubset = (
  { policy }: RunConfig,
  critics: ReadonlyArray<readonly [id: string, bootstraps: boolean]>,
): ReadonlyArray<Problem> => {
  const { subset } = policy.heads;
  if (subset === null || critics.length === 0 || critics.some(([, bootstraps]) => bootstraps)) return [];
  const ids = critics.map(([id]) => JSON.stringify(id)).join(", ");
  return [
    {
      path: ["policy", "heads", "subset"],
      problem: `found ${subset}, but the Monte-Carlo backup asks no critic for a value, and no training has another (${ids}); remove it, or give one of them a "backup" such as "sarsa"`,
    },
  ];
};

export const problems = (config: RunConfig): ReadonlyArray<Problem> => {
  const found: Array<Problem> = [];
  const grouped = new Set<string>();
  const critics: Array<readonly [id: string, bootstraps: boolean]> = [];
  for (const [id, training] of Object.entries(config.trainings)) {
    const configured = Table.configure(training.algorithm, training.config);
    if (Result.isFailure(configured)) {
      const key = Table.names.includes(training.algorithm) ? "config" : "algorithm";
      found.push({ path: ["trainings", id, key], problem: configured.failure.message });
      continue;
    }
    const { bootstraps, groups, trains } = configured.success;
    if (trains === "critic") critics.push([id, bootstraps]);
    if (groups === null) continue;
    grouped.add(id);
    found.push(...ofGroups(id, training, groups));
  }
  return [...found, ...ofSubset(config, critics), ...ofStages(config, grouped)];
};
