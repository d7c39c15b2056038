/**
 * The budget's ledger as rows: reserve before anything is spent, then commit what it came to or refund, once.
 *
 * What a process left reserved when it died counts as spent, whole: its programs may have run.
 */
import {
  type Account,
  alwaysLimited,
  type Accounts,
  type Amounts,
  entries,
  noAccounts,
  type Unit,
} from "../domain/Budget.ts";
import * as Elapsed from "../domain/Elapsed.ts";
import type { RunState } from "../domain/RunState.ts";
import type { Database } from "./Database.ts";
import type { Tx } from "./Journal.ts";
import { RUN } from "./LedgerTables.ts";
import { BudgetExhausted, StoreError } from "./RunStore.ts";

/** The accounts of the run (RUN) or of a stage, with what time took until `at`. */
export const accounts = (db: Database, state: RunState, at: number, stage: number): Accounts => {
  const found: { -readonly [U in Unit]: Account } = { ...noAccounts };
  for (const row of db.all("SELECT unit, ceiling, spent, reserved FROM budgets WHERE stage = ?", [stage])) {
    found[row["unit"] as Unit] = {
      limit: row["ceiling"] === null ? null : Number(row["ceiling"]),
      spent: Number(row["spent"]),
      reserved: Number(row["reserved"]),
    };
  }
  const { millis, money } = Elapsed.of(state, stage, at);
  return {
    ...found,
    wallSeconds: { ...found.wallSeconds, spent: found.wallSeconds.spent + millis },
    money: { ...found.money, spent: found.money.spent + money },
  };
};

/** The accounts that a reservation of a stage takes from. */
const scopes = (stage: number): ReadonlyArray<number> => (stage === RUN ? [RUN] : [RUN, stage]);

const misuse = (reason: string): StoreError =>
  new StoreError({ reason, remedy: "this is a mistake in Drydock: keep the run directory and report it" });

const rowId = (reservation: string): number => {
  const match = /^r([1-9][0-9]*)$/.exec(reservation);
  if (match === null) throw misuse(`${JSON.stringify(reservation)} is no reservation`);
  return Number(match[1]);
};

/** Writes down what time took so far, so that the database's own rules know it. */
const elapse = (tx: Tx, stage: number): void => {
  for (const scope of scopes(stage)) {
    const { millis, money } = Elapsed.of(tx.state, scope, tx.at);
    for (const [unit, elapsed] of [
      ["wallSeconds", millis],
      ["money", money],
    ] as const) {
      if (elapsed === 0) continue;
      tx.db.all(
        `INSERT INTO budgets (stage, unit, elapsed) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET elapsed = max(elapsed, excluded.elapsed)`,
        [scope, unit, elapsed],
      );
    }
  }
};

/** The first limit that these amounts do not fit under. */
const exhausted = (tx: Tx, amounts: Amounts, stage: number): BudgetExhausted | null => {
  for (const scope of scopes(stage)) {
    const of = accounts(tx.db, tx.state, tx.at, scope);
    for (const [unit, wanted] of [["wallSeconds", 1], ["money", 0], ...entries(amounts)] as const) {
      const { limit, spent, reserved } = of[unit];
      const taken = spent + reserved;
      if (limit === null || taken + wanted <= limit) continue;
      return new BudgetExhausted({ unit, limit, taken, wanted, ...(scope === RUN ? {} : { stage: scope }) });
    }
  }
  return null;
};

/** An event's amounts: the first unit, and beside it the others. */
const told = (
  amounts: Amounts,
): { readonly unit: Unit; readonly amount: number; readonly also?: Amounts } => {
  const [first, ...others] = entries(amounts);
  if (first === undefined) throw misuse("a reservation of nothing");
  const [unit, amount] = first;
  return { unit, amount, ...(others.length === 0 ? {} : { also: Object.fromEntries(others) }) };
};

const ofStage = (stage: number): { readonly stage?: number } => (stage === RUN ? {} : { stage });

/** Reserves in the run's and in the stage's accounts, or returns why not without having changed anything. */
export const reserve = (tx: Tx, amounts: Amounts, stage: number = RUN): string | BudgetExhausted => {
  for (const [unit, amount] of entries(amounts)) {
    if (!(Number.isSafeInteger(amount) && amount > 0) || unit === "wallSeconds") {
      throw misuse(
        `a reservation of ${amount} ${unit}: the amount must be a positive integer, and not of time`,
      );
    }
  }
  const event = told(amounts);
  const refused = exhausted(tx, amounts, stage);
  if (refused !== null) return refused;
  elapse(tx, stage);
  const row = tx.db.all("INSERT INTO reservations (stage, state) VALUES (?, 'reserved') RETURNING id", [
    stage,
  ])[0];
  const id = Number(row?.["id"]);
  for (const [unit, amount] of entries(amounts)) {
    tx.db.all("INSERT INTO amounts (reservation, unit, amount) VALUES (?, ?, ?)", [id, unit, amount]);
  }
  const reservation = `r${id}`;
  tx.emit({ _tag: "BudgetReserved", reservation, ...event, ...ofStage(stage) });
  return reservation;
};

