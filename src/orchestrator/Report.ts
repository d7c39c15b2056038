/** The report of a run: a pure fold of its events, written as report.json and printed as a table. */
import * as Effect from "effect/Effect";
import type { EvaluationResult, LoggedEvent, RunEvent } from "../domain/RunEvent.ts";
import * as RunFold from "../domain/RunFold.ts";
import type { SandboxMetrics } from "../domain/SandboxMetrics.ts";
import type * as RunState from "../domain/RunState.ts";
import { RunStore } from "../store/RunStore.ts";

export interface Report {
  readonly run: string;
  readonly name: string;
  readonly seed: number;
  readonly backend: string;
  /** In order: the first is the base, the last the final policy. */
  readonly evaluations: ReadonlyArray<EvaluationResult>;
  readonly budget: {
    readonly verifications: { readonly limit: number; readonly spent: number };
    readonly generated: { readonly limit: number; readonly spent: number };
  };
  readonly labels: { readonly offline: number };
  /** Tasks and offline episodes that were too long for the run's token limits. */
  readonly leftOut: { readonly tasks: number; readonly episodes: number };
  /** Online programs answered by the verdict cache. */
  readonly cacheHits: number;
  /** Programs written online. */
  readonly generated: number;
  readonly faults: number;
  /** What the sandboxes of the last process did; null where nothing was run. */
  readonly sandbox: SandboxMetrics | null;
  readonly rollbacks: number;
  /** Alarms that the monitors raised, in order. */
  readonly alarms: ReadonlyArray<RunState.AlarmState>;
  readonly tilt: number;
  /** Seconds of work: time between the run's stop and its resumption is not counted. */
  readonly seconds: number;
}

const PAGE = 5000;

/** The whole log of a store or a reader. */
export const readAll = Effect.fnUntraced(function* (log: Pick<RunStore["Service"], "read">) {
  const events: Array<LoggedEvent> = [];
  for (;;) {
    const page = yield* log.read(events.at(-1)?.seq ?? 0, PAGE);
    events.push(...page);
    if (page.length < PAGE) return events;
  }
});

/** The whole log of the run. */
export const allEvents = RunStore.pipe(Effect.flatMap(readAll));

/** What a process may log before RunResumed: the reservations that a dead one left open, and commands. */
const BEFORE_RESUMED: ReadonlySet<RunEvent["_tag"]> = new Set([
  "BudgetCommitted",
  "BudgetLimitChanged",
  "CommandReceived",
  "CommandRefused",
  "RunPaused",
  "RunUnpaused",
] as const);

/** Seconds between events, without the time in which no process ran the run. */
export const activeSeconds = (events: ReadonlyArray<LoggedEvent>): number => {
  let milliseconds = 0;
  // From the end: once a RunResumed is met, what its process logged just before it is no work either.
  let opening = false;
  for (let i = events.length - 1; i > 0; i--) {
    const { _tag } = events[i].event;
    opening = _tag === "RunResumed" || (opening && BEFORE_RESUMED.has(_tag));
    if (!opening) milliseconds += Math.max(0, events[i].at - events[i - 1].at);
  }
  return milliseconds / 1000;
};

export const make = (events: ReadonlyArray<LoggedEvent>): Report => {
  const state = RunFold.replay(events);
  const figures = ({ limit, spent }: RunState.BudgetState) => ({ limit, spent });
  return {
    run: state.runId,
    name: state.name,
    seed: state.seed,
    backend: state.backend,
    evaluations: state.evaluations.map(({ result }) => result),
    budget: {
      verifications: figures(state.budgets.verifications),
      generated: figures(state.budgets.generated),
    },
    labels: { offline: state.labelsOffline },
    leftOut: state.leftOut,
    cacheHits: state.counts.cacheHits,
    generated: state.counts.generated,
    faults: state.counts.faults,
    sandbox: state.sandboxMetrics,
    rollbacks: state.rollbacks,
    alarms: state.alarms,
    tilt: state.tilt,
    seconds: activeSeconds(events),
  };
};
