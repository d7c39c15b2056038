/**
 * Run state as the fold of a run's events.
 *
 * `evolve` is pure and total, so the run itself, a dashboard, `drydock watch` and a replay from 0 that have
 * seen the same events hold the same state.
 */
import type { LoggedEvent, RunEvent, Unit } from "./RunEvent.ts";
import { type BudgetState, type Counts, initial, type RunState, type StageState } from "./RunState.ts";

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
        sandboxSlots: event.sandboxSlots ?? null,
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
    case "SandboxMeasured":
      return { ...state, sandboxMetrics: event.metrics };
    case "SandboxTripped":
      return { ...state, reason: event.reason, remedy: event.remedy };
    case "PolicyPublished":
      return { ...state, policyVersion: event.version };
    case "TiltChosen":
      return { ...state, tilt: event.beta };
    case "ValidationMeasured":
      return {
        ...state,
        validation: { index: event.index, round: event.round, passAt1: event.passAt1, tasks: event.tasks },
      };
    case "MonitorsMeasured": {
      const { index, round, values } = event;
      const start = state.monitors?.index === index && round >= 0 ? state.monitors.start : values;
      return { ...state, monitors: { index, round, values, start } };
    }
    case "AlarmRaised": {
      const { _tag, ...raised } = event;
      const { index, round, monitor } = raised;
      const others = state.alarms.filter(
        (a) => a.index !== index || a.monitor !== monitor || a.round < round,
      );
      return { ...state, alarms: [...others, raised] };
    }
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
    case "JudgesMeasured":
    case "ProgramsSelected":
    case "CommandReceived":
    case "CommandRefused":
      return state;
    case "RunPaused":
      return { ...state, status: "paused" };
    case "RunUnpaused":
      return { ...state, status: "running", reason: null, remedy: null };
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
