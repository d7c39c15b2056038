/**
 * Where the process that runs a run listens for commands, for other processes of the same user: `control.json` in the
 * run directory, readable by its owner alone. It is there for as long as the process is.
 */
import * as Fs from "node:fs/promises";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Scope } from "effect/Scope";
import * as Durable from "./Durable.ts";
import { StoreError } from "./RunStore.ts";

const Control = Schema.Struct({ url: Schema.String, token: Schema.String });
export type Control = typeof Control.Type;
const decode = Schema.decodeUnknownSync(Control);

const fileIn = (directory: string): string => Path.join(directory, "control.json");

/** Writes it for the scope; what a dead process left is replaced. */
export const hold = (directory: string, control: Control): Effect.Effect<void, StoreError, Scope> => {
  const file = fileIn(directory);
  return Effect.acquireRelease(
    Durable.io(async () => {
      await Fs.rm(file, { force: true });
      await Fs.writeFile(file, `${JSON.stringify(control)}\n`, { mode: 0o600, flag: "wx" });
    }),
    () => Effect.ignore(Durable.io(() => Fs.rm(file, { force: true }))),
  );
};

/** What the process that runs a run wrote; only to be asked for where there is one. */
export const read = (directory: string): Effect.Effect<Control, StoreError> =>
  Durable.io(async () => decode(JSON.parse(await Fs.readFile(fileIn(directory), "utf8")))).pipe(
    Effect.mapError(
      () =>
        new StoreError({
          reason: `the process that runs ${directory} does not say where it listens`,
          remedy: "give its address and token, as it printed them: ws://HOST:PORT/ --token TOKEN",
        }),
    ),
  );
