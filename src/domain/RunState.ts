/** Run state: what the events of a run say together (RunFold.ts), as plain data. */
import { type Accounts, initialAccounts, type Prices } from "./Budget.ts";
import type { Planned } from "./Planned.ts";
import type { SandboxMetrics } from "./SandboxMetrics.ts";
import type { EvaluationResult, Free } from "./RunEvent.ts";

export type Status = "starting" | "running" | "paused" | "stopped" | "failed" | "finished";

export interface StageState {
  readonly kind: string;
  readonly label: string;
  readonly status: "waiting" | "running" | "done";
  readonly done: number;
  /** 0 until the stage has started. */
  readonly total: number;
  /** What one unit of work is: "step", "program", … */
  readonly unit: string;
  readonly seconds: number | null;
}

export interface TrainingMetrics {
  readonly index: number;
  readonly step: number;
  readonly values: { readonly [name: string]: number };
}

/** An alarm of a monitor; see Monitor.ts. */
export interface AlarmState {
  readonly index: number;
  readonly round: number;
  /** Of an offline stage: the steps that it had made. */
  readonly step?: number;
  readonly monitor: string;
  readonly value: number;
  readonly limit: number;
  readonly from: number | null;
  readonly action: string;
}

export interface Counts {
  readonly generated: number;
  readonly unique: number;
  readonly cacheHits: number;
  /** Verdicts that a sandbox gave (cache hits are not among them). */
  readonly verified: number;
  /** Passing verdicts, cached ones included. */
  readonly passed: number;
  readonly faults: number;
  readonly unverified: number;
}

/** What verifications were spared, and what those that were made came to. */
export interface Savings {
  /** Programs of online rounds that were answered without a sandbox, by what answered them. */
  readonly free: { readonly [F in Free]: number };
  /** Tests of the programs that were paid for and began: those of the tasks, and of these those that were begun. */
  readonly tests: number;
  readonly testsRun: number;
  /** Of the verdicts that were paid for, in rounds whose log says so: all, and by what they changed (stages/Changes.ts). */
  readonly verdicts: number;
  readonly sameOutcome: number;
  readonly unusable: number;
  readonly unchanged: number;
}

export interface RunState {
  readonly runId: string;
  readonly name: string;
  readonly seed: number;
  readonly formatVersion: number;
  readonly backend: string;
  readonly sandbox: string;
  /** Programs that its sandboxes run at once; null where the log does not say. */
  readonly sandboxSlots: number | null;
  readonly status: Status;
  /** Why it stopped, failed or paused by itself, and what to do about a failure. */
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly stages: ReadonlyArray<StageState>;
  /** Index of the stage that runs or ran last; null before the first. */
  readonly stage: number | null;
  /** Last metrics of each training, by its id. */
  readonly metrics: { readonly [training: string]: TrainingMetrics };
  /** Of the run, in whole parts (Budget.ts). But for what time takes, `spent + reserved` never exceeds `limit`. */
  readonly budgets: Accounts;
  /** The same by stage; one that has spent nothing and has no limit is absent. */
  readonly stageBudgets: { readonly [index: string]: Accounts };
  readonly prices: Prices | null;
  /** What it was planned to take; null where nothing was known of that. */
  readonly planned: Planned | null;
  /** Bytes of memory at the most and of the run directory; null until the end. */
  readonly resources: { readonly memory: number; readonly disk: number } | null;
  /** Milliseconds of `budgets.wallSeconds` that RunResumed would take back; see Elapsed.ts. */
  readonly unsureMillis: number;
  /** In order; one that a resumed run measures again replaces the earlier one. */
  readonly evaluations: ReadonlyArray<{ readonly index: number; readonly result: EvaluationResult }>;
  readonly counts: Counts;
  readonly savings: Savings;
  /** Online round that finished last, and training tasks solved by then. */
  readonly round: number | null;
  readonly solvedTasks: number;
  readonly validation: {
    readonly index: number;
    readonly round: number;
    readonly passAt1: number;
    readonly tasks: number;
  } | null;
  /** Last figures of the monitors, and those at the start of their stage. */
  readonly monitors: {
    readonly index: number;
    readonly round: number;
    readonly values: { readonly [name: string]: number };
    readonly start: { readonly [name: string]: number };
  } | null;
  /** In order; a round that a resumed run repeats raises its own again. */
  readonly alarms: ReadonlyArray<AlarmState>;
  /** Of the process that measured last; null before the first round or evaluation. */
  readonly sandboxMetrics: SandboxMetrics | null;
  readonly rollbacks: number;
  /** Last round that finished, and the last one rolled back, by stage: a resumed round's are counted once. */
  readonly lastRound: { readonly [index: string]: number };
  readonly lastRollback: { readonly [index: string]: number };
  /** Last round for which the verdicts of other runs were read, by stage. */
  readonly lastSharedRead: { readonly [index: string]: number };
  readonly policyVersion: number;
  readonly tilt: number;
  readonly labelsOffline: number;
  /** Tasks and offline episodes that were too long for the run. */
  readonly leftOut: { readonly tasks: number; readonly episodes: number };
  readonly checkpoint: { readonly id: string; readonly stage: number; readonly done: number } | null;
  /** Times at which a process took the run up again. */
  readonly resumes: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly updatedAt: number | null;
  readonly lastSeq: number;
}

/** The state before the first event. */
export const initial: RunState = {
  runId: "",
  name: "",
  seed: 0,
  formatVersion: 0,
  backend: "",
  sandbox: "",
  sandboxSlots: null,
  status: "starting",
  reason: null,
  remedy: null,
  stages: [],
  stage: null,
  metrics: {},
  budgets: initialAccounts,
  stageBudgets: {},
  prices: null,
  planned: null,
  resources: null,
  unsureMillis: 0,
  evaluations: [],
  counts: { generated: 0, unique: 0, cacheHits: 0, verified: 0, passed: 0, faults: 0, unverified: 0 },
  savings: {
    free: { repeat: 0, equal: 0, syntax: 0, shared: 0 },
    tests: 0,
    testsRun: 0,
    verdicts: 0,
    sameOutcome: 0,
    unusable: 0,
    unchanged: 0,
  },
  round: null,
  solvedTasks: 0,
  validation: null,
  monitors: null,
  alarms: [],
  sandboxMetrics: null,
  rollbacks: 0,
  lastRound: {},
  lastRollback: {},
  lastSharedRead: {},
  policyVersion: 0,
  tilt: 0,
  labelsOffline: 0,
  leftOut: { tasks: 0, episodes: 0 },
  checkpoint: null,
  resumes: 0,
  startedAt: null,
  endedAt: null,
  updatedAt: null,
  lastSeq: 0,
};
