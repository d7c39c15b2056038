/** What a schema cannot say of an offline stage. Pure. */
import * as Monitor from "../domain/Monitor.ts";
import type { Path } from "./ConfigSource.ts";
import type { OfflineStage } from "./StageConfig.ts";

/** A key of the stage and what is wrong with it. */
type Wrong = readonly [path: Path, problem: string];

/** Monitors that were set, where nothing measures them. */
const monitorProblems = ({ monitors, validation }: OfflineStage): ReadonlyArray<Wrong> => {
  if (validation !== null) return [];
  const set = Monitor.offlineNames.filter((name) => {
    const setting = monitors[name];
    return (
      setting === null ||
      setting.limit !== Monitor.monitors[name].limit ||
      setting.action !== Monitor.offlineAction(name)
    );
  });
  return set.map((name) => [
    ["monitors", name],
    'an offline stage measures its monitors only where it has validation; add "validation": {}, or remove this',
  ]);
};

/** What is wrong with an offline stage. */
export const check = (stage: OfflineStage): ReadonlyArray<Wrong> => {
  const { finalLearningRate, learningRate, steps, warmupSteps } = stage;
  const wrong: Array<Wrong> = [...monitorProblems(stage)];
  if (warmupSteps > steps) {
    wrong.push([["warmupSteps"], `found ${warmupSteps}, must be at most steps, which is ${steps}`]);
  }
  if (finalLearningRate > learningRate) {
    wrong.push([
      ["finalLearningRate"],
      `found ${finalLearningRate}, must be at most learningRate, which is ${learningRate}`,
    ]);
  }
  return wrong;
};
