/** The binary: the only place that runs an effect. */
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import { app } from "./App.ts";
import * as Problem from "./cli/Problem.ts";
import * as Signals from "./cli/Signals.ts";

const fiber = Effect.runFork(app.pipe(Effect.provide(NodeServices.layer)));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (!Signals.deliver()) Effect.runFork(Fiber.interrupt(fiber));
  });
}
// A reader that went away (`drydock watch | head`) is a normal end.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit)) process.exit(process.exitCode ?? 0);
  if (Cause.hasInterruptsOnly(exit.cause)) process.exit(130);
  const message = Problem.describe(Cause.squash(exit.cause));
  if (message !== null) process.stderr.write(`drydock: ${message}\n`);
  process.exit(1);
});
