import * as NodeServices from "@effect/platform-node/NodeServices";
import { assert, describe, it } from "@effect/vitest";
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Stdio from "effect/Stdio";
import { app } from "../../src/App.ts";
import * as Presenter from "../../src/cli/Presenter.ts";

/** What `drydock ARGS` prints to stdout, in this process. */
const output = Effect.fn(function* (args: ReadonlyArray<string>) {
  const lines: Array<string> = [];
  const console: Console.Console = {
    ...globalThis.console,
    log: (...parts) => void lines.push(parts.map(String).join(" ")),
  };
  yield* app.pipe(
    Effect.provideService(Console.Console, console),
    Effect.provide(Stdio.layerTest({ args: Effect.succeed(args) })),
    Effect.provide([NodeServices.layer, Presenter.layer]),
  );
  return lines.join("\n");
});

const commands = [
  "start",
  "train",
  "resume",
  "runs",
  "watch",
  "eval",
  "select",
  "generate",
  "serve",
  "bench",
  "plan",
  "doctor",
  "policy import",
  "policy inspect",
  "data generate",
  "data dedupe",
  "data contamination",
  "data split",
  "data stats",
  "data inspect",
  "data mix",
  "data balance",
  "sandbox doctor",
  "sandbox build",
  "sandbox prune",
  "sandbox bench",
  "sandbox run",
  "config check",
  "config schema",
];

describe("help", () => {
  it.effect("names every command", () =>
    Effect.gen(function* () {
      const text = yield* output(["--help"]);
      for (const command of commands) assert.match(text, new RegExp(`^  ${command.split(" ")[0]}\\b`, "m"));
    }),
  );

  for (const command of commands) {
    it.effect(`of "${command}" has an example`, () =>
      Effect.gen(function* () {
        const text = yield* output([...command.split(" "), "--help"]);
        assert.match(text, /EXAMPLES/);
        assert.match(text, new RegExp(`drydock ${command}|npm start`));
      }),
    );
  }
});
