/** `drydock policy list`: the policies in a directory, and what is wrong with those that cannot be used. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { attempt } from "../model/files/Files.ts";
import * as Policy from "../model/directory/Policy.ts";
import * as Room from "../model/files/Room.ts";
import { json, print, table } from "./Output.ts";
import * as PolicyFacts from "./PolicyFacts.ts";

interface Broken {
  readonly directory: string;
  readonly reason: string;
}

const look = (directory: string): Effect.Effect<PolicyFacts.Facts | Broken> =>
  Policy.read(directory, { weights: "optional" }).pipe(
    Effect.map(PolicyFacts.of),
    Effect.catch((error) => Effect.succeed({ directory, reason: error.message })),
  );

const row = (one: PolicyFacts.Facts | Broken): ReadonlyArray<string> => {
  if ("reason" in one) return [Path.basename(one.directory), "broken", "", "", "", ""];
  return [
    Path.basename(one.directory),
    one.architecture.replace("ForCausalLM", ""),
    PolicyFacts.count(one.parameters),
    PolicyFacts.stored(one),
    Room.size(one.bytes),
    one.heads ? `tilt ${one.tilt}` : "none",
  ];
};

export const list = Command.make(
  "list",
  {
    directory: Flag.String("directory").pipe(
      Flag.withDescription("Directory that holds the policies"),
      Flag.withDefault("policies"),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const directories = yield* attempt(options.directory, () =>
      Fs.readdirSync(options.directory)
        // What begins with a point is being written or fetched.
        .filter((name) => !name.startsWith("."))
        .sort()
        .map((name) => Path.join(options.directory, name))
        // A link may lead nowhere.
        .filter((path) => Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true),
    );
    const found = yield* Effect.forEach(directories, look);
    yield* print(options.json, found, () =>
      [
        table(["policy", "architecture", "parameters", "weights", "on disk", "value heads"], found.map(row)),
        ...(found.length === 0
          ? [`There is no policy in ${options.directory}: \`drydock policy import SOURCE\` makes one.`]
          : []),
        ...found.flatMap((one) => ("reason" in one ? [`broken: ${one.reason}`] : [])),
      ].join("\n"),
    );
  }),
).pipe(
  Command.withDescription("The policies in a directory, with what is wrong with those that cannot be used"),
  Command.withExamples([{ command: "drydock policy list", description: "Those in policies/" }]),
);
