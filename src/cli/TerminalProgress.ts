/**
 * Progress in the terminal: a fold of the log drawn as bars where the output is a terminal, as one line a
 * stage where it is not (a log file, CI).
 */
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Ref from "effect/Ref";
import * as Schedule from "effect/Schedule";
import type { RunState, StageState } from "../domain/RunState.ts";
import { duration, percent } from "./Output.ts";

const WIDTH = 24;

const bar = (fraction: number): string => {
  const full = Math.round(WIDTH * Math.min(1, Math.max(0, fraction)));
  return `${"█".repeat(full)}${"░".repeat(WIDTH - full)}`;
};

const mark: Record<StageState["status"], string> = { waiting: "·", running: "▸", done: "✓" };

const metricNames = ["loss", "total", "auroc"];

/** A line of figures that tell how the running stage is doing. */
const detail = (state: RunState): string => {
  const stage = state.stage === null ? undefined : state.stages[state.stage];
  if (stage === undefined) return "";
  const budget = state.budgets.verifications;
  if (stage.kind === "online") {
    const { generated, cacheHits, passed, verified } = state.counts;
    return `verified ${budget.spent}/${budget.limit} · written ${generated} · cache ${cacheHits} · passed ${passed} of ${verified + cacheHits}${state.validation === null ? "" : ` · validation ${percent(state.validation.passAt1)}`}`;
  }
  const last = Object.entries(state.metrics).filter(([, m]) => m.index === state.stage);
  return last
    .map(([id, m]) => {
      const names = metricNames.filter((name) => m.values[name] !== undefined);
      return `${id} ${names.map((name) => `${name} ${m.values[name]!.toFixed(4)}`).join(" ")}`;
    })
    .join(" · ");
};

const evaluationsOf = (state: RunState, index: number): string =>
  state.evaluations
    .filter((e) => e.index === index)
    .map(
      ({ result }) =>
        `${result.temperature === 0 ? "greedy" : `T=${result.temperature}`} ${percent(result.passAt1)}`,
    )
    .join("  ");

const stageLine = (state: RunState, stage: StageState, index: number): string => {
  const name = `${mark[stage.status]} ${`${stage.kind} ${stage.label}`.padEnd(18)}`;
  const figures = evaluationsOf(state, index);
  const tilt = stage.kind === "tilt" && stage.status === "done" ? `beta ${state.tilt}` : "";
  if (stage.status === "waiting") return name;
  if (stage.status === "done") {
    return `${name} ${(stage.seconds === null ? "" : duration(stage.seconds)).padEnd(12)} ${figures}${tilt}`;
  }
  const fraction = stage.total === 0 ? 0 : stage.done / stage.total;
  return `${name} ${bar(fraction)} ${stage.done}/${stage.total} ${stage.unit}s  ${figures}`;
};

/** All stages as lines, the running one with its bar. Pure. */
export const render = (state: RunState): ReadonlyArray<string> => [
  ...state.stages.map((stage, index) => stageLine(state, stage, index)),
  `  ${detail(state)}`,
];

/**
 * Draws for as long as `effect` runs.
 * @param state the fold of the log so far; read a few times a second
 */
export const during = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  state: Effect.Effect<RunState>,
  out: NodeJS.WriteStream = process.stderr,
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const drawn = yield* Ref.make<ReadonlyArray<string>>([]);
    const draw = out.isTTY
      ? Effect.gen(function* () {
          const lines = render(yield* state).map((line) => line.slice(0, (out.columns || 100) - 1));
          const before = yield* Ref.getAndSet(drawn, lines);
          const up = before.length === 0 ? "" : `\u001b[${before.length}A`;
          out.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}`);
        })
      : Effect.gen(function* () {
          const now = yield* state;
          const finished = now.stages.flatMap((stage, i) =>
            stage.status === "done" ? [stageLine(now, stage, i)] : [],
          );
          const before = yield* Ref.getAndSet(drawn, finished);
          for (const line of finished.slice(before.length)) out.write(`${line}\n`);
        });
    const drawing = yield* draw.pipe(Effect.repeat(Schedule.spaced("200 millis")), Effect.forkChild);
    return yield* effect.pipe(Effect.ensuring(Fiber.interrupt(drawing).pipe(Effect.andThen(draw))));
  });
