/**
 * Run state as the fold of a run's events.
 *
 * `evolve` is pure and total, so the run itself, a dashboard, `drydock watch` and a replay from 0 that have
 * seen the same events hold the same state.
 */
import { type Account, type Accounts, type Amounts, entries, noAccounts, type Unit } from "./Budget.ts";
import * as Elapsed from "./Elapsed.ts";
import type { LoggedEvent, RunEvent } from "./RunEvent.ts";
import { type Counts, initial, type RunState, type Savings, type StageState } from "./RunState.ts";

const withStage = (state: RunState, index: number, change: Partial<StageState>): RunState => ({
  ...state,
  stages: state.stages.map((stage, i) => (i === index ? { ...stage, ...change } : stage)),
});

/** Both accounts of a reservation, the run's and its stage's, changed by its amounts. */
const withBudgets = (
  state: RunState,
  event: {
    readonly unit: Unit;
    readonly amount: number;
    readonly also?: Amounts;
    readonly stage?: number;
  },
  change: (account: Account, amount: number, unit: Unit) => Partial<Account>,
): RunState => {
  const amounts = entries({ ...event.also, [event.unit]: event.amount });
  const changed = (accounts: Accounts): Accounts => ({
    ...accounts,
    ...Object.fromEntries(
      amounts.map(([unit, amount]) => [unit, { ...accounts[unit], ...change(accounts[unit], amount, unit) }]),
    ),
  });
  const { stage } = event;
  const budgets = changed(state.budgets);
  if (stage === undefined) return { ...state, budgets };
  const ofStage = changed(state.stageBudgets[stage] ?? noAccounts);
  return { ...state, budgets, stageBudgets: { ...state.stageBudgets, [stage]: ofStage } };
};

const limited = (accounts: Accounts, limits: Amounts): Accounts => ({
  ...accounts,
  ...Object.fromEntries(entries(limits).map(([unit, limit]) => [unit, { ...accounts[unit], limit }])),
});

const withCounts = (state: RunState, add: Partial<Counts>): RunState => {
  const counts: { -readonly [K in keyof Counts]: number } = { ...state.counts };
  for (const [key, value] of Object.entries(add)) counts[key as keyof Counts] += value;
  return { ...state, counts };
};

type Of<T extends RunEvent["_tag"]> = Extract<RunEvent, { readonly _tag: T }>;

const withVerdict = (savings: Savings, event: Of<"VerdictRecorded">): Savings => {
  const { by, testsRun = 0, testsTotal } = event;
  if (by !== undefined) return { ...savings, free: { ...savings.free, [by]: savings.free[by] + 1 } };
  // A program that did not begin a test could have run none: nothing was spared.
  if (testsRun === 0) return savings;
  return { ...savings, tests: savings.tests + testsTotal, testsRun: savings.testsRun + testsRun };
};

const withRound = (savings: Savings, event: Of<"RoundFinished">): Savings => {
  const { verified, sameOutcome, unusable = 0, unchanged = 0 } = event;
  if (sameOutcome === undefined) return savings;
  return {
    ...savings,
    verdicts: savings.verdicts + verified,
    sameOutcome: savings.sameOutcome + sameOutcome,
    unusable: savings.unusable + unusable,
    unchanged: savings.unchanged + unchanged,
  };
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
        budgets: limited(state.budgets, event.limits),
        stageBudgets: Object.fromEntries(
          event.stages.flatMap(({ limits }, index) =>
            limits === undefined ? [] : [[index, limited(noAccounts, limits)]],
          ),
        ),
        prices: event.prices ?? null,
        labelsOffline: event.labelsOffline,
        leftOut: event.leftOut ?? state.leftOut,
        startedAt: at,
      };
    }
    case "RunPlanned":
      return { ...state, planned: event.planned };
    case "ResourcesMeasured":
      return { ...state, resources: { memory: event.memory, disk: event.disk } };
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
      return withBudgets(state, event, (b, amount) => ({ reserved: b.reserved + amount }));
    case "BudgetCommitted":
      return withBudgets(state, event, (b, amount, unit) => ({
        reserved: b.reserved - amount - (event.released?.[unit] ?? 0),
        spent: b.spent + amount,
      }));
    case "BudgetRefunded":
      return withBudgets(state, event, (b, amount) => ({ reserved: b.reserved - amount }));
    case "BudgetLimitChanged": {
      const { unit, limit, stage } = event;
      const changed = (of: Accounts): Accounts => ({ ...of, [unit]: { ...of[unit], limit } });
      if (stage === undefined) return { ...state, budgets: changed(state.budgets) };
      const ofStage = changed(state.stageBudgets[stage] ?? noAccounts);
      return { ...state, stageBudgets: { ...state.stageBudgets, [stage]: ofStage } };
    }
    case "VerdictRecorded":
      return {
        ...withCounts(state, {
          ...(event.cached ? { cacheHits: 1 } : { verified: 1 }),
          passed: event.outcome === "Passed" ? 1 : 0,
        }),
        savings: withVerdict(state.savings, event),
      };
    case "SharedVerdictsRead":
      return { ...state, lastSharedRead: { ...state.lastSharedRead, [event.index]: event.round } };
    case "SandboxFaulted":
      return withCounts(state, { faults: 1 });
    case "RoundFinished":
      return {
        ...withCounts(state, { unverified: isNew(state.lastRound, event) ? event.unverified : 0 }),
        savings: isNew(state.lastRound, event) ? withRound(state.savings, event) : state.savings,
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
    case "BudgetExhausted":
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
  ...apply(Elapsed.until(state, logged), logged.at, logged.event),
  lastSeq: logged.seq,
  updatedAt: logged.at,
});

/** The fold of a whole log, or of its continuation from `from`. */
export const replay = (events: Iterable<LoggedEvent>, from: RunState = initial): RunState => {
  let state = from;
  for (const event of events) state = evolve(state, event);
  return state;
};
