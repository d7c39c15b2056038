/**
 * Runs the programs of a plan in sandboxes, within a limit, and remembers each in the log.
 *
 * The sandbox comes as a function, so that this folder knows nothing of sandboxes. One call is one verification.
 */
import * as Effect from "effect/Effect";
import type { Task } from "../../domain/Task.ts";
import { DatasetError } from "../DatasetError.ts";
import * as Jobs from "./Jobs.ts";
import type { Answer, VerdictLog } from "./VerdictLog.ts";

/** One run in a sandbox. A fault of the sandbox is an answer; an error is what no program could be run for. */
export type Verify<E> = (task: Task, program: string) => Effect.Effect<Answer, E>;

export interface Options {
  /** Verifications at most, those in the log included; null: no limit. */
  readonly limit: number | null;
  /** Programs at once. */
  readonly concurrency: number;
  /** Every test is run and counted, rather than up to the first failure. */
  readonly counts: boolean;
  /** Asked before each program: true ends the work, what runs is waited for. */
  readonly stop?: () => boolean;
  readonly onProgress?: (done: number, total: number) => Effect.Effect<void>;
}

export interface Ran {
  /** Jobs that the limit or a stop left without an answer. */
  readonly left: number;
  readonly stopped: boolean;
}

/** Faults in a row after which the sandbox is taken for broken: each of them was paid for. */
const FAULTS_IN_A_ROW = 20;

/** The jobs that a process has to run: those without an answer, as many as the limit leaves. */
export const due = (
  jobs: ReadonlyArray<Jobs.Job>,
  log: Pick<VerdictLog, "answers" | "spent">,
  limit: number | null,
): ReadonlyArray<Jobs.Job> => {
  const open = jobs.filter(({ key }) => !log.answers.has(key));
  // Which programs the last of the limit goes to is settled before any runs: it must not depend on timing.
  return limit === null ? open : open.slice(0, Math.max(0, limit - log.spent()));
};

/** Runs what is due. An error that is not a fault ends it; what was answered so far stays in the log. */
export const run = Effect.fn("Verify.run")(function* <E>(
  source: Jobs.Source,
  jobs: ReadonlyArray<Jobs.Job>,
  verify: Verify<E>,
  log: VerdictLog,
  options: Options,
): Effect.fn.Return<Ran, E | DatasetError> {
  const chosen = due(jobs, log, options.limit);
  const total = jobs.length;
  let left = jobs.filter(({ key }) => !log.answers.has(key)).length;
  let inARow = 0;
  let stopped = false;
  const tell = Effect.suspend(() => options.onProgress?.(total - left, total) ?? Effect.void);
  yield* tell;
  yield* Effect.forEach(
    chosen,
    Effect.fnUntraced(function* (job) {
      stopped ||= options.stop?.() ?? false;
      if (stopped) return;
      const stored = source.tasks.at(job.task);
      const task = options.counts ? { ...stored, tests: { ...stored.tests, counts: true } } : stored;
      yield* log.reserve(job.key);
      const answer = yield* verify(task, Jobs.programOf(source, job)).pipe(
        // No sandbox for the language: the program was not run.
        Effect.tapError(() => log.refund(job.key)),
      );
      yield* log.record(job.key, answer);
      left -= 1;
      inARow = "fault" in answer ? inARow + 1 : 0;
      yield* tell;
      if (inARow >= FAULTS_IN_A_ROW && "fault" in answer) {
        return yield* new DatasetError({
          path: task.id,
          reason: `${inARow} verifications in a row failed in the sandbox, the last with: ${answer.fault}.`,
          remedy: "Look at `drydock sandbox doctor`, then go on with --resume.",
        });
      }
    }),
    { concurrency: options.concurrency, discard: true },
  );
  return { left, stopped };
});
