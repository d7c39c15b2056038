/** What makes a task or an attempt unfit, whatever the format: pure checks before anything is written. */
import type { Attempt } from "../../domain/Attempt.ts";
import { type Language, type Task, testCount } from "../../domain/Task.ts";
import { taskFault } from "../Checks.ts";
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
  // What a writer would refuse anyway is told of its record.
  const fault = taskFault(task);
  if (fault !== undefined) return { kind: "unsupported", ...fault };
  return testsFlaw(task, syntax);
};

/** The first of assert-style tests that does not parse. */
const testsFlaw = ({ id, language, reference, tests }: Task, syntax: Syntax): Flaw | undefined => {
  if (tests.kind !== "assert") return undefined;
  const { asserts } = tests;
  // A reference that tests call stands in their setup: it is a program, not a test.
  const own = reference !== undefined && tests.setup.startsWith(reference);
  const setup = own ? tests.setup.slice(reference.length) : tests.setup;
  // C++ has the head of a function in the setup, which its test goes on from.
  const texts = language === "cpp" ? asserts : [setup, ...asserts];
  if (syntax(language, texts.join("\n")) === undefined) return undefined;
  for (const [index, text] of texts.entries()) {
    const fault = syntax(language, text);
    if (fault === undefined) continue;
    const number = language === "cpp" ? index : index - 1;
    const what = number < 0 ? "the setup" : `test ${number}`;
    return { kind: "tests do not compile", reason: `${what} of task "${id}": ${fault}` };
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
