/**
 * Labels from a sandbox: references are confirmed, attempts get the verdict's outcome.
 *
 * The sandbox comes as a function, so that this folder knows nothing of sandboxes.
 */
import * as Effect from "effect/Effect";
import type { Attempt } from "../domain/Attempt.ts";
import type { Task } from "../domain/Task.ts";
import type { Verdict } from "../domain/Verdict.ts";
import { DatasetError } from "./DatasetError.ts";

export type Verify<E> = (task: Task, program: string) => Effect.Effect<Verdict, E>;

export interface Options {
  /** Programs at once. Default 2. */
  readonly concurrency?: number;
}

/** Runs the reference of every task that has one; fails on the first that does not pass. */
export const confirmReferences = <E>(
  tasks: ReadonlyArray<Task>,
  verify: Verify<E>,
  options: Options = {},
): Effect.Effect<void, E | DatasetError> =>
  Effect.forEach(
    tasks,
    Effect.fnUntraced(function* (task) {
      if (task.reference === undefined) return;
      const verdict = yield* verify(task, task.reference);
      if (verdict.outcome !== "Passed") {
        return yield* new DatasetError({
          path: task.id,
          reason: `the reference does not pass: ${verdict.outcome}, ${verdict.testsPassed} of ${verdict.testsTotal} tests${verdict.detail === undefined ? "" : ` (${verdict.detail})`}.`,
          remedy: "Correct the task's reference or its tests.",
        });
      }
    }),
    { concurrency: options.concurrency ?? 2, discard: true },
  );

/** Attempts with labels from the sandbox in place of any they had; equal programs of a task run once. */
export const label = Effect.fn("Relabel.label")(function* <E>(
  tasks: ReadonlyArray<Task>,
  attempts: ReadonlyArray<Attempt>,
  verify: Verify<E>,
  options: Options = {},
): Effect.fn.Return<ReadonlyArray<Attempt>, E | DatasetError> {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const key = (attempt: Attempt) => `${attempt.taskId}\n${attempt.program}`;
  const distinct = new Map(attempts.map((attempt) => [key(attempt), attempt]));
  const verdicts = new Map<string, Verdict>();
  yield* Effect.forEach(
    distinct,
    Effect.fnUntraced(function* ([id, attempt]) {
      const task = byId.get(attempt.taskId);
      if (task === undefined) {
        return yield* new DatasetError({
          path: attempt.taskId,
          reason: "an attempt at a task that is not among the tasks.",
          remedy: "Add the task, or remove the attempt.",
        });
      }
      verdicts.set(id, yield* verify(task, attempt.program));
    }),
    { concurrency: options.concurrency ?? 2, discard: true },
  );
  return attempts.map((attempt): Attempt => {
    const verdict = verdicts.get(key(attempt));
    if (verdict === undefined) return attempt;
    const { outcome, testsPassed, testsTotal } = verdict;
    return { ...attempt, outcome, testsPassed, testsTotal, labelSource: "sandbox" };
  });
});
