/**
 * One connection to a run's database, with prepared statements kept by their text.
 *
 * Everything here is synchronous and throws; `attempt` is the one place where what was thrown becomes a
 * StoreError with a remedy.
 */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import Libsql from "libsql";
import { StoreError } from "./RunStore.ts";

export type Value = string | number | null;
export type Row = { readonly [column: string]: Value };

export interface Database {
  readonly file: string;
  /** Runs a statement and gives all of its rows. */
  readonly all: (sql: string, values?: ReadonlyArray<Value>) => ReadonlyArray<Row>;
  /** Runs statements without values or rows. */
  readonly exec: (sql: string) => void;
  /** All of it or nothing; takes the write lock at once. */
  readonly transaction: <A>(body: () => A) => A;
  readonly close: () => void;
}

/** Milliseconds that a statement waits for another process's lock, and with it this thread. */
const BUSY_MILLIS = 5000;

export interface OpenOptions {
  readonly readOnly: boolean;
  readonly busyMillis?: number;
  /** NORMAL: what was committed last may be lost with the machine's power, but nothing breaks. */
  readonly synchronous?: "FULL" | "NORMAL";
}

const orIgnore = (body: () => void): void => {
  try {
    body();
  } catch {
    // what it would have done is done by the next open
  }
};

/** Opens a database; `readOnly` never writes to it and fails where there is none. */
export const open = (file: string, options: OpenOptions): Database => {
  if (options.readOnly && !Fs.existsSync(file)) {
    throw new StoreError({
      reason: `there is no run database at ${file}`,
      remedy: "give the directory of a run; `drydock runs` lists them",
    });
  }
  const db = new Libsql(file, { timeout: options.busyMillis ?? BUSY_MILLIS });
  const statements = new Map<string, ReturnType<typeof db.prepare>>();
  // Values always go as one array: libsql takes a lone null for a record of named values.
  // `.all` always: `.get` adds a `_metadata` key, and leaves its statement open.
  const all: Database["all"] = (sql, values = []) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = db.prepare(sql);
      statements.set(sql, statement);
    }
    return statement.all(values) as ReadonlyArray<Row>;
  };
  const self: Database = {
    file,
    all,
    exec: (sql) => {
      db.exec(sql);
    },
    transaction: (body) => {
      db.exec("BEGIN IMMEDIATE");
      try {
        const result = body();
        db.exec("COMMIT");
        return result;
      } catch (error) {
        // SQLite has rolled back by itself after some errors (disk full, input/output).
        if (db.inTransaction) db.exec("ROLLBACK");
        throw error;
      }
    },
    close: () => {
      statements.clear();
      // libsql closes the file only once its statements are collected, so the log is folded in here:
      // run.db alone is then the whole run. Not vital: SQLite recovers from the log.
      if (!options.readOnly) orIgnore(() => db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
      db.close();
    },
  };
  if (options.readOnly) {
    db.exec("PRAGMA query_only = ON");
  } else {
    all("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA synchronous = ${options.synchronous ?? "FULL"}`);
    db.exec("PRAGMA foreign_keys = ON");
  }
  return self;
};

/** What a person can do about an error of SQLite or of the file system, by its code. */
const remedyFor = (code: string): string => {
  if (/FULL|ENOSPC|EDQUOT|EFBIG|IOERR_WRITE|IOERR_FSYNC/.test(code)) {
    return "the disk is full or refuses writes: free some space, then `drydock resume` the run; everything committed so far is kept";
  }
  if (/BUSY|LOCKED/.test(code)) {
    return "another process holds the database: end the program that has it open (a backup, a database browser) and try again";
  }
  if (/CORRUPT|NOTADB/.test(code)) {
    return "the file is damaged or no run database: restore run.db, run.db-wal and run.db-shm from a copy, or start a new run";
  }
  if (/READONLY|EACCES|EPERM|EROFS|CANTOPEN/.test(code)) {
    return 'the run directory cannot be written: check its owner and permissions, or choose another with "output"';
  }
  if (/ENOENT/.test(code))
    return "the run directory or a part of it is gone; `drydock runs` lists the runs there are";
  if (/IOERR/.test(code)) return "the disk gave an error: check it and `drydock resume` the run";
  return "this is unexpected: keep the run directory and report it";
};

/** The code of an error of SQLite or of the file system; "" where it has none. */
export const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "";

export const toStoreError = (error: unknown): StoreError => {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return new StoreError({
    reason: code === "" || message.includes(code) ? message : `${message} (${code})`,
    remedy: remedyFor(code === "" && message.includes("Unable to open") ? "CANTOPEN" : code),
  });
};

/** Runs synchronous work on the database. */
export const attempt = <A>(body: () => A): Effect.Effect<A, StoreError> =>
  Effect.try({ try: body, catch: toStoreError });
