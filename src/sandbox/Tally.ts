/** Counts what a sandbox does, for its metrics. */
import * as Effect from "effect/Effect";
import { none, type SandboxMetrics } from "../domain/SandboxMetrics.ts";
import type { Verdict } from "../domain/Verdict.ts";

export interface Tally {
  /** An attempt at judging a program; `faulty` where what came of it is none of the program's doing. */
  readonly attempt: <A, E, R>(
    run: Effect.Effect<A, E, R>,
    faulty: (value: A) => boolean,
  ) => Effect.Effect<A, E, R>;
  readonly retried: Effect.Effect<void>;
  /** A verification as a whole. */
  readonly verification: <E extends { readonly _tag: string }, R>(
    verify: Effect.Effect<Verdict, E, R>,
  ) => Effect.Effect<Verdict, E, R>;
  readonly counts: () => Counts;
}

type Counts = Pick<SandboxMetrics, "attempts" | "faults" | "retries" | "lost" | "outcomes">;

export const make = (): Tally => {
  const { attempts, faults, retries, lost } = none;
  const counts = { attempts, faults, retries, lost };
  const outcomes: Record<string, number> = {};
  const up = (name: keyof typeof counts): void => void (counts[name] += 1);
  return {
    attempt: (run, faulty) =>
      run.pipe(
        Effect.tap((value) => Effect.sync(() => faulty(value) && up("faults"))),
        Effect.tapError(() => Effect.sync(() => up("faults"))),
        Effect.onExit(() => Effect.sync(() => up("attempts"))),
      ),
    retried: Effect.sync(() => up("retries")),
    verification: (verify) =>
      verify.pipe(
        Effect.tap(({ outcome }) =>
          Effect.sync(() => void (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1)),
        ),
        Effect.tapError(({ _tag }) => Effect.sync(() => _tag === "SandboxFault" && up("lost"))),
      ),
    counts: () => ({ ...counts, outcomes: { ...outcomes } }),
  };
};
