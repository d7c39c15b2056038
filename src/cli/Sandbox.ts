/** `drydock sandbox build LANGUAGE`: makes the image that a language's sandbox runs in. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as SandboxImage from "../sandbox/docker/SandboxImage.ts";
import { json, print } from "./Output.ts";

const build = Command.make(
  "build",
  {
    language: Argument.Literals("language", ["python"]).pipe(
      Argument.withDescription("Language of the image"),
      Argument.withDefault("python" as const),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const image = yield* SandboxImage.build(options.language, {
      onProgress: (line) => process.stderr.write(`${line}\n`),
    });
    yield* print(options.json, image, (value) => `Built ${JSON.stringify(value)}`);
  }),
).pipe(
  Command.withDescription("Build a sandbox image without a registry"),
  Command.withExamples([
    { command: "drydock sandbox build python", description: "The image that Python tasks need" },
  ]),
);

export const sandbox = Command.make("sandbox").pipe(
  Command.withDescription("Sandbox images"),
  Command.withSubcommands([build]),
);
