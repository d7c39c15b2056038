/** `drydock watch RUN`: follows a run live, or replays it from any sequence number. */
import * as Console from "effect/Console";
import * as DateTime from "effect/DateTime";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import * as Stream from "effect/Stream";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Budget from "../domain/Budget.ts";
import { LoggedEvent } from "../domain/RunEvent.ts";
import * as SandboxMetrics from "../domain/SandboxMetrics.ts";
import * as RunFold from "../domain/RunFold.ts";
import * as RunState from "../domain/RunState.ts";
import * as ProgressClient from "../progress/ProgressClient.ts";
import type { ProgressError } from "../progress/ProgressError.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import * as Room from "../model/files/Room.ts";
import * as RunReader from "../store/RunReader.ts";
import { StoreError } from "../store/RunStore.ts";
import { alarm, duration, percent, when } from "./Output.ts";
import { root } from "./RunsRoot.ts";

const BATCH = 256;
/** How often it is asked whether the process of a run is still there. */
const HOLDER_POLL = "2 seconds";

const encode = Schema.encodeSync(Schema.toCodecJson(LoggedEvent));

/** Tenths of a stage that are done: a line is printed when it moves. */
const tenth = (done: number, total: number): number => (total === 0 ? 0 : Math.floor((10 * done) / total));

const figures = (values: { readonly [name: string]: number }, count = 4): string =>
  Object.entries(values)
    .slice(0, count)
    .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toPrecision(4)}`)
    .join("  ");

/** "300 verifications, 60 CPU seconds". */
const limits = (amounts: Budget.Amounts): string =>
  Budget.entries(amounts)
    .map(([unit, limit]) => `${Budget.show(unit, limit)} ${Budget.nameOf(unit)}`)
    .join(", ");

const ofStage = (state: RunState.RunState, stage: number | undefined): string =>
  stage === undefined ? "" : ` of stage ${state.stages[stage]?.label ?? stage}`;

/** What an event says to a person; null for those that only a program reads. */
export const describe = (before: RunState.RunState, { event }: LoggedEvent): string | null => {
  const label = "index" in event ? (before.stages[event.index]?.label ?? String(event.index)) : "";
  switch (event._tag) {
    case "RunStarted":
      return `run ${event.runId} started: ${event.stages.map((s) => s.label).join(" → ")}; ${limits(event.limits)}, ${event.backend}, ${event.sandbox}`;
    case "RunPlanned": {
      const { seconds } = event.planned;
      return `planned: ${duration(seconds.mid)} (${duration(seconds.low)} – ${duration(seconds.high)})`;
    }
    case "ResourcesMeasured":
      return `took ${Room.size(event.memory)} of memory at the most and ${Room.size(event.disk)} of disk`;
    case "StageStarted":
      return `${event.label}: started, ${event.total} ${event.unit}s`;
    case "StageProgress": {
      const last = before.stages[event.index];
      if (last !== undefined && tenth(last.done, last.total) === tenth(event.done, event.total)) return null;
      return `${label}: ${event.done}/${event.total}`;
    }
    case "StageFinished":
      return `${label}: done in ${duration(event.seconds)}`;
    case "Metrics":
      return `${label}: ${event.training} step ${event.step}  ${figures(event.values)}`;
    case "ProgramsGenerated":
      return `${label}: round ${event.round}, ${event.count} programs written, ${event.unique} of them different`;
    case "RoundFinished":
      return `${label}: round ${event.round} done: ${event.passed} passed of ${event.verified} verified and ${event.cacheHits} known; ${event.solvedTasks} tasks solved`;
    case "SandboxFaulted":
      return `${label}: the sandbox failed on ${event.taskId}: ${event.reason}`;
    case "BudgetLimitChanged":
      return `budget of ${event.unit}${ofStage(before, event.stage)} is now ${event.limit === null ? "without a limit" : Budget.show(event.unit, event.limit)}`;
    case "BudgetExhausted":
      return `${label}: ends, the budget of ${event.unit} has no room for more`;
    case "SandboxMeasured":
      return `sandboxes: ${SandboxMetrics.describe(event.metrics)}; ${event.metrics.queued} waiting, slots: ${event.metrics.busy} busy, ${event.metrics.idle} idle, ${event.metrics.opening} opening`;
    case "SandboxTripped":
      return `PAUSED: ${event.reason}\n  What to do: ${event.remedy}`;
    case "PolicyPublished":
      return `policy version ${event.version}`;
    case "TiltChosen":
      return `tilt: beta ${event.beta} chosen (${event.tried.map((t) => `${t.beta}: ${percent(t.passAt1)}`).join(", ")})`;
    case "ValidationMeasured":
      return `${label}: validation pass@1 ${percent(event.passAt1)} on ${event.tasks} tasks`;
    case "JudgesMeasured":
      return `${label}: round ${event.round}, chosen by ${event.by}; AUROC ${Object.entries(event.judges)
        .map(([judge, { auroc, pairs }]) => `${judge} ${auroc?.toFixed(2) ?? "-"} (${pairs} pairs)`)
        .join(", ")}`;
    case "ProgramsSelected":
      return `${label}: round ${event.round}, ${event.chosen.length} of ${event.among} programs chosen by ${event.by.join(" + ")}${
        event.judges === undefined
          ? ""
          : `; AUROC of the random share ${Object.entries(event.judges)
              .map(([judge, { auroc, pairs }]) => `${judge} ${auroc?.toFixed(2) ?? "-"} (${pairs} pairs)`)
              .join(", ")}`
      }`;
    case "MonitorsMeasured":
      return `${label}: monitors  ${figures(event.values, Number.POSITIVE_INFINITY)}`;
    case "AlarmRaised":
      return `${label}: ALARM ${alarm(event)}`;
    case "RolledBack":
      return `${label}: rolled back to ${event.checkpoint}, whose validation pass@1 is ${percent(event.to)}; ${when(event)} it was ${percent(event.from)}`;
    case "EvaluationFinished": {
      const { stage, temperature, passAt1, passAt10, interval, tasks } = event.result;
      return `${stage}: pass@1 ${percent(passAt1)} (${percent(interval[0])} – ${percent(interval[1])})${passAt10 === null ? "" : `, pass@10 ${percent(passAt10)}`} on ${tasks} tasks, ${temperature === 0 ? "greedy" : `T=${temperature}`}`;
    }
    case "CheckpointSaved":
      return `checkpoint ${event.id}`;
    case "CommandRefused":
      return `command refused: ${event.reason}`;
    case "CommandReceived":
      return `command ${event.command} from ${event.from}`;
    case "RunPaused":
      return "paused";
    case "RunUnpaused":
      return "goes on";
    case "RunResumed":
      return `resumed from ${event.checkpoint ?? "the start"}`;
    case "RunStopped":
      return `stopped: ${event.reason}`;
    case "RunFailed":
      return `failed: ${event.reason}${event.remedy === "" ? "" : `\n  What to do: ${event.remedy}`}`;
    case "RunFinished":
      return `finished in ${duration(event.seconds)}`;
    case "SharedVerdictsRead":
      return event.answered === 0
        ? null
        : `${label}: other runs' verdicts answer ${event.answered} of ${event.asked} programs`;
    case "BudgetReserved":
    case "BudgetCommitted":
    case "BudgetRefunded":
    case "VerdictRecorded":
      return null;
  }
};

