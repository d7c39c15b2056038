/** What is made of a run in a slot: a verdict about the program, or a fault of the sandbox or of the task. */
import { OUTPUT_CHARACTERS, type Outcome, type Verdict } from "../../domain/Verdict.ts";
import type { Seen } from "../docker/Protocol.ts";

export type Judgement =
  | {
      readonly kind: "verdict";
      readonly verdict: Verdict;
      /** Ended by the wall clock with little CPU time used: the machine may have been busy, so try once more. */
      readonly starved: boolean;
    }
  /** Not judged. `retry` where another slot may do better. */
  | { readonly kind: "fault"; readonly reason: string; readonly retry: boolean };

/** Why a test was not passed. */
export interface Failure {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly starved?: boolean;
}

/** What the tests came to. */
export interface Result {
  readonly total: number;
  readonly passed: number;
  /** Of the first test that was not passed. */
  readonly failure?: Failure | undefined;
  /** Which test that was, in the task's numbering; absent where it was none of them. */
  readonly firstFailing?: number | undefined;
  /** Those that were not passed, ascending, where all were to be run. */
  readonly failing?: ReadonlyArray<number> | undefined;
  readonly output?: string | undefined;
  /** Tests that were begun; absent where that cannot be told. */
  readonly run?: number | undefined;
}

/** The numbers from one up to another. */
export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);

export const fault = (reason: string, retry: boolean): Judgement => ({ kind: "fault", reason, retry });

export const conclude = (
  { total, passed, failure, firstFailing, failing, output, run }: Result,
  { cpuSeconds, wallSeconds, memoryBytes }: Pick<Seen, "cpuSeconds" | "wallSeconds" | "memoryBytes">,
): Judgement => ({
  kind: "verdict",
  starved: failure?.starved ?? false,
  verdict: {
    outcome: failure?.outcome ?? "Passed",
    testsPassed: passed,
    testsTotal: total,
    ...(firstFailing === undefined ? {} : { firstFailing }),
    ...(run === undefined ? {} : { testsRun: run }),
    ...(failing === undefined || failing.length === 0 ? {} : { failing }),
    cpuSeconds,
    wallSeconds,
    memoryBytes,
    ...(output === undefined || output === "" ? {} : { output: output.slice(0, OUTPUT_CHARACTERS) }),
    ...(failure === undefined ? {} : { detail: failure.detail.slice(0, 300) }),
  },
});
