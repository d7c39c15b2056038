/**
 * Jinja templates, rendered in a process of their own with a limit of time and one of memory.
 *
 * A template comes with a model's files: it may loop for ever, or double a string until memory is full. A worker
 * thread is no bound to that: an allocation beyond its limit in one piece (range(10^9), upper() of a long text) ends
 * the whole process that it lives in.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as Semaphore from "effect/Semaphore";

export interface Limits {
  readonly seconds: number;
  /** Of the renderer's heap. */
  readonly megabytes: number;
}

export interface Job {
  readonly template: string;
  readonly variables: object;
}

/** Gives the text, or fails with what is wrong, the end of a sentence that begins with "the chat template". */
export type Render = (job: Job) => Effect.Effect<string, string>;

type Reply = { readonly text: string } | { readonly error: string };
type Outcome = Effect.Effect<string, string>;

const ENTRY = fileURLToPath(new URL("../../../bin/render.mjs", import.meta.url));

const outcomeOf = (reply: Reply): Outcome =>
  "text" in reply
    ? Effect.succeed(reply.text)
    : Effect.fail(`does not render these messages: ${reply.error}`);

/** The process starts with the first job, serves one at a time, and is replaced when a job ended it. */
export const make = ({ seconds, megabytes }: Limits): Effect.Effect<Render, never, Scope.Scope> =>
  Effect.gen(function* () {
    const turns = yield* Semaphore.make(1);
    let child: ChildProcess | undefined;
    let answer: (outcome: Outcome) => void = () => {};

    const stop = (): void => {
      child?.kill("SIGKILL");
      child = undefined;
    };
    const start = (): ChildProcess => {
      const started = fork(ENTRY, [], {
        execArgv: [`--max-old-space-size=${megabytes}`],
        // Nothing of the environment is the template's business but the time zone of strftime_now.
        env: { TZ: process.env["TZ"] },
        stdio: ["ignore", "ignore", "ignore", "ipc"],
      });
      const ended = (reason: string): void => {
        if (child !== started) return;
        child = undefined;
        answer(Effect.fail(reason));
      };
      started.on("message", (reply: Reply) => child === started && answer(outcomeOf(reply)));
      started.on("error", ({ message }) => ended(`could not be rendered (${message})`));
      started.on("exit", (code, signal) =>
        ended(
          `needed more than ${megabytes} MB of memory (its renderer ended with ${signal ?? `code ${code}`})`,
        ),
      );
      return started;
    };
    yield* Effect.addFinalizer(() => Effect.sync(stop));

    return (job) =>
      Effect.callback<string, string>((resume) => {
        answer = resume;
        child ??= start();
        child.send(job);
        return Effect.sync(stop);
      }).pipe(
        Effect.timeoutOrElse({
          duration: seconds * 1000,
          orElse: () => Effect.fail(`took longer than ${seconds} s to render`),
        }),
        turns.withPermits(1),
      );
  });
