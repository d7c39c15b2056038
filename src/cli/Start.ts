/** `drydock start`: the embedded default, what `npm start` runs. */
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Path from "node:path";
import { fileURLToPath } from "node:url";
import * as Command from "effect/cli/Command";
import * as Setup from "../tensor/native/Setup.ts";
import { begin, overrides } from "./Train.ts";

const CONFIGS = Path.join(Path.dirname(fileURLToPath(import.meta.url)), "..", "..", "configs");

export const start = Command.make(
  "start",
  overrides,
  Effect.fn(function* (options) {
    const asked = Option.getOrElse(options.backend, () => "auto" as const);
    const found = yield* Effect.promise(() =>
      Setup.ensureNative({ install: false, ...(asked === "auto" ? {} : { backend: asked }) }),
    );
    const small = found.kind === "wasm";
    if (small) {
      yield* Console.error(
        `Tensors run on WebAssembly (${found.reason}), so this run is scaled down: fewer steps and held-out tasks.${found.betterBy === undefined ? "" : ` For the full one: ${found.betterBy}.`}`,
      );
    }
    yield* begin(Path.join(CONFIGS, small ? "default-wasm.json" : "default.json"), options);
  }),
).pipe(
  Command.withDescription("Run the embedded default: offline pre-training, then 300 verifications online"),
  Command.withExamples([{ command: "npm start -- --seed 2", description: "Another seed" }]),
);
