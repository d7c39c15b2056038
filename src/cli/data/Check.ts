/** `drydock data check`: reads a dataset from end to end. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Check from "../../dataset/Check.ts";
import { json, print, table } from "../Output.ts";

export const check = Command.make(
  "check",
  {
    directory: Argument.String("dataset").pipe(Argument.withDescription("The dataset directory")),
    json,
  },
  Effect.fn(function* (options) {
    const checked = yield* Check.run(options.directory);
    yield* print(options.json, checked, ({ tasks, attempts, hashes, unhashed }) =>
      table(
        ["tasks", "attempts", "files with the right hash", "files without a hash"],
        [[tasks, attempts, hashes, unhashed].map(String)],
      ),
    );
  }),
).pipe(
  Command.withDescription("Read a dataset from end to end: hashes, every record, what belongs to what"),
  Command.withExamples([
    { command: "drydock data check datasets/js-compose", description: "Fails with the first fault" },
  ]),
);
