/**
 * The budget's ledger as rows: reserve before anything is spent, then commit or refund, once.
 *
 * What a process left reserved when it died counts as spent: its programs may have run.
 */
import type { Unit } from "../domain/RunEvent.ts";
import type { Database } from "./Database.ts";
import type { Tx } from "./Journal.ts";
import { BudgetExhausted, StoreError } from "./RunStore.ts";

export interface Totals {
  readonly limit: number;
  readonly spent: number;
  readonly reserved: number;
}

export const totals = (db: Database, unit: Unit): Totals => {
  const row = db.all("SELECT ceiling, spent, reserved FROM budgets WHERE unit = ?", [unit])[0];
  return {
    limit: Number(row?.["ceiling"] ?? 0),
    spent: Number(row?.["spent"] ?? 0),
    reserved: Number(row?.["reserved"] ?? 0),
  };
};

const misuse = (reason: string): StoreError =>
  new StoreError({ reason, remedy: "this is a mistake in Drydock: keep the run directory and report it" });

const rowId = (reservation: string): number => {
  const match = /^r([1-9][0-9]*)$/.exec(reservation);
  if (match === null) throw misuse(`${JSON.stringify(reservation)} is no reservation`);
  return Number(match[1]);
};

/** Reserves, or returns why not without having changed anything. */
export const reserve = (tx: Tx, unit: Unit, amount: number): string | BudgetExhausted => {
  if (!(Number.isSafeInteger(amount) && amount > 0)) {
    throw misuse(`a reservation of ${amount} ${unit}: the amount must be a positive integer`);
  }
  const { limit, spent, reserved } = totals(tx.db, unit);
  const taken = spent + reserved;
  if (taken + amount > limit) return new BudgetExhausted({ unit, limit, taken, wanted: amount });
  const row = tx.db.all(
    "INSERT INTO reservations (unit, amount, state) VALUES (?, ?, 'reserved') RETURNING id",
    [unit, amount],
  )[0];
  const reservation = `r${row?.["id"]}`;
  tx.emit({ _tag: "BudgetReserved", reservation, unit, amount });
  return reservation;
};

/** Commits or refunds a reservation; one that is settled already is a mistake of the caller. */
export const settle = (tx: Tx, reservation: string, to: "committed" | "refunded"): void => {
  const row = tx.db.all(
    "UPDATE reservations SET state = ? WHERE id = ? AND state = 'reserved' RETURNING unit, amount",
    [to, rowId(reservation)],
  )[0];
  if (row === undefined)
    throw misuse(`reservation ${reservation} is not open: settled before, or never made`);
  tx.emit({
    _tag: to === "committed" ? "BudgetCommitted" : "BudgetRefunded",
    reservation,
    unit: row["unit"] as Unit,
    amount: Number(row["amount"]),
  });
};

export const isOpen = (tx: Tx, reservation: string): boolean =>
  tx.db.all("SELECT 1 FROM reservations WHERE id = ? AND state = 'reserved'", [rowId(reservation)]).length >
  0;

/** Commits what a dead process left reserved; returns how many reservations there were. */
export const commitLeftOpen = (tx: Tx): number => {
  const rows = tx.db.all("SELECT id, unit, amount FROM reservations WHERE state = 'reserved' ORDER BY id");
  for (const row of rows) {
    tx.db.all("UPDATE reservations SET state = 'committed', left_open = 1 WHERE id = ?", [Number(row["id"])]);
    tx.emit({
      _tag: "BudgetCommitted",
      reservation: `r${row["id"]}`,
      unit: row["unit"] as Unit,
      amount: Number(row["amount"]),
    });
  }
  return rows.length;
};

/** Sets a limit without an event of its own, or returns why not. */
export const setCeiling = (tx: Tx, unit: Unit, limit: number): BudgetExhausted | null => {
  if (!(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new StoreError({
      reason: `a limit of ${limit} ${unit}`,
      remedy: "give a limit that is an integer of 0 or more",
    });
  }
  const { spent, reserved } = totals(tx.db, unit);
  const taken = spent + reserved;
  if (limit < taken) return new BudgetExhausted({ unit, limit, taken, wanted: 0 });
  tx.db.all("UPDATE budgets SET ceiling = ? WHERE unit = ?", [limit, unit]);
  return null;
};
