/**
 * The binary: the only place that runs an effect.
 *
 * Exit codes: 0 done, or a run stopped at a safe point as asked; 1 an error, told in one message on stderr;
 * 130 interrupted.
 */
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import { app } from "./App.ts";
import * as Log from "./cli/Log.ts";
import * as Presenter from "./cli/Presenter.ts";
import * as Problem from "./cli/Problem.ts";
import * as Signals from "./cli/Signals.ts";

/** Ends the process once a slow reader has what was printed: a full pipe holds the rest in this process. */
const end = (code: number): void => {
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
};

const fail = (error: unknown): void => {
  const message = Problem.describe(error);
  if (message !== null) process.stderr.write(`drydock: ${message}\n`);
  end(1);
};

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// A reader that went away (`drydock watch | head`) is a normal end; a terminal that was closed must not end a run.
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  error.code === "EPIPE" || error.code === "EIO" ? process.exit(0) : fail(error),
);
process.stderr.on("error", () => undefined);

const services = Layer.mergeAll(NodeServices.layer, Presenter.layer, Log.layer);
const fiber = Effect.runFork(app.pipe(Effect.provide(services)));

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (!Signals.deliver()) Effect.runFork(Fiber.interrupt(fiber));
  });
}

fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit)) end(Number(process.exitCode ?? 0));
  else if (Cause.hasInterruptsOnly(exit.cause)) end(130);
  else fail(Cause.squash(exit.cause));
});
