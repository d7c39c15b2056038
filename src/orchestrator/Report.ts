/** The report of a run: a pure fold of its events, written as report.json and printed as a table. */
import * as Effect from "effect/Effect";
import { fromParts, nameOf, type Unit, units } from "../domain/Budget.ts";
import * as Elapsed from "../domain/Elapsed.ts";
import { type Compared, compare } from "../domain/Planned.ts";
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
  readonly savings: Savings;
  /** What the sandboxes of the last process did; null where nothing was run. */
  readonly sandbox: SandboxMetrics | null;
  readonly rollbacks: number;
  /** Alarms that the monitors raised, in order. */
  readonly alarms: ReadonlyArray<RunState.AlarmState>;
  readonly tilt: number;
  /** What was planned beside what it came to; null where nothing was planned. */
  readonly plan: ReadonlyArray<Compared> | null;
  /** Seconds of work: time between the run's stop and its resumption is not counted. */
  readonly seconds: number;
}

/** Sandbox runs that were not needed, and verdicts that were (docs/verification.md). */
export interface Savings {
  /** Programs of online rounds that were answered without a sandbox, by what answered them. */
  readonly free: RunState.Savings["free"];
  /** Programs of evaluations: run in a sandbox, answered without, and of these by other runs' verdicts. */
  readonly evaluations: { readonly run: number; readonly answered: number; readonly shared: number };
  /** Of the programs that were paid for and began: tests that were begun, and those that the first failure spared. */
  readonly tests: { readonly run: number; readonly skipped: number };
  /** Verdicts that were paid for, and what they changed (stages/Changes.ts). */
  readonly verdicts: Pick<RunState.Savings, "sameOutcome" | "unusable" | "unchanged"> & {
    readonly paid: number;
  };
}

const savingsOf = ({ savings, evaluations }: RunState.RunState): Savings => {
  const { free, tests, testsRun, verdicts, sameOutcome, unusable, unchanged } = savings;
  const sum = (of: (result: EvaluationResult) => number): number =>
    evaluations.reduce((total, { result }) => total + of(result), 0);
  return {
    free,
    evaluations: {
      run: sum(({ verifications }) => verifications),
      answered: sum(({ cacheHits }) => cacheHits),
      shared: sum(({ sharedHits = 0 }) => sharedHits),
    },
    tests: { run: testsRun, skipped: tests - testsRun },
    verdicts: { paid: verdicts, sameOutcome, unusable, unchanged },
  };
};

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

/** Planned figures beside the actual ones: the stages' time, the run's, what it spent, its memory and disk. */
const comparison = (state: RunState.RunState, seconds: number): Report["plan"] => {
  const { planned, resources } = state;
  if (planned === null) return null;
  return [
    ...planned.stages.map(({ label, kind, seconds: expected }, i) =>
      compare(`${label} (${kind})`, "seconds", expected, state.stages[i]?.seconds ?? null),
    ),
    compare("the whole run", "seconds", planned.seconds, seconds),
    ...units.flatMap((unit) => {
      const expected = unit === "wallSeconds" ? undefined : planned.spends[unit];
      const spent = fromParts(unit, state.budgets[unit].spent);
      return expected === undefined ? [] : [compare(nameOf(unit), unit, expected, spent)];
    }),
    compare("memory", "bytes", planned.memory, resources?.memory ?? null),
    compare("disk", "bytes", planned.disk, resources?.disk ?? null),
  ];
};

export const make = (events: ReadonlyArray<LoggedEvent>): Report => {
  const state = RunFold.replay(events);
  const seconds = Elapsed.activeSeconds(events);
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
    savings: savingsOf(state),
    sandbox: state.sandboxMetrics,
    rollbacks: state.rollbacks,
    alarms: state.alarms,
    tilt: state.tilt,
    plan: comparison(state, seconds),
    seconds,
  };
};
