/** `drydock config check FILE` and `drydock config schema`. */
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as ConfigFile from "../config/ConfigFile.ts";
import * as ConfigSchema from "../config/ConfigSchema.ts";
import * as Algorithms from "./Algorithms.ts";
import { json, print } from "./Output.ts";

const check = Command.make(
  "check",
  { file: Argument.String("config").pipe(Argument.withDescription("A run configuration")), json },
  Effect.fn(function* (options) {
    const config = yield* ConfigFile.load(options.file, { more: Algorithms.problems });
    yield* print(
      options.json,
      config,
      (value) =>
        `${options.file} is valid: ${value.stages.length} stages, ${value.budget.verifications} verifications.`,
    );
  }),
).pipe(
  Command.withDescription("Validate a configuration without starting it"),
  Command.withExamples([
    { command: "drydock config check configs/default.json", description: "Validate a file" },
  ]),
);

const schema = Command.make(
  "schema",
  {},
  Effect.fn(function* () {
    yield* Console.log(JSON.stringify(ConfigSchema.jsonSchema(), null, 2));
  }),
).pipe(
  Command.withDescription("Print the JSON Schema of configurations"),
  Command.withExamples([
    { command: "drydock config schema > run.schema.json", description: "For an editor" },
  ]),
);

export const config = Command.make("config").pipe(
  Command.withDescription("Check run configurations"),
  Command.withSubcommands([check, schema]),
);
