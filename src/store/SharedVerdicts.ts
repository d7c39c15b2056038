/**
 * The verdict cache that runs share: an SQLite database beside their directories, bounded by its number of entries, the
 * least recently used out first.
 *
 * It only saves work, so nothing about it may end a run: where the file is damaged, locked, of a newer format or cannot
 * be written, one warning says so and the run goes on without it. Several processes may use it at once. What a run takes
 * from it the run writes into its own database before it uses it. Verdicts that depend on timing are not kept; a fault
 * is no verdict.
 */
import * as Fs from "node:fs";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import * as Schema from "effect/Schema";
import { isTimingDependent, Verdict } from "../domain/Verdict.ts";
import { codeOf, type Database, open } from "./Database.ts";

export interface Entry {
  /** As the run's own cache has it (budget/CacheKey.ts). */
  readonly key: string;
  readonly verdict: Verdict;
}

export interface Shared {
  /** Verdicts of those that are known; they count as used now. Knows nothing where the cache cannot be read. */
  readonly get: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, Verdict>>;
  /** Adds verdicts that a sandbox gave; of a key that is known the first one stays. */
  readonly put: (entries: ReadonlyArray<Entry>) => Effect.Effect<void>;
}

/** Without a layer there is none: nothing is known, and nothing is kept. */
export const SharedVerdicts = Context.Reference<Shared>("drydock/store/SharedVerdicts", {
  defaultValue: () => ({ get: () => Effect.succeed(new Map()), put: () => Effect.void }),
});

export interface Options {
  readonly file: string;
  /** The most that it holds; each process holds it to its own. */
  readonly entries: number;
}

/** Raised with every change that an older Drydock could not read. */
export const FORMAT_VERSION = 1;
/** 'DryV' in the file's header. */
const APPLICATION_ID = 0x44727956;
/** Milliseconds that this thread, which also answers commands, waits for another process's lock. */
const BUSY_MILLIS = 20;
/** How a lock is waited for beyond that: a second and a half in all, without holding the thread up. */
const PATIENCE = { schedule: Schedule.spaced("50 millis"), times: 20 };

// `clock` counts uses: the time of day may jump, and two uses in a millisecond have an order.
const tables = `
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  entries INTEGER NOT NULL CHECK (entries >= 0),
  clock INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0, 0);
CREATE TABLE verdicts (
  key TEXT PRIMARY KEY,
  verdict TEXT NOT NULL CHECK (json_valid(verdict)),
  used INTEGER NOT NULL,
  CHECK (json_extract(verdict, '$.outcome') NOT IN ('TimedOut', 'OutOfMemory'))
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_used ON verdicts (used);
CREATE TRIGGER verdicts_in AFTER INSERT ON verdicts BEGIN UPDATE state SET entries = entries + 1; END;
CREATE TRIGGER verdicts_out AFTER DELETE ON verdicts BEGIN UPDATE state SET entries = entries - 1; END;
`;

const codec = Schema.toCodecJson(Verdict);
const encode = Schema.encodeSync(codec);
const decode = Schema.decodeUnknownSync(codec);

/** What is wrong with the cache, and what would help. */
class Broken extends Error {
  readonly busy: boolean;
  readonly remedy: string;
  constructor(reason: string, remedy: string, busy = false) {
    super(reason);
    this.remedy = remedy;
    this.busy = busy;
  }
}

const toBroken = (file: string, error: unknown): Broken => {
  if (error instanceof Broken) return error;
  const code = codeOf(error);
  const message = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ");
  const off = 'set sandbox.sharedVerdicts.use to "off"';
  if (/BUSY|LOCKED/.test(code))
    return new Broken("another program holds it locked", "end that program (a backup, a browser)", true);
  if (/FULL|ENOSPC|IOERR/.test(code)) return new Broken(message, `free space on its disk, or ${off}`);
  if (/READONLY|CANTOPEN|EACCES|EPERM|EROFS|ENOENT/.test(code) || message.includes("Unable to open"))
    return new Broken(`it cannot be written (${message})`, `check its owner and permissions, or ${off}`);
  return new Broken(
    `it is damaged (${message})`,
    `delete ${file} and what is beside it under that name (-wal, -shm): it only saves work`,
  );
};

const number = (db: Database, pragma: string): number => Number(db.all(`PRAGMA ${pragma}`)[0]?.[pragma] ?? 0);

