/**
 * The ledger's tables: accounts of the run and of its stages by unit, and reservations of several units at once.
 *
 * What must hold whatever the code does is here, in constraints and triggers: spent + reserved is never above a limit,
 * of the run or of a stage; totals change only through reservations; each is settled once, for no more than it holds;
 * what is spent stays spent; nothing is reserved once the time is over. Amounts are whole parts (domain/Budget.ts).
 */
import { initialAccounts, units } from "../domain/Budget.ts";
import type { Database } from "./Database.ts";

/** The run as a whole, in place of a stage's index. */
export const RUN = -1;

const names = units.map((unit) => `'${unit}'`).join(", ");

const tables = `
CREATE TABLE budgets (
  stage INTEGER NOT NULL CHECK (stage >= ${RUN}),
  unit TEXT NOT NULL CHECK (unit IN (${names})),
  ceiling INTEGER CHECK (ceiling >= 0),
  spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  elapsed INTEGER NOT NULL DEFAULT 0 CHECK (elapsed >= 0),
  PRIMARY KEY (stage, unit),
  CHECK (ceiling IS NULL OR spent + reserved <= ceiling)
) STRICT, WITHOUT ROWID;
CREATE TABLE reservations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stage INTEGER NOT NULL CHECK (stage >= ${RUN}),
  state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'refunded')),
  left_open INTEGER NOT NULL DEFAULT 0 CHECK (left_open IN (0, 1))
) STRICT;
CREATE TABLE amounts (
  reservation INTEGER NOT NULL REFERENCES reservations (id),
  unit TEXT NOT NULL CHECK (unit IN (${names}) AND unit <> 'wallSeconds'),
  amount INTEGER NOT NULL CHECK (amount > 0),
  spent INTEGER CHECK (spent BETWEEN 0 AND amount),
  PRIMARY KEY (reservation, unit)
) STRICT, WITHOUT ROWID;
`;

const rules = `
CREATE TRIGGER budgets_keep BEFORE DELETE ON budgets BEGIN SELECT RAISE(ABORT, 'budgets: never deleted'); END;
CREATE TRIGGER budgets_spent BEFORE UPDATE ON budgets WHEN NEW.spent < OLD.spent OR NEW.elapsed < OLD.elapsed
  BEGIN SELECT RAISE(ABORT, 'budgets: what is spent stays spent'); END;

CREATE TRIGGER reservations_new BEFORE INSERT ON reservations WHEN NEW.state <> 'reserved'
  BEGIN SELECT RAISE(ABORT, 'reservations: begin as reserved'); END;
CREATE TRIGGER reservations_in_time BEFORE INSERT ON reservations
  WHEN EXISTS (
    SELECT 1 FROM budgets
    WHERE stage IN (${RUN}, NEW.stage) AND (
      (unit = 'wallSeconds' AND elapsed >= ceiling) OR (unit = 'money' AND spent + reserved + elapsed > ceiling)
    )
  )
  BEGIN SELECT RAISE(ABORT, 'reservations: the time is over'); END;
CREATE TRIGGER reservations_once BEFORE UPDATE ON reservations
  WHEN OLD.state <> 'reserved' OR NEW.state = 'reserved' OR NEW.stage <> OLD.stage
  BEGIN SELECT RAISE(ABORT, 'reservations: settled once'); END;
CREATE TRIGGER reservations_settle AFTER UPDATE ON reservations
  BEGIN
    UPDATE budgets SET
      reserved = reserved - (SELECT amount FROM amounts WHERE reservation = NEW.id AND unit = budgets.unit),
      spent = spent + CASE NEW.state
        WHEN 'committed'
        THEN (SELECT coalesce(spent, amount) FROM amounts WHERE reservation = NEW.id AND unit = budgets.unit)
        ELSE 0 END
    WHERE stage IN (${RUN}, NEW.stage) AND unit IN (SELECT unit FROM amounts WHERE reservation = NEW.id);
  END;
CREATE TRIGGER reservations_keep BEFORE DELETE ON reservations
  BEGIN SELECT RAISE(ABORT, 'reservations: never deleted'); END;
CREATE INDEX reservations_open ON reservations (id) WHERE state = 'reserved';

CREATE TRIGGER amounts_open BEFORE INSERT ON amounts
  WHEN NEW.spent IS NOT NULL
    OR (SELECT state FROM reservations WHERE id = NEW.reservation) IS NOT 'reserved'
  BEGIN SELECT RAISE(ABORT, 'amounts: of an open reservation'); END;
CREATE TRIGGER amounts_take AFTER INSERT ON amounts
  BEGIN
    INSERT INTO budgets (stage, unit) SELECT stage, NEW.unit FROM reservations WHERE id = NEW.reservation
      ON CONFLICT DO NOTHING;
    SELECT RAISE(ABORT, 'budgets: above the limit') FROM budgets
      WHERE stage IN (${RUN}, (SELECT stage FROM reservations WHERE id = NEW.reservation))
        AND unit = NEW.unit AND spent + reserved + elapsed + NEW.amount > ceiling;
    UPDATE budgets SET reserved = reserved + NEW.amount
      WHERE stage IN (${RUN}, (SELECT stage FROM reservations WHERE id = NEW.reservation)) AND unit = NEW.unit;
  END;
CREATE TRIGGER amounts_fixed BEFORE UPDATE ON amounts
  WHEN NEW.reservation <> OLD.reservation OR NEW.unit <> OLD.unit OR NEW.amount <> OLD.amount
    OR (SELECT state FROM reservations WHERE id = OLD.reservation) <> 'reserved'
  BEGIN SELECT RAISE(ABORT, 'amounts: of an open reservation'); END;
CREATE TRIGGER amounts_keep BEFORE DELETE ON amounts BEGIN SELECT RAISE(ABORT, 'amounts: never deleted'); END;
`;

const accounts = units
  .map((unit) => {
    const { limit } = initialAccounts[unit];
    return `INSERT INTO budgets (stage, unit, ceiling) VALUES (${RUN}, '${unit}', ${limit ?? "NULL"});`;
  })
  .join("\n");

/** Makes the tables of a new run, which has spent nothing. */
export const create = (db: Database): void => {
  db.exec(tables);
  db.exec(accounts);
  db.exec(rules);
};

/**
 * From format 2, whose reservations were of one unit each and of no stage. Their ids stay: candidates name them.
 * Call it inside a transaction.
 */
export const migrate = (db: Database): void => {
  // Candidates refer to a table that is made anew; whether they still may is asked when the transaction ends.
  db.exec("PRAGMA defer_foreign_keys = ON");
  db.exec("CREATE TABLE old_reservations AS SELECT * FROM reservations");
  db.exec("CREATE TABLE old_budgets AS SELECT * FROM budgets");
  // With a table go its triggers and indices.
  db.exec("DROP TABLE reservations");
  db.exec("DROP TABLE budgets");
  db.exec(tables);
  db.exec(accounts);
  db.exec(`
INSERT INTO reservations (id, stage, state, left_open) SELECT id, ${RUN}, state, left_open FROM old_reservations;
INSERT INTO amounts (reservation, unit, amount, spent)
  SELECT id, unit, amount, CASE state WHEN 'committed' THEN amount END FROM old_reservations;
UPDATE budgets SET (ceiling, spent, reserved) =
  (SELECT ceiling, spent, reserved FROM old_budgets WHERE old_budgets.unit = budgets.unit)
  WHERE unit IN (SELECT unit FROM old_budgets);
DROP TABLE old_reservations;
DROP TABLE old_budgets;
`);
  db.exec(rules);
};
