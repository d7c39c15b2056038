/** A dataset in memory for the verification's tests: programs say in a word what running them shows. */
import * as Effect from "effect/Effect";
import type { Attempt } from "../../../src/domain/Attempt.ts";
import type { Task } from "../../../src/domain/Task.ts";
import type { Outcome } from "../../../src/domain/Verdict.ts";
import type { Records } from "../../../src/dataset/DatasetReader.ts";
import type * as Jobs from "../../../src/dataset/verify/Jobs.ts";
import type { Answer } from "../../../src/dataset/verify/VerdictLog.ts";

export const records = <A>(items: ReadonlyArray<A>): Records<A> => ({
  length: items.length,
  at: (index) => {
    const item = items[index];
    if (item === undefined) throw new RangeError(`no record ${index}`);
    return item;
  },
  [Symbol.iterator]: () => items[Symbol.iterator](),
});

export const task = (id: string, reference = "pass"): Task => ({
  id,
  source: "test",
  split: "train",
  language: "javascript",
  statement: id,
  entryPoint: "f",
  reference,
  tests: { kind: "call", cases: [{ args: [1], expected: 1 }], visible: 0 },
});

export const attempt = (taskId: string, program: string, outcome?: Outcome, origin = "student"): Attempt => ({
  taskId,
  program,
  origin,
  ...(outcome === undefined ? {} : { outcome, labelSource: "dataset" }),
});

export const source = (tasks: ReadonlyArray<Task>, attempts: ReadonlyArray<Attempt>): Jobs.Source => ({
  tasks: records(tasks),
  attempts: records(attempts),
});

const outcomes: Readonly<Record<string, Outcome>> = {
  pass: "Passed",
  wrong: "WrongAnswer",
  slow: "TimedOut",
};

/** The first word of a program: pass, wrong, slow, or fault. */
export const answer = (program: string): Answer => {
  const word = program.split(" ")[0] ?? "";
  const outcome = outcomes[word];
  if (outcome === undefined) return { fault: `the sandbox broke on ${word}` };
  const passed = outcome === "Passed";
  return {
    verdict: {
      outcome,
      testsPassed: passed ? 1 : 0,
      testsTotal: 1,
      ...(passed ? {} : { firstFailing: 0 }),
      cpuSeconds: 0.5,
      wallSeconds: 1,
      memoryBytes: 1000,
    },
  };
};

export const verify = (_task: Task, program: string) => Effect.sync(() => answer(program));