const amountsOf = (db: Database, id: number): Amounts =>
  Object.fromEntries(
    db
      .all("SELECT unit, amount FROM amounts WHERE reservation = ?", [id])
      .map((row) => [String(row["unit"]), Number(row["amount"])]),
  );

const notOpen = (reservation: string): StoreError =>
  misuse(`reservation ${reservation} is not open: settled before, or never made`);

/** The stage of an open reservation. */
const openStage = (db: Database, reservation: string): number => {
  const row = db.all("SELECT stage FROM reservations WHERE id = ? AND state = 'reserved'", [
    rowId(reservation),
  ])[0];
  if (row === undefined) throw notOpen(reservation);
  return Number(row["stage"]);
};

/**
 * Commits an open reservation; the rest of what it holds is given back. `actual`: what it came to in the units where
 * that is known, of the others everything. More than was reserved counts as what was reserved.
 */
export const commit = (tx: Tx, reservation: string, actual: Amounts = {}, leftOpen = false): void => {
  const id = rowId(reservation);
  const stage = openStage(tx.db, reservation);
  const held = amountsOf(tx.db, id);
  const spent: { [U in Unit]?: number } = {};
  const released: { [U in Unit]?: number } = {};
  for (const [unit, amount] of entries(held)) {
    const known = actual[unit] ?? amount;
    if (!(Number.isSafeInteger(known) && known >= 0)) throw misuse(`${known} ${unit} spent of a reservation`);
    spent[unit] = Math.min(amount, known);
    if (known < amount) released[unit] = amount - known;
    tx.db.all("UPDATE amounts SET spent = ? WHERE reservation = ? AND unit = ?", [spent[unit], id, unit]);
  }
  tx.db.all("UPDATE reservations SET state = 'committed', left_open = ? WHERE id = ?", [
    leftOpen ? 1 : 0,
    id,
  ]);
  tx.emit({
    _tag: "BudgetCommitted",
    reservation,
    ...told(spent),
    ...(Object.keys(released).length === 0 ? {} : { released }),
    ...ofStage(stage),
  });
};

/** Gives an open reservation back, whole. */
export const refund = (tx: Tx, reservation: string): void => {
  const id = rowId(reservation);
  const stage = openStage(tx.db, reservation);
  tx.db.all("UPDATE reservations SET state = 'refunded' WHERE id = ?", [id]);
  tx.emit({ _tag: "BudgetRefunded", reservation, ...told(amountsOf(tx.db, id)), ...ofStage(stage) });
};

export const isOpen = (tx: Tx, reservation: string): boolean =>
  tx.db.all("SELECT 1 FROM reservations WHERE id = ? AND state = 'reserved'", [rowId(reservation)]).length >
  0;

/** Commits what a dead process left reserved; returns how many reservations there were. */
export const commitLeftOpen = (tx: Tx): number => {
  const rows = tx.db.all("SELECT id FROM reservations WHERE state = 'reserved' ORDER BY id");
  for (const row of rows) commit(tx, `r${row["id"]}`, {}, true);
  return rows.length;
};

/** Sets a limit of the run or of a stage (null: none) without an event of its own, or returns why not. */
export const setCeiling = (
  tx: Tx,
  unit: Unit,
  limit: number | null,
  stage: number = RUN,
): BudgetExhausted | null => {
  if (limit !== null && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new StoreError({
      reason: `a limit of ${limit} ${unit}`,
      remedy: "give a limit that is an integer of 0 or more",
    });
  }
  if (limit === null && stage === RUN && alwaysLimited.has(unit)) {
    throw new StoreError({
      reason: `no limit of ${unit}`,
      remedy: "a run always has a limit of verifications and of generated programs: give a number",
    });
  }
  const row = tx.db.all("SELECT spent, reserved FROM budgets WHERE stage = ? AND unit = ?", [stage, unit])[0];
  const taken = Number(row?.["spent"] ?? 0) + Number(row?.["reserved"] ?? 0);
  if (limit !== null && limit < taken) {
    return new BudgetExhausted({ unit, limit, taken, wanted: 0, ...ofStage(stage) });
  }
  tx.db.all(
    `INSERT INTO budgets (stage, unit, ceiling) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET ceiling = excluded.ceiling`,
    [stage, unit, limit],
  );
  return null;
};

/** The limit of a unit now; null: none. */
export const ceiling = (db: Database, unit: Unit, stage: number = RUN): number | null => {
  const found = db.all("SELECT ceiling FROM budgets WHERE stage = ? AND unit = ?", [stage, unit])[0]?.[
    "ceiling"
  ];
  return found === undefined || found === null ? null : Number(found);
};