/** Makes the tables of a new file; refuses what is no cache, or one of a newer format. */
const prepare = (db: Database): void =>
  db.transaction(() => {
    const application = number(db, "application_id");
    const version = number(db, "user_version");
    if (db.all("SELECT 1 FROM sqlite_master LIMIT 1").length === 0) {
      db.exec(tables);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.exec(`PRAGMA user_version = ${FORMAT_VERSION}`);
    } else if (application !== APPLICATION_ID) {
      throw new Broken(
        "it is another program's database",
        "name another file in sandbox.sharedVerdicts.file",
      );
    } else if (version > FORMAT_VERSION) {
      throw new Broken(
        `a newer Drydock wrote it (format ${version}; this one reads up to ${FORMAT_VERSION})`,
        "update Drydock, or name another file in sandbox.sharedVerdicts.file",
      );
    }
  });

const tick = (db: Database): number =>
  Number(db.all("UPDATE state SET clock = clock + 1 RETURNING clock")[0]?.["clock"]);

const find = (db: Database, keys: ReadonlyArray<string>): ReadonlyMap<string, Verdict> => {
  const found = new Map<string, Verdict>();
  for (const key of keys) {
    const row = db.all("SELECT verdict FROM verdicts WHERE key = ?", [key])[0];
    if (row !== undefined) found.set(key, decode(JSON.parse(String(row["verdict"]))));
  }
  if (found.size > 0) {
    db.transaction(() => {
      const now = tick(db);
      for (const key of found.keys()) db.all("UPDATE verdicts SET used = ? WHERE key = ?", [now, key]);
    });
  }
  return found;
};

const add = (db: Database, entries: ReadonlyArray<Entry>, most: number): void =>
  db.transaction(() => {
    for (const { key, verdict } of entries) {
      db.all(
        `INSERT INTO verdicts (key, verdict, used) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET used = excluded.used`,
        [key, JSON.stringify(encode(verdict)), tick(db)],
      );
    }
    const excess = Number(db.all("SELECT entries FROM state")[0]?.["entries"]) - most;
    if (excess > 0) {
      db.all("DELETE FROM verdicts WHERE key IN (SELECT key FROM verdicts ORDER BY used, key LIMIT ?)", [
        excess,
      ]);
    }
  });

/** An evaluation asks about thousands of programs; between a hundred and the next, commands are answered. */
const CHUNK = 100;

const chunks = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / CHUNK) }, (_, i) => all.slice(i * CHUNK, (i + 1) * CHUNK));

const make = Effect.fnUntraced(function* ({ file, entries: most }: Options) {
  let db: Database | null = null;
  let broken = false;
  const close = Effect.sync(() => {
    const opened = db;
    db = null;
    try {
      opened?.close();
    } catch {
      // What it holds is in the file.
    }
  });
  yield* Effect.addFinalizer(() => close);

  /** The open database; opened when it is first wanted, so that a run that shares nothing leaves no file. */
  const opened = (): Database => {
    if (db === null) {
      const fresh = open(file, { readOnly: false, busyMillis: BUSY_MILLIS, synchronous: "NORMAL" });
      try {
        prepare(fresh);
      } catch (error) {
        fresh.close();
        throw error;
      }
      db = fresh;
    }
    return db;
  };

  const attempt = <A>(body: () => A, without: A): Effect.Effect<A> =>
    Effect.suspend(() =>
      broken
        ? Effect.succeed(without)
        : Effect.try({ try: body, catch: (error) => toBroken(file, error) }).pipe(
            Effect.retry({ ...PATIENCE, while: ({ busy }) => busy }),
            Effect.catch(({ message, remedy }) =>
              Effect.gen(function* () {
                // Others on the way may have said so meanwhile.
                if (broken) return without;
                broken = true;
                yield* close;
                yield* Effect.logWarning(
                  `the verdict cache ${file}, which runs share, is left out: ${message}. The run goes on without it; to have it again, ${remedy}`,
                );
                return without;
              }),
            ),
          ),
    );

  return {
    get: Effect.fnUntraced(function* (keys) {
      const found = new Map<string, Verdict>();
      for (const some of chunks(keys)) {
        const part = yield* attempt<ReadonlyMap<string, Verdict>>(
          () => (db === null && !Fs.existsSync(file) ? new Map() : find(opened(), some)),
          new Map(),
        );
        for (const [key, verdict] of part) found.set(key, verdict);
        yield* Effect.yieldNow;
      }
      return found;
    }),
    put: Effect.fnUntraced(function* (entries) {
      for (const some of chunks(entries.filter(({ verdict }) => !isTimingDependent(verdict.outcome)))) {
        yield* attempt(() => add(opened(), some, most), undefined);
        yield* Effect.yieldNow;
      }
    }),
  } satisfies Shared;
});

/** The cache in a file, which is made when there is something to keep; of another process's lock see above. */
export const layer = (options: Options): Layer.Layer<never> => Layer.effect(SharedVerdicts, make(options));
