-- A run of format 2, as Drydock wrote it: killed with two reservations open.
PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1148352868;
PRAGMA user_version = 2;
CREATE TABLE budgets (
  unit TEXT PRIMARY KEY CHECK (unit IN ('verifications', 'generated')),
  ceiling INTEGER NOT NULL CHECK (ceiling >= 0),
  spent INTEGER NOT NULL CHECK (spent >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  CHECK (spent + reserved <= ceiling)
) STRICT;
INSERT INTO "budgets" VALUES('verifications',5,2,1);
INSERT INTO "budgets" VALUES('generated',10,4,2);
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
INSERT INTO "candidates" VALUES(0,0,0,'task-0','program 0/0','key of program 0/0','[1,2,3]','[-0.5,-0.25,-0.001]',1,NULL,0.7,'verified','{"outcome":"Passed","testsPassed":3,"testsTotal":3,"cpuSeconds":0.01,"wallSeconds":0.02}',2);
INSERT INTO "candidates" VALUES(0,0,1,'task-1','program 0/1','key of program 0/1','[1,2,3]','[-0.5,-0.25,-0.001]',1,NULL,0.7,'fault',NULL,3);
INSERT INTO "candidates" VALUES(0,0,2,'task-2','program 0/2','key of program 0/2','[1,2,3]','[-0.5,-0.25,-0.001]',1,NULL,0.7,'fault',NULL,4);
INSERT INTO "candidates" VALUES(0,0,3,'task-3','program 0/3','key of program 0/3','[1,2,3]','[-0.5,-0.25,-0.001]',1,NULL,0.7,'pending',NULL,5);
CREATE TABLE checkpoints (
  id TEXT PRIMARY KEY,
  stage INTEGER NOT NULL,
  done INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (json_valid(state)),
  folder TEXT NOT NULL UNIQUE,
  keep INTEGER NOT NULL CHECK (keep IN (0, 1)),
  seq INTEGER NOT NULL REFERENCES events (seq) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  at REAL NOT NULL,
  event TEXT NOT NULL CHECK (json_valid(event))
) STRICT;
INSERT INTO "events" VALUES(1,1796086891816.0,'{"_tag":"RunStarted","runId":"run","name":"test","seed":1,"formatVersion":1,"backend":"none","sandbox":"none","stages":[{"kind":"online","label":"online"}],"limits":{"verifications":6,"generated":10},"labelsOffline":0}');
INSERT INTO "events" VALUES(2,1796086891816.0,'{"_tag":"StageStarted","index":0,"kind":"online","label":"online","total":6,"unit":"verification"}');
INSERT INTO "events" VALUES(3,1796086891820.0,'{"_tag":"BudgetReserved","reservation":"r1","unit":"generated","amount":4}');
INSERT INTO "events" VALUES(4,1796086891824.0,'{"_tag":"BudgetCommitted","reservation":"r1","unit":"generated","amount":4}');
INSERT INTO "events" VALUES(5,1796086891824.0,'{"_tag":"ProgramsGenerated","index":0,"round":0,"count":4,"unique":4}');
INSERT INTO "events" VALUES(6,1796086891828.0,'{"_tag":"BudgetReserved","reservation":"r2","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(7,1796086891833.0,'{"_tag":"BudgetCommitted","reservation":"r2","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(8,1796086891833.0,'{"_tag":"VerdictRecorded","index":0,"round":0,"slot":0,"taskId":"task-0","outcome":"Passed","testsPassed":3,"testsTotal":3,"cached":false}');
INSERT INTO "events" VALUES(9,1796086891836.0,'{"_tag":"BudgetReserved","reservation":"r3","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(10,1796086891862.0,'{"_tag":"BudgetRefunded","reservation":"r3","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(11,1796086891864.0,'{"_tag":"SandboxFaulted","index":0,"round":0,"slot":1,"taskId":"task-1","reason":"lost"}');
INSERT INTO "events" VALUES(12,1796086891868.0,'{"_tag":"BudgetReserved","reservation":"r4","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(13,1796086891873.0,'{"_tag":"BudgetCommitted","reservation":"r4","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(14,1796086891873.0,'{"_tag":"SandboxFaulted","index":0,"round":0,"slot":2,"taskId":"task-2","reason":"half-way"}');
INSERT INTO "events" VALUES(15,1796086891876.0,'{"_tag":"BudgetLimitChanged","unit":"verifications","limit":5}');
INSERT INTO "events" VALUES(16,1796086891894.0,'{"_tag":"BudgetReserved","reservation":"r5","unit":"verifications","amount":1}');
INSERT INTO "events" VALUES(17,1796086891916.0,'{"_tag":"BudgetReserved","reservation":"r6","unit":"generated","amount":2}');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "meta" VALUES('runId','oldrun');
CREATE TABLE reservations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  unit TEXT NOT NULL REFERENCES budgets (unit),
  amount INTEGER NOT NULL CHECK (amount > 0),
  state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'refunded')),
  left_open INTEGER NOT NULL DEFAULT 0 CHECK (left_open IN (0, 1))
) STRICT;
INSERT INTO "reservations" VALUES(1,'generated',4,'committed',0);
INSERT INTO "reservations" VALUES(2,'verifications',1,'committed',0);
INSERT INTO "reservations" VALUES(3,'verifications',1,'refunded',0);
INSERT INTO "reservations" VALUES(4,'verifications',1,'committed',0);
INSERT INTO "reservations" VALUES(5,'verifications',1,'reserved',0);
INSERT INTO "reservations" VALUES(6,'generated',2,'reserved',0);
CREATE TABLE verdicts (
  key TEXT PRIMARY KEY,
  verdict TEXT NOT NULL CHECK (json_valid(verdict)),
  origin TEXT NOT NULL,
  CHECK (json_extract(verdict, '$.outcome') NOT IN ('TimedOut', 'OutOfMemory'))
) STRICT, WITHOUT ROWID;
INSERT INTO "verdicts" VALUES('key of program 0/0','{"outcome":"Passed","testsPassed":3,"testsTotal":3,"cpuSeconds":0.01,"wallSeconds":0.02}','policy:1');
CREATE TRIGGER events_gapless BEFORE INSERT ON events
  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
  BEGIN SELECT RAISE(ABORT, 'events: the sequence number must follow the last one'); END;
CREATE TRIGGER events_keep BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events: never deleted'); END;
CREATE TRIGGER events_fixed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events: never changed'); END;
CREATE TRIGGER budgets_keep BEFORE DELETE ON budgets BEGIN SELECT RAISE(ABORT, 'budgets: never deleted'); END;
CREATE TRIGGER budgets_spent BEFORE UPDATE ON budgets WHEN NEW.spent < OLD.spent
  BEGIN SELECT RAISE(ABORT, 'budgets: what is spent stays spent'); END;
CREATE TRIGGER reservations_new BEFORE INSERT ON reservations WHEN NEW.state <> 'reserved'
  BEGIN SELECT RAISE(ABORT, 'reservations: begin as reserved'); END;
CREATE TRIGGER reservations_take AFTER INSERT ON reservations
  BEGIN UPDATE budgets SET reserved = reserved + NEW.amount WHERE unit = NEW.unit; END;
CREATE TRIGGER reservations_once BEFORE UPDATE ON reservations
  WHEN OLD.state <> 'reserved' OR NEW.state = 'reserved' OR NEW.amount <> OLD.amount OR NEW.unit <> OLD.unit
  BEGIN SELECT RAISE(ABORT, 'reservations: settled once'); END;
CREATE TRIGGER reservations_settle AFTER UPDATE ON reservations
  BEGIN
    UPDATE budgets SET
      reserved = reserved - NEW.amount,
      spent = spent + CASE NEW.state WHEN 'committed' THEN NEW.amount ELSE 0 END
    WHERE unit = NEW.unit;
  END;
CREATE TRIGGER reservations_keep BEFORE DELETE ON reservations
  BEGIN SELECT RAISE(ABORT, 'reservations: never deleted'); END;
CREATE INDEX reservations_open ON reservations (id) WHERE state = 'reserved';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('reservations',6);
