/** APPS and CodeContests as `drydock data import` has them. */
import type { Attempt } from "../../../src/domain/Attempt.ts";
import type { Task } from "../../../src/domain/Task.ts";
import { apps as appsFormat } from "../../../src/dataset/import/formats/Apps.ts";
import { codeContests as codeContestsFormat } from "../../../src/dataset/import/formats/CodeContests.ts";
import * as Formats from "../../dataset/import/formats/support.ts";
import * as Requirements from "../../support/Requirements.ts";
import type { Problem } from "./Problems.ts";

/** Programs of five problems with what CodeRL's grader said, and solutions, which pass. */
export const apps = async (): Promise<ReadonlyArray<{ readonly task: Task; readonly attempt: Attempt }>> => {
  const folder = Requirements.sharedData("apps");
  if (folder === undefined) return [];
  const { tasks, attempts } = await Formats.imported(appsFormat, folder);
  return attempts.flatMap((attempt) => {
    const task = tasks.find(({ id }) => id === attempt.taskId);
    return task === undefined ? [] : [{ task, attempt }];
  });
};

/** 60 problems, each with a correct solution in Python 3. */
export const codeContests = async (): Promise<ReadonlyArray<Problem>> => {
  const file = Requirements.sharedData("codecontests", "sample.jsonl");
  if (file === undefined) return [];
  const { tasks } = await Formats.imported(codeContestsFormat, file);
  return tasks.map((task) => ({ task, reference: task.reference ?? "" }));
};
