/** What every dataset's records must satisfy beyond their schemas, whoever writes or reads them. */
import { type Task, testCount } from "../domain/Task.ts";
import type { DatasetError } from "./DatasetError.ts";

export type Fault = Pick<DatasetError, "reason" | "remedy">;

/** What is wrong with a task by itself; undefined where nothing is. */
export const taskFault = (task: Task): Fault | undefined => {
  if (testCount(task.tests) === 0) {
    return {
      reason: `task "${task.id}" has no tests: no program for it could be judged.`,
      remedy: 'Add cases to "tests", or remove the task.',
    };
  }
  if (
    task.tests.kind !== "assert" &&
    (task.tests.visible < 0 || task.tests.visible > task.tests.cases.length)
  ) {
    return {
      reason: `task "${task.id}" shows ${task.tests.visible} of its ${task.tests.cases.length} test cases.`,
      remedy: `Set "visible" to a number from 0 to ${task.tests.cases.length}.`,
    };
  }
  if (task.tests.kind === "call" && task.language === "javascript") {
    if (task.tests.values !== undefined || task.tests.comparison !== undefined) {
      return {
        reason: `task "${task.id}" is JavaScript, but its tests ask for Python's values or comparison.`,
        remedy: 'Remove "values" and "comparison" from its tests, or correct its language.',
      };
    }
  }
  return undefined;
};
