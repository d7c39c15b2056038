/**
 * Progress in the terminal: a fold of the log drawn as bars where the output is a terminal, as one line a
 * stage where it is not (a log file, CI).
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Ref from "effect/Ref";
import * as Schedule from "effect/Schedule";
import * as Budget from "../domain/Budget.ts";
import type { RunState, StageState } from "../domain/RunState.ts";
import { alarm, duration, percent } from "./Output.ts";
import * as Screen from "./Screen.ts";

const mark: Record<StageState["status"], string> = { waiting: "·", running: "▸", done: "✓" };

const metricNames = ["loss", "total", "auroc"];

/** A line of figures that tell how the running stage is doing. */
const detail = (state: RunState): string => {
  const stage = state.stage === null ? undefined : state.stages[state.stage];
  if (stage === undefined) return "";
  const budget = state.budgets.verifications;
  if (stage.kind === "online") {
    const { generated, cacheHits, passed, verified } = state.counts;
    const others = Budget.units.flatMap((unit) => {
      const { limit, spent } = state.budgets[unit];
      if (limit === null || unit === "verifications" || unit === "generated") return [];
      return ` · ${Budget.nameOf(unit)} ${Budget.show(unit, spent)}/${Budget.show(unit, limit)}`;
    });
    return `verified ${budget.spent}/${budget.limit}${others.join("")} · written ${generated} · cache ${cacheHits} · passed ${passed} of ${verified + cacheHits}${state.validation === null ? "" : ` · validation ${percent(state.validation.passAt1)}`}`;
  }
  const last = Object.entries(state.metrics).filter(([, m]) => m.index === state.stage);
  const figures = last.map(([id, m]) => {
    const names = metricNames.filter((name) => m.values[name] !== undefined);
    return `${id} ${names.map((name) => `${name} ${m.values[name].toFixed(4)}`).join(" ")}`;
  });
  const { validation } = state;
  const guard =
    validation === null || validation.index !== state.stage
      ? []
      : [`validation ${percent(validation.passAt1)}`];
  return [...figures, ...guard].join(" · ");
};

const evaluationsOf = (state: RunState, index: number): string =>
  state.evaluations
    .filter((e) => e.index === index)
    .map(
      ({ result }) =>
        `${result.temperature === 0 ? "greedy" : `T=${result.temperature}`} ${percent(result.passAt1)}`,
    )
    .join("  ");

/** How fast the running stage goes: units a second since this process first saw it. */
export interface Pace {
  readonly stage: number;
  /** Milliseconds since 1970, and units done, at the first sight of the stage. */
  readonly since: number;
  readonly from: number;
}

/** The pace after a look at the state. Pure. */
export const paceOf = (pace: Pace | null, state: RunState, now: number): Pace | null => {
  const stage = state.stage === null ? undefined : state.stages[state.stage];
  if (state.stage === null || stage?.status !== "running") return null;
  // A stage that was rewound (a resumed run, a repeated evaluation) is measured anew.
  if (pace?.stage === state.stage && pace.from <= stage.done) return pace;
  return { stage: state.stage, since: now, from: stage.done };
};

/** "3.1/s, 2 min 5 s left" once there is enough to tell; else nothing. */
const speed = (stage: StageState, pace: Pace | null, now: number): string => {
  if (pace === null) return "";
  const seconds = (now - pace.since) / 1000;
  const done = stage.done - pace.from;
  if (seconds < 1 || done <= 0) return "";
  const rate = done / seconds;
  const shown = rate >= 1 ? `${rate.toFixed(1)}/s` : `${(60 * rate).toFixed(1)}/min`;
  return `${shown}  ${duration((stage.total - stage.done) / rate)} left`;
};

/** What a stage is called: its kind, and its label where that says more. */
const nameOf = ({ kind, label }: StageState): string => (label === kind ? kind : `${kind} ${label}`);

const stageLine = (
  state: RunState,
  stage: StageState,
  index: number,
  pace: Pace | null,
  now: number,
): string => {
  const width = Math.min(28, Math.max(...state.stages.map((each) => nameOf(each).length)));
  const name = `${mark[stage.status]} ${nameOf(stage).padEnd(width)}`;
  const figures = evaluationsOf(state, index);
  const tilt = stage.kind === "tilt" && stage.status === "done" ? `beta ${state.tilt}` : "";
  if (stage.status === "waiting") return name;
  if (stage.status === "done") {
    return `${name}  ${(stage.seconds === null ? "" : duration(stage.seconds)).padEnd(12)} ${figures}${tilt}`.trimEnd();
  }
  const fraction = stage.total === 0 ? 0 : stage.done / stage.total;
  const parts = [
    `${stage.done}/${stage.total} ${stage.unit}s`,
    state.status === "paused" ? "paused" : speed(stage, pace, now),
    figures,
  ];
  return `${name}  ${Screen.bar(fraction)} ${parts.filter((part) => part !== "").join("  ")}`;
};

/** All stages as lines, the running one with its bar. Pure. */
export const render = (state: RunState, pace: Pace | null, now: number): ReadonlyArray<string> => [
  ...state.stages.map((stage, index) => stageLine(state, stage, index, pace, now)),
  state.stages.length === 0 ? "  loading the policy" : `  ${detail(state)}`,
  ...alarms(state),
  ...pausedBecause(state),
  ...leftOut(state),
];

/** How many alarms the monitors raised, and the last one. */
const alarms = ({ alarms: raised }: RunState): ReadonlyArray<string> => {
  const last = raised.at(-1);
  return last === undefined
    ? []
    : [`  ${raised.length} ${raised.length === 1 ? "alarm" : "alarms, the last"}: ${alarm(last)}`];
};

/** Why a run paused by itself. */
const pausedBecause = ({ status, reason, remedy }: RunState): ReadonlyArray<string> =>
  status === "paused" && reason !== null ? [`  PAUSED: ${reason}`, `  What to do: ${remedy ?? ""}`] : [];

/** What the run's token limits leave out, where they do. */
const leftOut = ({ leftOut: { tasks, episodes } }: RunState): ReadonlyArray<string> =>
  tasks + episodes === 0
    ? []
    : [
        `  left out as too long: ${tasks} tasks, ${episodes} offline programs (compute.maxPromptTokens, maxTrainTokens)`,
      ];

/**
 * Draws for as long as `effect` runs.
 * @param state the fold of the log so far; read a few times a second
 */
export const during = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  state: Effect.Effect<RunState>,
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const pace = yield* Ref.make<Pace | null>(null);
    const told = yield* Ref.make(0);
    const draw = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis;
      const current = yield* state;
      if (Screen.isTerminal()) {
        const measured = yield* Ref.updateAndGet(pace, (before) => paceOf(before, current, now));
        Screen.draw(render(current, measured, now));
        return;
      }
      const finished = current.stages.flatMap((stage, i) =>
        stage.status === "done" ? [stageLine(current, stage, i, null, now)] : [],
      );
      for (const line of finished.slice(yield* Ref.getAndSet(told, finished.length))) Screen.say(line);
    });
    const drawing = yield* draw.pipe(Effect.repeat(Schedule.spaced("200 millis")), Effect.forkChild);
    return yield* effect.pipe(
      Effect.ensuring(
        Fiber.interrupt(drawing).pipe(Effect.andThen(draw), Effect.andThen(Effect.sync(Screen.release))),
      ),
    );
  });
