/**
 * The lock of a run directory: one process runs a run at a time.
 *
 * `lock` holds who: process id, the process's start time, boot and host. A lock whose process is gone is taken
 * over; looking at it and replacing it happen under the database's write lock, so two processes that find the
 * same stale lock cannot both take it.
 */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Scope } from "effect/Scope";
import { attempt, type Database } from "./Database.ts";
import { StoreError } from "./RunStore.ts";

const Holder = Schema.Struct({
  pid: Schema.Int,
  /** Clock ticks between boot and the process's start: tells a process from a later one with the same id. */
  started: Schema.NullOr(Schema.String),
  boot: Schema.NullOr(Schema.String),
  host: Schema.String,
  /** The process-id namespace: in another one (a container) the id means nothing here. */
  namespace: Schema.NullOr(Schema.String),
});
type Holder = typeof Holder.Type;
const decodeHolder = Schema.decodeUnknownSync(Holder);

const orNull = <A>(read: () => A): A | null => {
  try {
    return read();
  } catch {
    return null;
  }
};

/** Field 22 of /proc/PID/stat, counted after the name, which may hold spaces and brackets; null off Linux. */
const startTime = (pid: number): string | null =>
  orNull(() => {
    const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  });

const self = (): Holder => ({
  pid: process.pid,
  started: startTime(process.pid),
  boot: orNull(() => Fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
  host: Os.hostname(),
  namespace: orNull(() => Fs.readlinkSync("/proc/self/ns/pid")),
});

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** A lock is written whole, so one that does not parse is nobody's. */
const read = (file: string): Holder | null =>
  orNull(() => decodeHolder(JSON.parse(Fs.readFileSync(file, "utf8"))));

/** `unknown`: a process of another machine or container, of which nothing can be seen from here. */
const stateOf = (holder: Holder, me: Holder): "alive" | "gone" | "unknown" => {
  if (holder.host !== me.host) return "unknown";
  if (holder.boot !== me.boot) return "gone";
  if (holder.namespace !== me.namespace) return "unknown";
  if (!exists(holder.pid)) return "gone";
  const started = startTime(holder.pid);
  return started === null || started === holder.started ? "alive" : "gone";
};

const refuse = (file: string, holder: Holder, state: "alive" | "unknown"): StoreError =>
  state === "alive"
    ? new StoreError({
        reason: `this run is being run by process ${holder.pid} (${file})`,
        remedy: "follow it with `drydock watch`, or stop that process first",
      })
    : new StoreError({
        reason: `this run is held by process ${holder.pid} on host or container ${JSON.stringify(holder.host)}, which cannot be seen from here`,
        remedy: `if that process is certainly gone, remove ${file} and try again`,
      });

const refuseHeld = (file: string, me: Holder): void => {
  const holder = read(file);
  const state = holder === null ? "gone" : stateOf(holder, me);
  if (holder !== null && state !== "gone") throw refuse(file, holder, state);
};

const fileIn = (directory: string): string => Path.join(directory, "lock");

/**
 * Refuses a directory that another process holds, before its database is touched: one that stands still in the
 * middle of a transaction keeps everybody else waiting there.
 */
export const check = (directory: string): Effect.Effect<void, StoreError> =>
  attempt(() => refuseHeld(fileIn(directory), self()));

const take = (db: Database, file: string): Holder => {
  const me = self();
  db.transaction(() => {
    refuseHeld(file, me);
    const temporary = `${file}.${process.pid}`;
    Fs.writeFileSync(temporary, `${JSON.stringify(me)}\n`, { flush: true });
    Fs.renameSync(temporary, file);
  });
  return me;
};

const release = (db: Database, file: string, me: Holder): void =>
  db.transaction(() => {
    const holder = read(file);
    if (holder?.pid === me.pid && holder.started === me.started && holder.host === me.host) Fs.rmSync(file);
  });

/** Holds the lock of the directory of `db` for the scope; refuses with who holds it where another process does. */
export const acquire = (db: Database): Effect.Effect<void, StoreError, Scope> => {
  const file = fileIn(Path.dirname(db.file));
  return Effect.acquireRelease(
    attempt(() => take(db, file)),
    (me) => Effect.ignore(attempt(() => release(db, file, me))),
  ).pipe(Effect.asVoid);
};

export interface Seen {
  readonly pid: number;
  readonly host: string;
  readonly state: "alive" | "unknown";
}

/** Who holds a lock file now; null where nobody does. Reads only. */
export const look = (file: string): Seen | null => {
  const holder = read(file);
  const state = holder === null ? "gone" : stateOf(holder, self());
  return holder === null || state === "gone" ? null : { pid: holder.pid, host: holder.host, state };
};
