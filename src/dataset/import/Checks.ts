/** What makes a task or an attempt unfit, whatever the format: pure checks before anything is written. */
import type { Attempt } from "../../domain/Attempt.ts";
import { type Language, type Task, testCount } from "../../domain/Task.ts";
import type { Flaw } from "./Problem.ts";

/** Undefined where the source parses; otherwise what is wrong and where, in one line. */
export type Syntax = (language: Language, source: string) => string | undefined;

/** What is wrong with a task. Its tests are parsed, never run. */
export const taskFlaw = (task: Task, syntax: Syntax): Flaw | undefined => {
  if (testCount(task.tests) === 0) {
    return { kind: "no tests", reason: `task "${task.id}" has no tests: no program could be judged` };
  }
  if (task.reference !== undefined && task.reference.trim() === "") {
    return { kind: "empty program", reason: `the reference of task "${task.id}" is empty` };
  }
  if (task.tests.kind !== "assert") return undefined;
  const { setup, asserts } = task.tests;
  const of = (what: string, fault: string): Flaw => ({
    kind: "tests do not compile",
    reason: `${what} of task "${task.id}": ${fault}`,
  });
  // C++ has its asserts in a `main` that stands after the setup: the two are one text.
  const texts: ReadonlyArray<readonly [string, string]> =
    task.language === "cpp"
      ? asserts.map((text, index) => [`test ${index}`, text] as const)
      : [["the setup", setup] as const, ...asserts.map((text, index) => [`test ${index}`, text] as const)];
  for (const [what, text] of texts) {
    const fault = syntax(task.language, text);
    if (fault !== undefined) return of(what, fault);
  }
  return undefined;
};

export const attemptFlaw = (attempt: Attempt, known: boolean): Flaw | undefined => {
  if (attempt.program.trim() === "") {
    return { kind: "empty program", reason: `an attempt at task "${attempt.taskId}" is empty` };
  }
  return known
    ? undefined
    : {
        kind: "unknown task",
        reason: `an attempt at task "${attempt.taskId}", which is not in the dataset`,
        remedy: "Import its tasks first, and name that dataset with --tasks.",
      };
};
