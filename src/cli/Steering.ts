/** Steering a run from another process: who asks, where the run listens, and what it answers. */
import * as Os from "node:os";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Flag from "effect/cli/Flag";
import type { RunCommand } from "../domain/RunCommand.ts";
import * as ProgressClient from "../progress/ProgressClient.ts";
import { ProgressError } from "../progress/ProgressError.ts";
import * as ControlFile from "../store/ControlFile.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import { StoreError } from "../store/RunStore.ts";

export const run = Argument.String("run").pipe(
  Argument.withDescription("A run's id or directory, `latest`, or the ws://host:port/ of a running one"),
);

export const token = Flag.String("token").pipe(
  Flag.withDescription("Of a run that is given by its address: the token that it printed"),
  Flag.optional,
);

export const isAddress = (text: string): boolean => /^(?:wss?|https?):\/\//i.test(text);

/** "ann@desk/4711": who this is, in the log. */
export const me = (): string => {
  const host = `${Os.hostname()}/${process.pid}`;
  try {
    return `${Os.userInfo().username}@${host}`;
  } catch {
    // A container may have a user without a name.
    return host;
  }
};

/** Gives the process that runs a directory's run a command. */
export const tell = Effect.fn("Steering.tell")(function* (directory: string, command: RunCommand) {
  const { url, token: secret } = yield* ControlFile.read(directory);
  yield* ProgressClient.command({ url, token: secret, command, as: me() });
});

/** Gives a run at an address a command. */
export const tellAddress = Effect.fn("Steering.tellAddress")(function* (
  url: string,
  given: Option.Option<string>,
  command: RunCommand,
) {
  if (Option.isNone(given)) {
    return yield* new ProgressError({
      reason: "a run that is given by its address takes commands with its token alone",
      remedy: "add --token with what the run printed when it started",
    });
  }
  yield* ProgressClient.command({ url, token: given.value, command, as: me() });
});

/** Gives a running run a command; one that no process runs is refused. */
export const steer = Effect.fn("Steering.steer")(function* (
  options: { readonly run: string; readonly root: string; readonly token: Option.Option<string> },
  command: RunCommand,
) {
  if (isAddress(options.run)) return yield* tellAddress(options.run, options.token, command);
  const directory = yield* RunDirectory.find(options.run, options.root);
  if ((yield* RunDirectory.holder(directory)) === null) {
    return yield* new StoreError({
      reason: `no process runs ${directory}: there is nothing to ${command._tag.toLowerCase()}`,
      remedy: `go on with it by \`drydock resume ${options.run}\`, or list the runs by \`drydock runs\``,
    });
  }
  yield* tell(directory, command);
});
