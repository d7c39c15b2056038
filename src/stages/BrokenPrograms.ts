/** Programs that certainly do not compile are judged without a sandbox, and without the budget. */
import * as Effect from "effect/Effect";
import { type Task, testCount } from "../domain/Task.ts";
import type { Verdict } from "../domain/Verdict.ts";
import { RunStore, type StoredCandidate } from "../store/RunStore.ts";
import * as Broken from "../syntax/Broken.ts";
import { SYNTAX } from "./FreeAnswers.ts";

const verdictOf = (task: Task, reason: string): Verdict => ({
  outcome: "CompileError",
  testsPassed: 0,
  testsTotal: testCount(task.tests),
  cpuSeconds: 0,
  wallSeconds: 0,
  detail: `${reason} (found without running it)`,
});

/** Puts what is known of them into the verdict cache, which answers them for free. */
export const answer = Effect.fn("BrokenPrograms.answer")(function* (
  tasks: ReadonlyMap<string, Task>,
  candidates: ReadonlyArray<StoredCandidate>,
) {
  const store = yield* RunStore;
  yield* store.cachePut(
    candidates.flatMap(({ taskId, program, cacheKey, decision }) => {
      const task = tasks.get(taskId);
      const reason = task === undefined || decision !== "open" ? null : Broken.reason(task.language, program);
      return task === undefined || reason === null
        ? []
        : [{ key: cacheKey, verdict: verdictOf(task, reason), origin: SYNTAX }];
    }),
  );
});
