/**
 * Running a run from the command line: layers, progress, signals, and what is said at the end.
 *
 * `train`, `start` and `resume` differ only in where the run directory comes from.
 */
import * as Fs from "node:fs/promises";
import * as Cause from "effect/Cause";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import { type RunConfig, sharedVerdicts } from "../config/RunConfig.ts";
import * as GeneratorFor from "../generator/GeneratorFor.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Prepare from "../orchestrator/Prepare.ts";
import * as Run from "../orchestrator/Run.ts";
import * as RunControl from "../orchestrator/RunControl.ts";
import * as SandboxGuard from "../orchestrator/SandboxGuard.ts";
import * as ProgressServer from "../progress/ProgressServer.ts";
import * as ControlFile from "../store/ControlFile.ts";
import { Commands } from "../store/Commands.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import { RunStore } from "../store/RunStore.ts";
import * as RunStoreLive from "../store/RunStoreLive.ts";
import * as SharedVerdicts from "../store/SharedVerdicts.ts";
import * as Backend from "./Backend.ts";
import * as Calibrating from "./Calibrating.ts";
import * as Problem from "./Problem.ts";
import * as ReportView from "./ReportView.ts";
import * as RunSandboxes from "./RunSandboxes.ts";
import * as Screen from "./Screen.ts";
import * as Signals from "./Signals.ts";
import * as TerminalProgress from "./TerminalProgress.ts";

export interface SessionOptions {
  /** The run directory to go on with; null makes a new one. */
  readonly directory: string | null;
  readonly json: boolean;
  /** Print no report at the end: the caller has something else to say. */
  readonly quiet?: boolean;
  /** How to go on with a run that was stopped or failed, where that is not `drydock resume`. */
  readonly goOn?: string;
}

const howToGoOn = (directory: string, { goOn }: SessionOptions): string =>
  goOn ?? `npx drydock resume ${directory}`;

/** Runs the stages within the services; records how it ended. */
const body = Effect.fn("RunSession.body")(function* (
  config: RunConfig,
  loaded: Prepare.Loaded,
  options: SessionOptions,
) {
  const store = yield* RunStore;
  const commands = yield* Commands;
  const server = yield* ProgressServer.ProgressServer;
  yield* ControlFile.hold(store.directory, { url: server.url, token: server.token });
  Screen.say(
    `Run ${store.runId}\n  ${server.url}   (to steer it from there: ${server.url}#${server.token})\n  Ctrl-C stops at the next safe point`,
  );
  yield* Signals.onFirst(
    Effect.sync(() => Screen.say("Stopping at the next safe point; Ctrl-C again to end at once.")).pipe(
      Effect.andThen(commands.submit({ command: { _tag: "Stop" }, from: "terminal" })),
      Effect.asVoid,
    ),
  );
  const { context, labels } = yield* Prepare.prepare(config, loaded);
  const planned = options.directory === null ? yield* Calibrating.known(config, loaded) : null;
  const report = yield* TerminalProgress.during(Run.execute(context, labels, planned), store.state);
  if (options.quiet !== true) yield* ReportView.print(options.json, report, store.directory);
});

/** The event of a run that did not finish. */
const endOf = (cause: Cause.Cause<unknown>) => {
  if (Cause.hasInterruptsOnly(cause)) return { _tag: "RunStopped", reason: "interrupted" } as const;
  const error = Cause.squash(cause);
  if (isStop(error)) return { _tag: "RunStopped", reason: error.reason } as const;
  const [reason = "", ...remedy] = (Problem.describe(error) ?? "").split(Problem.REMEDY);
  return { _tag: "RunFailed", reason, remedy: remedy.join("") } as const;
};

const isStop = (error: unknown): error is { readonly reason: string } =>
  typeof error === "object" && error !== null && (error as { _tag?: unknown })._tag === "StopRequested";

/** Whether the log says that the run was begun: before that there is nothing to go on with. */
const begun = Effect.gen(function* () {
  const store = yield* RunStore;
  return (yield* store.state).startedAt !== null;
}).pipe(Effect.orElseSucceed(() => true));

/** Writes into the log why a begun run ends early, and says how to go on with it. */
const recordEnd = Effect.fnUntraced(function* (cause: Cause.Cause<unknown>, options: SessionOptions) {
  const store = yield* RunStore;
  if (!(yield* begun)) return;
  yield* Effect.ignore(store.append(endOf(cause)));
  const error = Cause.squash(cause);
  const how = howToGoOn(store.directory, options);
  Screen.say(
    Cause.hasInterruptsOnly(cause)
      ? `Interrupted: what was done since the last checkpoint is repeated. To go on: ${how}`
      : isStop(error)
        ? `Stopped. Nothing is lost. To go on: ${how}`
        : `The run is kept in ${store.directory}. Once the cause below is removed: ${how}`,
  );
});

/**
 * A whole session: checks what it needs, opens the services, runs, says how to go on.
 *
 * Data, policy and backend are looked at first, so that a mistake in them leaves no run directory behind; nor does a
 * run that ended before its first event.
 */
export const session = Effect.fn("RunSession.session")(function* (
  config: RunConfig,
  options: SessionOptions,
) {
  const loaded = yield* Prepare.load(config);
  yield* PolicyFiles.read(config.policy.path, {
    weights: config.policy.init === "random" ? "optional" : "required",
  });
  yield* GeneratorFor.check(config);
  yield* Backend.prepare(config.compute.backend);
  const created = options.directory === null ? (yield* RunDirectory.create(config)).directory : null;
  const directory = options.directory ?? created ?? "";

  const verdicts = sharedVerdicts(config);
  const shared = Layer.mergeAll(
    RunStoreLive.layer({ directory, mode: created === null ? "open" : "create" }),
    Commands.layer,
    verdicts === null ? Layer.empty : SharedVerdicts.layer(verdicts),
  );
  const services = Layer.mergeAll(
    ComputeWorker.layer,
    SandboxGuard.layer.pipe(Layer.provide(RunSandboxes.layer(config, loaded))),
    RunControl.layer,
    ProgressServer.layer({ ...config.progress }),
  ).pipe(Layer.provideMerge(shared));

  let empty = created !== null;
  yield* body(config, loaded, options).pipe(
    Effect.onExit((exit) => (Exit.isFailure(exit) ? recordEnd(exit.cause, options) : Effect.void)),
    Effect.ensuring(begun.pipe(Effect.tap((yes) => Effect.sync(() => void (empty &&= !yes))))),
    Effect.provide(services),
    Effect.scoped,
    Effect.catchTag("StopRequested", () =>
      options.json && options.quiet !== true
        ? Console.log(JSON.stringify({ status: "stopped", directory }))
        : Effect.void,
    ),
    Effect.ensuring(
      Effect.suspend(() =>
        empty ? Effect.promise(() => Fs.rm(directory, { recursive: true, force: true })) : Effect.void,
      ),
    ),
  );
});
