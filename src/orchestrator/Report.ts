/** The report of a run: a pure fold of its events, written as report.json and printed as a table. */
import * as Effect from "effect/Effect";
import { fromParts, type Unit, units } from "../domain/Budget.ts";
import * as Elapsed from "../domain/Elapsed.ts";
import type { EvaluationResult, LoggedEvent } from "../domain/RunEvent.ts";
import * as RunFold from "../domain/RunFold.ts";
import type { SandboxMetrics } from "../domain/SandboxMetrics.ts";
import type * as RunState from "../domain/RunState.ts";
import { RunStore } from "../store/RunStore.ts";

interface Limited {
  readonly limit: number;
  readonly spent: number;
}

/** Units that a run always has a limit of. */
type Always = "verifications" | "generated";

export interface Report {
  readonly run: string;
  readonly name: string;
  readonly seed: number;
  readonly backend: string;
  /** In order: the first is the base, the last the final policy. */
  readonly evaluations: ReadonlyArray<EvaluationResult>;
  /** Limited units: what the run may spend, and what it spent. */
  readonly budget: { readonly [U in Always]: Limited } & { readonly [U in Unit]?: Limited };
  /** What each stage took, in units. */
  readonly stages: ReadonlyArray<{
    readonly label: string;
    readonly kind: string;
    readonly spent: { readonly [U in Unit]?: number };
  }>;
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

export const make = (events: ReadonlyArray<LoggedEvent>): Report => {
  const state = RunFold.replay(events);
  const figures = (unit: Unit): Limited => {
    const { limit, spent } = state.budgets[unit];
    return { limit: fromParts(unit, limit ?? 0), spent: fromParts(unit, spent) };
  };
  return {
    run: state.runId,
    name: state.name,
    seed: state.seed,
    backend: state.backend,
    evaluations: state.evaluations.map(({ result }) => result),
    budget: {
      verifications: figures("verifications"),
      generated: figures("generated"),
      ...Object.fromEntries(
        units.flatMap((unit) => (state.budgets[unit].limit === null ? [] : [[unit, figures(unit)]])),
      ),
    },
    stages: state.stages.map(({ kind, label }, index) => ({
      kind,
      label,
      spent: Object.fromEntries(
        units.flatMap((unit) => {
          const spent = state.stageBudgets[index]?.[unit].spent ?? 0;
          return spent === 0 ? [] : [[unit, fromParts(unit, spent)]];
        }),
      ),
    })),
    labels: { offline: state.labelsOffline },
    leftOut: state.leftOut,
    cacheHits: state.counts.cacheHits,
    generated: state.counts.generated,
    faults: state.counts.faults,
    sandbox: state.sandboxMetrics,
    rollbacks: state.rollbacks,
    alarms: state.alarms,
    tilt: state.tilt,
    seconds: Elapsed.activeSeconds(events),
  };
};
