/** Checks of a configuration that need the table of algorithms: names, settings and groups of its trainings. */
import * as Result from "effect/Result";
import type { Groups } from "../algorithms/Algorithm.ts";
import * as Table from "../algorithms/Table.ts";
import type { Problem } from "../config/ConfigCheck.ts";
import type { OnlineStage, RunConfig, Training } from "../config/RunConfig.ts";

/** What is wrong with a training that draws groups of one problem's passes and fails. */
const ofGroups = (
  id: string,
  { batchSize, episodes }: Training,
  { size }: Groups,
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = [];
  if (size < 2) {
    problems.push({
      path: ["trainings", id, "config"],
      problem: `groups of ${size} have nothing to compare a program with; make them of 2 or more`,
    });
  } else if (batchSize % size !== 0) {
    problems.push({
      path: ["trainings", id, "batchSize"],
      problem: `found ${batchSize}, must be a multiple of the group's size, which is ${size}`,
    });
  }
  if (episodes === "passing") {
    problems.push({
      path: ["trainings", id, "episodes"],
      problem: 'found "passing"; a group needs a pass and a fail: use "all"',
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

export const problems = (config: RunConfig): ReadonlyArray<Problem> => {
  const found: Array<Problem> = [];
  const grouped = new Set<string>();
  for (const [id, training] of Object.entries(config.trainings)) {
    const configured = Table.configure(training.algorithm, training.config);
    if (Result.isFailure(configured)) {
      const key = Table.names.includes(training.algorithm) ? "config" : "algorithm";
      found.push({ path: ["trainings", id, key], problem: configured.failure.message });
      continue;
    }
    const { groups } = configured.success;
    if (groups === null) continue;
    grouped.add(id);
    found.push(...ofGroups(id, training, groups));
  }
  return [...found, ...ofStages(config, grouped)];
};
