/** `drydock pause RUN`: holds a run at its next safe point, until it is resumed. */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import { json, print } from "./Output.ts";
import { root } from "./RunsRoot.ts";
import * as Steering from "./Steering.ts";

export const pause = Command.make(
  "pause",
  { run: Steering.run, token: Steering.token, root, json },
  Effect.fn(function* (options) {
    yield* Steering.steer(options, { _tag: "Pause" });
    yield* print(
      options.json,
      { run: options.run, done: "pause" },
      () => `Paused: the run begins nothing new until \`drydock resume ${options.run}\`.`,
    );
  }),
).pipe(
  Command.withDescription("Hold a run at its next safe point; `drydock resume` lets it go on"),
  Command.withExamples([
    { command: "drydock pause latest", description: "The newest run" },
    { command: "drydock pause ws://127.0.0.1:4000/ --token TOKEN", description: "One on another machine" },
  ]),
);
