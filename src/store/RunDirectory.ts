/**
 * Run directories: making them, naming runs, finding and listing them.
 *
 * A run's id is its UTC time, its name and a short suffix (`20260102-030405-default-k3f9`): it sorts by time,
 * and two runs started in the same second differ.
 */
import { randomBytes } from "node:crypto";
import * as Fs from "node:fs/promises";
import * as Path from "node:path";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as ConfigFile from "../config/ConfigFile.ts";
import type { RunConfig } from "../config/RunConfig.ts";
import type { RunState } from "../domain/RunState.ts";
import { attempt } from "./Database.ts";
import * as Durable from "./Durable.ts";
import * as RunLock from "./RunLock.ts";
import * as RunReader from "./RunReader.ts";
import { StoreError } from "./RunStore.ts";

const SUFFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

/** A new run id for a name. */
export const newId = (name: string): Effect.Effect<string> =>
  Clock.currentTimeMillis.pipe(
    Effect.map((now) => {
      const time = new Date(now).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
      // Not a choice that a result depends on, so not from the seeded generator.
      const suffix = Array.from(randomBytes(4), (b) => SUFFIX_LETTERS[b % SUFFIX_LETTERS.length]).join("");
      return `${time}-${name}-${suffix}`;
    }),
  );

/** Makes `output/ID` with the resolved configuration in it. */
export const create = Effect.fn("RunDirectory.create")(function* (config: RunConfig, runId?: string) {
  const id = runId ?? (yield* newId(config.name));
  const directory = Path.resolve(config.output, id);
  yield* Durable.io(() => Fs.mkdir(config.output, { recursive: true }));
  yield* Durable.io(() => Fs.mkdir(directory)).pipe(
    Effect.mapError((error) =>
      error.reason.includes("EEXIST")
        ? new StoreError({
            reason: `${directory} is there already`,
            remedy: "choose another id, or go on with that run by `drydock resume`",
          })
        : error,
    ),
  );
  yield* Durable.io(() => Fs.mkdir(Path.join(directory, "checkpoints")));
  yield* Durable.writeText(Path.join(directory, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  yield* Durable.syncPath(Path.dirname(directory));
  return { runId: id, directory };
});

/** The resolved configuration that a run was started with. */
export const readConfig = Effect.fn("RunDirectory.readConfig")(function* (directory: string) {
  const file = Path.join(directory, "config.json");
  const text = yield* Durable.io(() => Fs.readFile(file, "utf8"));
  return yield* ConfigFile.parseText(file, text);
});

const ids = (output: string): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  Durable.io(async () => {
    const found: Array<string> = [];
    const entries = await Fs.readdir(output, { withFileTypes: true }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    });
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const there = await Fs.access(Path.join(output, entry.name, "run.db")).then(
        () => true,
        () => false,
      );
      if (there) found.push(entry.name);
    }
    return found.sort();
  });

/** The directory that a person means: a path, an id, the unambiguous beginning or end of one, or `latest`. */
export const find = Effect.fn("RunDirectory.find")(function* (run: string, output: string) {
  const asPath = yield* Effect.promise(() =>
    Fs.access(Path.join(run, "run.db")).then(
      () => true,
      () => false,
    ),
  );
  if (asPath) return Path.resolve(run);
  const all = yield* ids(output);
  const exact = all.filter((id) => id === run);
  const near = all.filter((id) => id.startsWith(run) || id.endsWith(run));
  const matches = exact.length > 0 ? exact : run === "latest" ? all.slice(-1) : near;
  const [only, ...others] = matches;
  if (only !== undefined && others.length === 0) return Path.resolve(output, only);
  return yield* new StoreError({
    reason:
      matches.length === 0
        ? `there is no run ${JSON.stringify(run)} in ${Path.resolve(output)}`
        : `${JSON.stringify(run)} fits ${matches.length} runs: ${matches.slice(0, 5).join(", ")}`,
    remedy:
      matches.length === 0
        ? "`drydock runs` lists the runs there are; a path of a run directory works too"
        : "give more of the id",
  });
});

/** Whether a process is running the run now, as its lock says; `unknown` for one on another host or in a container. */
export const holder = (directory: string): Effect.Effect<RunLock.Seen | null, StoreError> =>
  attempt(() => RunLock.look(Path.join(directory, "lock")));

export interface RunSummary {
  readonly id: string;
  readonly directory: string;
  /** The folded state; null where `problem` says why it cannot be read. */
  readonly state: RunState | null;
  readonly problem: StoreError | null;
  /** The process that runs it now; null: none. A run that is `running` without one was cut short. */
  readonly holder: RunLock.Seen | null;
}

/** Every run below a directory, oldest first; one that cannot be read does not hide the others. */
export const list = Effect.fn("RunDirectory.list")(function* (output: string) {
  return yield* Effect.forEach(yield* ids(output), (id) => {
    const directory = Path.resolve(output, id);
    return RunReader.open(directory).pipe(
      Effect.flatMap((reader) => Effect.all({ state: reader.state, holder: holder(directory) })),
      Effect.scoped,
      Effect.map((found): RunSummary => ({ id, directory, ...found, problem: null })),
      Effect.catch((problem) =>
        Effect.succeed<RunSummary>({ id, directory, state: null, problem, holder: null }),
      ),
    );
  });
});
