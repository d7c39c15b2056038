/**
 * The tables of a run's database, and the format version that guards them.
 *
 * The rules that must hold whatever the code does are in the database: the log has no gaps and is never rewritten, and
 * the ledger's own (LedgerTables.ts).
 */
import type { Database } from "./Database.ts";
import * as LedgerTables from "./LedgerTables.ts";
import { StoreError } from "./RunStore.ts";

/** Raised with every change that an older Drydock could not read. */
export const FORMAT_VERSION = 3;

const ddl = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  at REAL NOT NULL,
  event TEXT NOT NULL CHECK (json_valid(event))
) STRICT;
CREATE TRIGGER events_gapless BEFORE INSERT ON events
  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
  BEGIN SELECT RAISE(ABORT, 'events: the sequence number must follow the last one'); END;
CREATE TRIGGER events_keep BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events: never deleted'); END;
CREATE TRIGGER events_fixed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events: never changed'); END;

CREATE TABLE candidates (
  stage INTEGER NOT NULL,
  round INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  program TEXT NOT NULL,
  cache_key TEXT NOT NULL,
  tokens TEXT NOT NULL CHECK (json_valid(tokens)),
  log_probs TEXT NOT NULL CHECK (json_valid(log_probs)),
  policy_version INTEGER,
  origin TEXT CHECK (policy_version IS NOT NULL OR origin IS NOT NULL),
  temperature REAL NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('open', 'pending', 'verified', 'cached', 'fault', 'unverified')),
  verdict TEXT CHECK (verdict IS NULL OR json_valid(verdict)),
  reservation INTEGER UNIQUE REFERENCES reservations (id),
  PRIMARY KEY (stage, round, slot),
  CHECK ((decision IN ('verified', 'cached')) = (verdict IS NOT NULL)),
  CHECK (decision <> 'pending' OR reservation IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE verdicts (
  key TEXT PRIMARY KEY,
  verdict TEXT NOT NULL CHECK (json_valid(verdict)),
  origin TEXT NOT NULL,
  CHECK (json_extract(verdict, '$.outcome') NOT IN ('TimedOut', 'OutOfMemory'))
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
  id TEXT PRIMARY KEY,
  stage INTEGER NOT NULL,
  done INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (json_valid(state)),
  folder TEXT NOT NULL UNIQUE,
  keep INTEGER NOT NULL CHECK (keep IN (0, 1)),
  seq INTEGER NOT NULL REFERENCES events (seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;
`;

/** 'Dryd' in the file's header: any tool can tell what the file is. */
const APPLICATION_ID = 0x44727964;

/** Refuses what is no run database, or one of a newer format. Reads only. */
export const check = (db: Database): void => {
  const application = db.all("PRAGMA application_id")[0]?.["application_id"];
  const version = Number(db.all("PRAGMA user_version")[0]?.["user_version"] ?? 0);
  if (application !== APPLICATION_ID) {
    throw new StoreError({
      reason: `${db.file} is not a run database of Drydock`,
      remedy: "give the directory of a run; `drydock runs` lists them",
    });
  }
  if (version > FORMAT_VERSION) {
    throw new StoreError({
      reason: `${db.file} was written by a newer Drydock (run format ${version}; this one reads up to ${FORMAT_VERSION})`,
      remedy: "update Drydock, or use the version that wrote the run",
    });
  }
};

/** Brings a database of an older format up to this one; call it inside a transaction, after `check`. */
export const migrate = (db: Database): void => {
  const version = Number(db.all("PRAGMA user_version")[0]?.["user_version"]);
  // Its candidates keep a policy version each: the generators that need none came with format 2.
  if (version < 2) db.exec("ALTER TABLE candidates ADD COLUMN origin TEXT");
  // Its ledger knows two units, and no stages.
  if (version < 3) LedgerTables.migrate(db);
  db.exec(`PRAGMA user_version = ${FORMAT_VERSION}`);
};

/** Whether the file holds nothing yet (new, or its creation was cut short). */
export const isEmpty = (db: Database): boolean => db.all("SELECT 1 FROM sqlite_master LIMIT 1").length === 0;

/** Creates the tables; call it inside a transaction. */
export const create = (db: Database, runId: string): void => {
  LedgerTables.create(db);
  db.exec(ddl);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.exec(`PRAGMA user_version = ${FORMAT_VERSION}`);
  db.all("INSERT INTO meta (key, value) VALUES ('runId', ?)", [runId]);
};

export const runId = (db: Database): string =>
  String(db.all("SELECT value FROM meta WHERE key = 'runId'")[0]?.["value"] ?? "");
