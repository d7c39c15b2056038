/** `drydock resume RUN`: lifts a pause; a run that no process runs goes on from its latest checkpoint. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as ConfigFile from "../config/ConfigFile.ts";
import * as Report from "../orchestrator/Report.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import * as RunReader from "../store/RunReader.ts";
import { json, print } from "./Output.ts";
import * as ReportView from "./ReportView.ts";
import * as RunSession from "./RunSession.ts";
import { root } from "./RunsRoot.ts";
import * as Screen from "./Screen.ts";
import * as Steering from "./Steering.ts";
import { overrides, withSlots } from "./Train.ts";

/** The report of a run that has finished; null for any other. */
const reportOf = Effect.fnUntraced(function* (directory: string) {
  const reader = yield* RunReader.open(directory);
  const events = yield* Report.readAll(reader);
  const last = events.at(-1)?.event;
  // The report as it was written: of all that came before the run said that it had finished.
  return last?._tag === "RunFinished" ? Report.make(events.slice(0, -1)) : null;
}, Effect.scoped);

/** Lifts the pause of a run that a process runs; false where there is none to lift. */
const unpaused = Effect.fnUntraced(function* (directory: string) {
  if ((yield* RunDirectory.holder(directory)) === null) return false;
  const { status } = yield* Effect.scoped(
    Effect.flatMap(RunReader.open(directory), (reader) => reader.state),
  );
  if (status !== "paused") return false;
  yield* Steering.tell(directory, { _tag: "Resume" });
  return true;
});

export const resume = Command.make(
  "resume",
  {
    run: Argument.String("run").pipe(Argument.withDescription("A run's id or directory, or `latest`")),
    port: overrides.port,
    slots: overrides.slots,
    root,
    json,
  },
  Effect.fn(function* (options) {
    const directory = yield* RunDirectory.find(options.run, options.root);
    if (yield* unpaused(directory)) {
      return yield* print(options.json, { run: options.run, done: "resume" }, () => "The run goes on.");
    }
    const finished = yield* reportOf(directory);
    if (finished !== null) {
      Screen.say(`${directory} has finished: there is nothing to go on with. Its report:`);
      return yield* ReportView.print(options.json, finished, directory);
    }
    const config = yield* RunDirectory.readConfig(directory);
    const progress = { ...config.progress, port: Option.getOrElse(options.port, () => config.progress.port) };
    const sandbox = withSlots(config.sandbox, options.slots);
    const changed = { ...config, progress, sandbox };
    yield* ConfigFile.fromValue("the options given", changed);
    yield* RunSession.session(changed, { directory, json: options.json });
  }),
).pipe(
  Command.withDescription("Go on with a run that was paused or stopped, or that crashed"),
  Command.withExamples([
    { command: "drydock resume 2026-01-31-120000-default-a1b2", description: "Go on with a run" },
  ]),
);
