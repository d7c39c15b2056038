/** `drydock resume RUN`: goes on from the latest checkpoint. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as RunDirectory from "../store/RunDirectory.ts";
import { json } from "./Output.ts";
import * as RunSession from "./RunSession.ts";
import { root } from "./RunsRoot.ts";

export const resume = Command.make(
  "resume",
  { run: Argument.String("run").pipe(Argument.withDescription("A run's id or directory")), root, json },
  Effect.fn(function* (options) {
    const directory = yield* RunDirectory.find(options.run, options.root);
    const config = yield* RunDirectory.readConfig(directory);
    yield* RunSession.session(config, { directory, mode: "open", json: options.json });
  }),
).pipe(
  Command.withDescription("Go on with a run that was stopped or that crashed"),
  Command.withExamples([
    { command: "drydock resume 2026-01-31-120000-default-a1b2", description: "Go on with a run" },
  ]),
);
