/** What `drydock ARGS` is refused with, in this process: the message that a person reads. */
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as Effect from "effect/Effect";
import * as Stdio from "effect/Stdio";
import { app } from "../../src/App.ts";
import * as Presenter from "../../src/cli/Presenter.ts";
import * as Problem from "../../src/cli/Problem.ts";

export const refusal = (args: ReadonlyArray<string>): Promise<string> =>
  Effect.runPromise(
    app.pipe(
      Effect.flip,
      Effect.map((error) => Problem.describe(error) ?? ""),
      Effect.provide(Stdio.layerTest({ args: Effect.succeed(args) })),
      Effect.provide([NodeServices.layer, Presenter.layer]),
    ),
  );