/**
 * Events of a run directory after `start`, live; `from` is what the person asked for. Ends when the run has ended, or, after `cutShort`, where no
 * process runs it though it has not ended.
 */
const fromDirectory = (directory: string, start: number, from: number, cutShort: Effect.Effect<void>) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const reader = yield* RunReader.open(directory);
      const head = yield* reader.head;
      if (from > head) {
        return yield* new StoreError({
          reason: `--from ${from} is beyond the last event of this run, ${head}`,
          remedy: "give a smaller number; 0 shows the whole run",
        });
      }
      const moved = (seq: number) =>
        reader.heads.pipe(
          Stream.filter((now) => now > seq),
          Stream.take(1),
          Stream.runDrain,
        );
      return Stream.paginate(start, (seq) =>
        Effect.gen(function* () {
          // Asked before the log is read: what a process wrote last is read before it counts as gone.
          const holder = yield* RunDirectory.holder(directory);
          const events = yield* reader.read(seq, BATCH);
          const last = events.at(-1);
          if (last !== undefined) return [events, Option.some(last.seq)] as const;
          const state = yield* reader.state;
          if (state.lastSeq > seq) return [events, Option.some(seq)] as const;
          if (state.endedAt !== null) return [events, Option.none<number>()] as const;
          if (holder === null) {
            yield* cutShort;
            return [events, Option.none<number>()] as const;
          }
          yield* Effect.raceFirst(moved(seq), Effect.sleep(HOLDER_POLL));
          return [events, Option.some(seq)] as const;
        }),
      );
    }),
  );

const time = (at: number): string => DateTime.formatIso(DateTime.makeUnsafe(at)).slice(11, 19);

export const watch = Command.make(
  "watch",
  {
    run: Argument.String("run").pipe(
      Argument.withDescription("A run's id or directory, `latest`, or the ws://host:port/ of a running one"),
    ),
    from: Flag.Int("from").pipe(
      Flag.withDescription("Show the events after this sequence number"),
      Flag.withDefault(0),
    ),
    root,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print each event as a line of JSON"),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* (options) {
    const from = Math.max(0, options.from);
    // Labels of stages are in the first events: lines for a person are made from the whole log.
    const start = options.json ? from : 0;
    const events: Stream.Stream<LoggedEvent, ProgressError | StoreError> = /^(?:wss?|https?):\/\//i.test(
      options.run,
    )
      ? ProgressClient.events({ url: options.run, from: start, untilEnd: true })
      : fromDirectory(
          yield* RunDirectory.find(options.run, options.root),
          start,
          from,
          Console.error(
            `No process runs this run: it was cut short. To go on: npx drydock resume ${options.run}`,
          ),
        );
    let state = RunState.initial;
    yield* Stream.runForEach(events, (logged) => {
      if (options.json) return Console.log(JSON.stringify(encode(logged)));
      const line = describe(state, logged);
      state = RunFold.evolve(state, logged);
      return line === null || logged.seq <= from
        ? Effect.void
        : Console.log(`${String(logged.seq).padStart(6)}  ${time(logged.at)}  ${line}`);
    });
  }),
).pipe(
  Command.withDescription("Follow a run live, or replay it"),
  Command.withExamples([
    { command: "drydock watch latest", description: "Follow the newest run" },
    {
      command: "drydock watch ws://127.0.0.1:4000/ --from 120 --json",
      description: "Events after number 120",
    },
  ]),
);
