/** Checks of a configuration that need the table of algorithms: names, settings and batches of its trainings. */
import * as Result from "effect/Result";
import type { Groups } from "../algorithms/Algorithm.ts";
import * as Table from "../algorithms/Table.ts";
import type { Problem } from "../config/ConfigCheck.ts";
import type { RunConfig } from "../config/RunConfig.ts";

/** What is wrong with the batches of a training that draws groups, by key. */
const ofGroups = (
  { algorithm, episodes, batchSize, microBatch }: RunConfig["trainings"][string],
  { size, together }: Groups,
): ReadonlyArray<readonly [key: string, problem: string]> => {
  const name = JSON.stringify(algorithm);
  const wrong: Array<readonly [string, string]> = [];
  if (episodes === "passing") {
    wrong.push([
      "episodes",
      `found "passing"; ${name} compares a problem's passing programs with its failing ones: use "all"`,
    ]);
  }
  if (batchSize % size !== 0) {
    const [below, above] = [Math.floor(batchSize / size) * size, Math.ceil(batchSize / size) * size];
    const near = below === 0 ? `${above}` : `${below} or ${above}`;
    wrong.push(["batchSize", `found ${batchSize}; ${name} draws groups of ${size}: use ${near}`]);
  }
  if (together && microBatch !== undefined && microBatch % size !== 0) {
    wrong.push([
      "microBatch",
      `found ${microBatch}; ${name} has each group of ${size} in one micro-batch: use a multiple of ${size}, or leave it out`,
    ]);
  }
  return wrong;
};

export const problems = (config: RunConfig): ReadonlyArray<Problem> =>
  Object.entries(config.trainings).flatMap(([id, training]): ReadonlyArray<Problem> => {
    const { algorithm, config: settings } = training;
    const configured = Table.configure(algorithm, settings);
    if (Result.isFailure(configured)) {
      const key = Table.names.includes(algorithm) ? "config" : "algorithm";
      return [{ path: ["trainings", id, key], problem: configured.failure.message }];
    }
    const { groups } = configured.success;
    if (groups === null) return [];
    return ofGroups(training, groups).map(([key, problem]) => ({ path: ["trainings", id, key], problem }));
  });
