/** `drydock stop RUN`: ends a run at its next safe point. */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import { json, print } from "./Output.ts";
import { root } from "./RunsRoot.ts";
import * as Steering from "./Steering.ts";

export const stop = Command.make(
  "stop",
  { run: Steering.run, token: Steering.token, root, json },
  Effect.fn(function* (options) {
    yield* Steering.steer(options, { _tag: "Stop" });
    yield* print(
      options.json,
      { run: options.run, done: "stop" },
      () => `Stopping at the next safe point; go on with it by \`drydock resume ${options.run}\`.`,
    );
  }),
).pipe(
  Command.withDescription("End a run at its next safe point; it can be resumed"),
  Command.withExamples([
    { command: "drydock stop latest", description: "The newest run" },
    { command: "drydock stop ws://127.0.0.1:4000/ --token TOKEN", description: "One on another machine" },
  ]),
);
