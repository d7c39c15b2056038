/** `drydock sandbox build` and `prune`: the images that languages' sandboxes run in. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Docker from "../sandbox/docker/Docker.ts";
import * as ImagePrune from "../sandbox/docker/ImagePrune.ts";
import * as Languages from "../sandbox/docker/Languages.ts";
import * as SandboxImage from "../sandbox/docker/SandboxImage.ts";
import { json, print } from "./Output.ts";

const languages = Languages.all.map((row) => row.language);

export const build = Command.make(
  "build",
  {
    language: Argument.Literals("language", [...languages, "all"]).pipe(
      Argument.withDescription("Language whose image to build, or all of them"),
      Argument.withDefault("all" as const),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const rows = Languages.all.filter(({ language }) => [language, "all"].includes(options.language));
    const built = yield* Effect.forEach(rows, ({ image }) =>
      SandboxImage.build(image, { onProgress: (line) => process.stderr.write(`${line}\n`) }),
    );
    yield* print(options.json, built, (tags) => tags.map((tag) => `Built ${tag}`).join("\n"));
  }),
).pipe(
  Command.withDescription("Build sandbox images, without a container registry"),
  Command.withExamples([
    { command: "drydock sandbox build python", description: "The image that Python tasks need" },
    { command: "drydock sandbox build", description: "All of them" },
  ]),
);

export const prune = Command.make(
  "prune",
  { json },
  Effect.fn(function* (options) {
    const current = Languages.all.map(({ image }) => SandboxImage.tag(image));
    const pruned = yield* ImagePrune.old(Docker.connect(), current, { minAgeSeconds: 0 });
    yield* print(options.json, pruned, (list) =>
      list.length === 0
        ? "No sandbox image of a former recipe."
        : list.map(({ image, bytes }) => `Removed ${image} (${(bytes / 1e6).toFixed(0)} MB)`).join("\n"),
    );
  }),
).pipe(
  Command.withDescription("Remove sandbox images of former recipes"),
  Command.withExamples([{ command: "drydock sandbox prune", description: "Free their disk space" }]),
);
