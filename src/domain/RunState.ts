/**
 * Run state: the fold of a run's events, as plain data.
 *
 * `evolve` is pure and total, so the run itself, a dashboard, `drydock watch` and a replay from 0 that have
 * seen the same events hold the same state.
 */
import type { EvaluationResult, LoggedEvent, RunEvent, Unit } from "./RunEvent.ts";

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

/** `spent`: committed, incl. what a crash left open. `spent + reserved` never exceeds `limit`. */
export interface BudgetState {
  readonly limit: number;
  readonly spent: number;
  readonly reserved: number;
}

export interface TrainingMetrics {
  readonly index: number;
  readonly step: number;
  readonly values: { readonly [name: string]: number };
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

export interface RunState {
  readonly runId: string;
  readonly name: string;
  readonly seed: number;
  readonly formatVersion: number;
  readonly backend: string;
  readonly sandbox: string;
  readonly status: Status;
  /** Why it stopped or failed, and what to do about a failure. */
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly stages: ReadonlyArray<StageState>;
  /** Index of the stage that runs or ran last; null before the first. */
  readonly stage: number | null;
  /** Last metrics of each training, by its id. */
  readonly metrics: { readonly [training: string]: TrainingMetrics };
  readonly budgets: { readonly [U in Unit]: BudgetState };
  /** In order; one that a resumed run measures again replaces the earlier one. */
  readonly evaluations: ReadonlyArray<{ readonly index: number; readonly result: EvaluationResult }>;
  readonly counts: Counts;
  /** Online round that finished last, and training tasks solved by then. */
  readonly round: number | null;
  readonly solvedTasks: number;
  readonly validation: {
    readonly index: number;
    readonly round: number;
    readonly passAt1: number;
    readonly tasks: number;
  } | null;
  readonly rollbacks: number;
  /** Last round that finished, and the last one rolled back, by stage: a resumed round's are counted once. */
  readonly lastRound: { readonly [index: string]: number };
  readonly lastRollback: { readonly [index: string]: number };
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

const noBudget: BudgetState = { limit: 0, spent: 0, reserved: 0 };

/** The state before the first event. */
export const initial: RunState = {
  runId: "",
  name: "",
  seed: 0,
  formatVersion: 0,
  backend: "",
  sandbox: "",
  status: "starting",
  reason: null,
  remedy: null,
  stages: [],
  stage: null,
  metrics: {},
  budgets: { verifications: noBudget, generated: noBudget },
  evaluations: [],
  counts: { generated: 0, unique: 0, cacheHits: 0, verified: 0, passed: 0, faults: 0, unverified: 0 },
  round: null,
  solvedTasks: 0,
  validation: null,
  rollbacks: 0,
  lastRound: {},
  lastRollback: {},
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

const withStage = (state: RunState, index: number, change: Partial<StageState>): RunState => ({
  ...state,
  stages: state.stages.map((stage, i) => (i === index ? { ...stage, ...change } : stage)),
});

const withBudget = (
  state: RunState,
  unit: Unit,
  change: (b: BudgetState) => Partial<BudgetState>,
): RunState => {
  const budget = state.budgets[unit];
  return { ...state, budgets: { ...state.budgets, [unit]: { ...budget, ...change(budget) } } };
};

const withCounts = (state: RunState, add: Partial<Counts>): RunState => {
  const counts: { -readonly [K in keyof Counts]: number } = { ...state.counts };
  for (const [key, value] of Object.entries(add)) counts[key as keyof Counts] += value;
  return { ...state, counts };
};

/**
 * A resumed run goes on from its checkpoint: later stages have not happened. A finished evaluation has: it
 * changes nothing that a checkpoint holds, and is not made again.
 */
const rewind = (state: RunState, checkpoint: string | null): RunState => {
  const at = state.checkpoint?.id === checkpoint ? state.checkpoint : null;
  if (checkpoint !== null && at === null) return state;
  const from = at?.stage ?? 0;
  return {
    ...state,
    stage: state.stages.length === 0 ? null : Math.min(from, state.stages.length - 1),
    stages: state.stages.map((stage, i) =>
      i < from || (stage.kind === "evaluate" && stage.status === "done")
        ? stage
        : {
            ...stage,
            status: "waiting" as const,
            done: i === from && at !== null && at.done > 0 ? stage.done : 0,
            seconds: null,
          },
    ),
  };
};

/** Whether a round comes after the last one of its stage that was counted. */
const isNew = (
  last: { readonly [index: string]: number },
  { index, round }: { readonly index: number; readonly round: number },
): boolean => round > (last[index] ?? -1);

const apply = (state: RunState, at: number, event: RunEvent): RunState => {
  switch (event._tag) {
    case "RunStarted": {
      const limits: { readonly [U in Unit]?: number } = event.limits;
      return {
        ...state,
        runId: event.runId,
        name: event.name,
        seed: event.seed,
        formatVersion: event.formatVersion,
        backend: event.backend,
        sandbox: event.sandbox,
        status: "running",
        stages: event.stages.map(({ kind, label }) => ({
          kind,
          label,
          status: "waiting",
          done: 0,
          total: 0,
          unit: "",
          seconds: null,
        })),
        budgets: {
          verifications: {
            ...state.budgets.verifications,
            limit: limits.verifications ?? state.budgets.verifications.limit,
          },
          generated: { ...state.budgets.generated, limit: limits.generated ?? state.budgets.generated.limit },
        },
        labelsOffline: event.labelsOffline,
        leftOut: event.leftOut ?? state.leftOut,
        startedAt: at,
      };
    }
    case "StageStarted":
      return {
        ...withStage(state, event.index, {
          kind: event.kind,
          label: event.label,
          status: "running",
          total: event.total,
          unit: event.unit,
        }),
        stage: event.index,
      };
    case "StageProgress":
      return withStage(state, event.index, { done: event.done, total: event.total });
    case "StageFinished":
      return withStage(state, event.index, { status: "done", seconds: event.seconds });
    case "Metrics":
      return {
        ...state,
        metrics: {
          ...state.metrics,
          [event.training]: { index: event.index, step: event.step, values: event.values },
        },
      };
    case "ProgramsGenerated":
      return withCounts(state, { generated: event.count, unique: event.unique });
    case "BudgetReserved":
      return withBudget(state, event.unit, (b) => ({ reserved: b.reserved + event.amount }));
    case "BudgetCommitted":
      return withBudget(state, event.unit, (b) => ({
        reserved: b.reserved - event.amount,
        spent: b.spent + event.amount,
      }));
    case "BudgetRefunded":
      return withBudget(state, event.unit, (b) => ({ reserved: b.reserved - event.amount }));
    case "BudgetLimitChanged":
      return withBudget(state, event.unit, () => ({ limit: event.limit }));
    case "VerdictRecorded":
      return withCounts(state, {
        ...(event.cached ? { cacheHits: 1 } : { verified: 1 }),
        passed: event.outcome === "Passed" ? 1 : 0,
      });
    case "SandboxFaulted":
      return withCounts(state, { faults: 1 });
    case "RoundFinished":
      return {
        ...withCounts(state, { unverified: isNew(state.lastRound, event) ? event.unverified : 0 }),
        lastRound: { ...state.lastRound, [event.index]: event.round },
        round: event.round,
        solvedTasks: event.solvedTasks,
      };
    case "PolicyPublished":
      return { ...state, policyVersion: event.version };
    case "TiltChosen":
      return { ...state, tilt: event.beta };
    case "ValidationMeasured":
      return {
        ...state,
        validation: { index: event.index, round: event.round, passAt1: event.passAt1, tasks: event.tasks },
      };
    case "RolledBack":
      return {
        ...state,
        rollbacks: state.rollbacks + (isNew(state.lastRollback, event) ? 1 : 0),
        lastRollback: { ...state.lastRollback, [event.index]: event.round },
      };
    case "EvaluationFinished": {
      const { index, result } = event;
      const same = (e: RunState["evaluations"][number]): boolean =>
        e.index === index && e.result.stage === result.stage && e.result.temperature === result.temperature;
      return {
        ...state,
        evaluations: state.evaluations.some(same)
          ? state.evaluations.map((e) => (same(e) ? { index, result } : e))
          : [...state.evaluations, { index, result }],
      };
    }
    case "CheckpointSaved":
      return { ...state, checkpoint: { id: event.id, stage: event.stage, done: event.done } };
    case "CommandReceived":
    case "CommandRefused":
      return state;
    case "RunPaused":
      return { ...state, status: "paused" };
    case "RunUnpaused":
      return { ...state, status: "running" };
    case "RunResumed":
      return {
        ...rewind(state, event.checkpoint),
        status: "running",
        reason: null,
        remedy: null,
        endedAt: null,
        resumes: state.resumes + 1,
      };
    case "RunStopped":
      return { ...state, status: "stopped", reason: event.reason, endedAt: at };
    case "RunFailed":
      return { ...state, status: "failed", reason: event.reason, remedy: event.remedy, endedAt: at };
    case "RunFinished":
      return { ...state, status: "finished", endedAt: at };
  }
};

/** The state after one more event. */
export const evolve = (state: RunState, logged: LoggedEvent): RunState => ({
  ...apply(state, logged.at, logged.event),
  lastSeq: logged.seq,
  updatedAt: logged.at,
});

/** The fold of a whole log, or of its continuation from `from`. */
export const replay = (events: Iterable<LoggedEvent>, from: RunState = initial): RunState => {
  let state = from;
  for (const event of events) state = evolve(state, event);
  return state;
};
