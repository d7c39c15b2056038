/** `drydock start`: the embedded default, what `npm start` runs. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Path from "node:path";
import * as Command from "effect/cli/Command";
import * as Backend from "./Backend.ts";
import { CONFIGS } from "./Configs.ts";
import * as Screen from "./Screen.ts";
import { begin, overrides } from "./Train.ts";

export const start = Command.make(
  "start",
  overrides,
  Effect.fn(function* (options) {
    const asked = Option.getOrElse(options.backend, () => "auto" as const);
    const { kind } = yield* Backend.prepare(asked);
    if (kind === "wasm") {
      Screen.say("On WebAssembly this run is scaled down: fewer steps and fewer held-out tasks.");
    }
    yield* begin(Path.join(CONFIGS, kind === "wasm" ? "default-wasm.json" : "default.json"), options);
  }),
).pipe(
  Command.withDescription("Run the embedded default: offline pre-training, then 300 verifications online"),
  Command.withExamples([{ command: "npm start -- --seed 2", description: "Another seed" }]),
);
