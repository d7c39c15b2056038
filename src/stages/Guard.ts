/**
 * The guard of a stage that trains: what is measured after every round, or so many steps, and what to do about
 * training gone wrong.
 *
 * pass@1 on the validation tasks must not fall too far below the best so far. The policy that the stage began with is
 * the first to beat: a first round that makes it worse is taken back too. Monitors raise alarms beside it; each does
 * what the configuration says.
 */
import * as Effect from "effect/Effect";
import { temperatures } from "../config/RunConfig.ts";
import * as Monitor from "../domain/Monitor.ts";
import { meanPassAtK } from "../domain/PassAtK.ts";
import { RunStore } from "../store/RunStore.ts";
import { measure } from "./Evaluate.ts";
import * as Monitors from "./Monitors.ts";
import type { Carried, RunContext } from "./RunContext.ts";
import * as ValidationLog from "./ValidationLog.ts";

/** The round of what was measured before the first one. */
export const BEFORE = -1;
/** What an alarm adds to the share of offline data. */
const RAISE = 0.25;

/** What the guard needs of a stage. */
export interface Guarded extends Monitors.Watched {
  readonly label: string;
  readonly validation: { readonly samples: number; readonly maxDrop: number } | null;
  /** Figures that say nothing before the first update: later ones are compared with the first measured after it. */
  readonly unknownAtStart: ReadonlyArray<Monitor.Name>;
}

/** Where a stage is: its index, its round, and of an offline stage the steps made. Fields of each event. */
export interface At {
  readonly index: number;
  readonly round: number;
  readonly step?: number;
}

interface Within {
  readonly at: At;
  readonly stage: Guarded;
  readonly carried: Carried;
  /** The round's own figures; see RoundFigures.ts. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Programs for the validation tasks, with the event; null where the stage has no validation. */
const validate = Effect.fnUntraced(function* (context: RunContext, { at, stage, carried }: Within) {
  const store = yield* RunStore;
  const tasks = context.tasks.validation;
  if (stage.validation === null || tasks.length === 0) return null;
  const options = {
    tasks,
    samples: stage.validation.samples,
    temperature: temperatures(context.config.evaluation)[0],
    tilt: carried.tilt,
    purpose: "validation",
  };
  const measured = yield* measure(context, options);
  if (at.round === BEFORE) {
    yield* ValidationLog.write(context, ValidationLog.file(at.index, stage.label), {
      ...options,
      ...measured,
    });
  }
  const passAt1 = meanPassAtK(measured.counts, 1) ?? 0;
  yield* store.append({ _tag: "ValidationMeasured", ...at, passAt1, tasks: measured.counts.length });
  return { ...measured, passAt1 };
});

/** Everything that is watched, with its events. */
const watch = Effect.fn("Guard.watch")(function* (context: RunContext, within: Within) {
  const store = yield* RunStore;
  const { at, stage, figures } = within;
  const written = yield* validate(context, within);
  const values = yield* Monitors.measure(context, stage, written, figures);
  if (Object.keys(values).length > 0) {
    yield* store.append({ _tag: "MonitorsMeasured", ...at, values });
  }
  return { passAt1: written?.passAt1 ?? null, values };
});

/** What later rounds are compared with: of a broken figure nothing. */
const finite = (values: Monitor.Values): Monitor.Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));

/**
 * Carried with the figures that the first round is compared with, and the checkpoint to go back to: `id`, that of the
 * stage's start.
 */
export const baseline = Effect.fn("Guard.baseline")(function* (
  context: RunContext,
  within: Within & { readonly id: string },
) {
  const { passAt1, values } = yield* watch(context, within);
  const best = { passAt1, checkpoint: within.id };
  const unknown: ReadonlyArray<string> = within.stage.unknownAtStart;
  const known = Object.entries(finite(values)).filter(([name]) => !unknown.includes(name));
  return { ...within.carried, best, monitorStart: Object.fromEntries(known) };
});

/** What the alarms of a round change for those after it. */
const heeding = (carried: Carried, response: ReturnType<typeof Monitor.respond>): Carried => ({
  ...carried,
  learningRateScale: carried.learningRateScale * (response.halveLearningRate ? 0.5 : 1),
  offlineRaise: Math.min(1, carried.offlineRaise + (response.raiseOffline ? RAISE : 0)),
  halted: response.stop,
});

/** Measures after a round; says which checkpoint to restore where the round made the policy worse. `id`: its own. */
export const check = Effect.fn("Guard.check")(function* (
  context: RunContext,
  within: Within & { readonly id: string },
) {
  const store = yield* RunStore;
  const { at, stage, id } = within;
  const { passAt1, values } = yield* watch(context, within);
  const alarms = Monitor.judge(stage.monitors, within.carried.monitorStart, values);
  yield* store.append(...alarms.map((alarm) => ({ _tag: "AlarmRaised", ...at, ...alarm }) as const));
  const response = Monitor.respond(alarms);
  const monitorStart = { ...finite(values), ...within.carried.monitorStart };
  const carried = { ...heeding(within.carried, response), monitorStart };
  const { best } = carried;
  const maxDrop = stage.validation?.maxDrop ?? 1;
  const beaten = best?.passAt1 ?? null;
  const dropped = passAt1 !== null && beaten !== null && passAt1 < beaten - maxDrop;
  if (best !== null && (dropped || response.restore)) {
    const { checkpoint } = best;
    yield* store.append({ _tag: "RolledBack", ...at, from: passAt1, to: beaten, checkpoint });
    return { carried, restore: checkpoint };
  }
  const better = passAt1 !== null && (beaten === null || passAt1 >= beaten);
  return { carried: better ? { ...carried, best: { passAt1, checkpoint: id } } : carried, restore: null };
});
