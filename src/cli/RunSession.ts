/**
 * Running a run from the command line: layers, progress, signals, and what is said at the end.
 *
 * `train`, `start` and `resume` differ only in where the run directory comes from.
 */
import * as Cause from "effect/Cause";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import type { RunConfig } from "../config/RunConfig.ts";
import * as Prepare from "../orchestrator/Prepare.ts";
import type { Report } from "../orchestrator/Report.ts";
import * as Run from "../orchestrator/Run.ts";
import * as RunControl from "../orchestrator/RunControl.ts";
import * as ProgressServer from "../progress/ProgressServer.ts";
import * as SandboxFor from "../sandbox/SandboxFor.ts";
import { Commands } from "../store/Commands.ts";
import { RunStore } from "../store/RunStore.ts";
import * as RunStoreLive from "../store/RunStoreLive.ts";
import { duration, percent, print, table } from "./Output.ts";
import * as Problem from "./Problem.ts";
import * as Signals from "./Signals.ts";
import * as TerminalProgress from "./TerminalProgress.ts";

export interface SessionOptions {
  readonly directory: string;
  readonly mode: "create" | "open";
  readonly json: boolean;
}

/** The report as a table for people. */
export const reportTable = (report: Report): string => {
  const rows = report.evaluations.map((e) => [
    e.stage,
    e.temperature === 0 ? "greedy" : `T=${e.temperature}`,
    percent(e.passAt1),
    `${percent(e.interval[0])} – ${percent(e.interval[1])}`,
    percent(e.passAt10),
    String(e.tasks),
    String(e.tilt),
  ]);
  const { verifications } = report.budget;
  return [
    table(["policy", "decoding", "pass@1", "95 % interval", "pass@10", "tasks", "tilt"], rows),
    table(
      ["verifications", "labels offline", "cache hits", "programs written", "faults", "roll-backs", "time"],
      [
        [
          `${verifications.spent} of ${verifications.limit}`,
          String(report.labels.offline),
          String(report.cacheHits),
          String(report.generated),
          String(report.faults),
          String(report.rollbacks),
          duration(report.seconds),
        ],
      ],
    ),
  ].join("\n");
};

/** Runs the stages within the services; records how it ended. */
const body = Effect.fn("RunSession.body")(function* (
  config: RunConfig,
  loaded: Prepare.Loaded,
  options: SessionOptions,
) {
  const store = yield* RunStore;
  const commands = yield* Commands;
  const server = yield* ProgressServer.ProgressServer;
  yield* Console.error(
    `Run ${store.runId}\n  ${server.url}   (commands need the token ${server.token})\n  Ctrl-C stops at the next safe point`,
  );
  yield* Signals.onFirst(
    Console.error("\nStopping at the next safe point; Ctrl-C again to end at once.").pipe(
      Effect.andThen(commands.submit({ command: { _tag: "Stop" }, from: "terminal" })),
      Effect.asVoid,
    ),
  );
  const { context, labels } = yield* Prepare.prepare(config, loaded);
  const report = yield* TerminalProgress.during(Run.execute(context, labels), store.state).pipe(
    Effect.onExit((exit) =>
      Exit.isFailure(exit) ? Effect.ignore(store.append(endOf(exit.cause))) : Effect.void,
    ),
  );
  yield* print(
    options.json,
    report,
    (value) => `${reportTable(value)}\nReport: ${store.directory}/report.json`,
  );
});

/** The event of a run that did not finish. */
const endOf = (cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return { _tag: "RunStopped", reason: "interrupted" } as const;
  const error = Cause.squash(cause);
  if (isStop(error)) return { _tag: "RunStopped", reason: error.reason } as const;
  const [reason = "", ...remedy] = (Problem.describe(error) ?? "").split("\n  What to do: ");
  return { _tag: "RunFailed", reason, remedy: remedy.join("") } as const;
};

const isStop = (error: unknown): error is { readonly reason: string } =>
  typeof error === "object" && error !== null && (error as { _tag?: unknown })._tag === "StopRequested";

/** A whole session on a run directory: opens the services, runs, says how to go on. */
export const session = Effect.fn("RunSession.session")(function* (
  config: RunConfig,
  options: SessionOptions,
) {
  const loaded = yield* Prepare.load(config);
  const languages = new Set(loaded.tasks.map(({ language }) => language));
  const { slots, ...limits } = config.sandbox;
  const storeLayer = RunStoreLive.layer({ directory: options.directory, mode: options.mode });
  const shared = Layer.mergeAll(storeLayer, Commands.layer);
  const services = Layer.mergeAll(
    ComputeWorker.layer,
    SandboxFor.layer(languages, { slots, limits, onProgress: (line) => process.stderr.write(`${line}\n`) }),
    RunControl.layer,
    ProgressServer.layer({ ...config.progress }),
  ).pipe(Layer.provideMerge(shared));
  yield* body(config, loaded, options).pipe(
    Effect.provide(services),
    Effect.scoped,
    Effect.catchTag("StopRequested", () =>
      Console.error(`Stopped. Nothing is lost. To go on: npx drydock resume ${options.directory}`),
    ),
  );
});
