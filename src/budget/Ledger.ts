/**
 * The budget's ledger as a pure fold: reserve at the worst case, then commit what it came to or refund, once.
 *
 * The database enforces the same rules (store/LedgerTables.ts); this is the independent model that it is tested
 * against. Amounts are whole parts of units (domain/Budget.ts). Every reservation takes from the run's account and
 * from its stage's; time takes by passing.
 */
import { type Amounts, costOfTime, entries, type Prices, type Unit } from "../domain/Budget.ts";

/** The run as a whole, where a stage's index would stand. */
export const RUN = -1;

export interface Account {
  readonly limit: number | null;
  readonly spent: number;
  readonly reserved: number;
  /** What passing time took: seconds of work, and their price. */
  readonly elapsed: number;
}

export interface Ledger {
  readonly prices: Prices | null;
  /** By `stage/unit`; absent: nothing was ever taken, and there is no limit. */
  readonly accounts: ReadonlyMap<string, Account>;
  /** Open reservations. */
  readonly open: ReadonlyMap<string, { readonly stage: number; readonly amounts: Amounts }>;
}

export type Entry =
  | { readonly kind: "reserve"; readonly id: string; readonly stage: number; readonly amounts: Amounts }
  /** `actual`: what it came to, in the units where it is known; of others everything. */
  | { readonly kind: "commit"; readonly id: string; readonly actual: Amounts }
  | { readonly kind: "refund"; readonly id: string }
  | { readonly kind: "limit"; readonly stage: number; readonly unit: Unit; readonly limit: number | null }
  /** Milliseconds went by while a stage (or RUN: none) was running. */
  | { readonly kind: "elapse"; readonly stage: number; readonly millis: number }
  /** The process died: every open reservation counts as spent, whole. */
  | { readonly kind: "crash" };

export type Refusal = "exhausted" | "not-open" | "taken-id" | "bad-amount" | "below-taken";

export const empty = (prices: Prices | null = null): Ledger => ({
  prices,
  accounts: new Map(),
  open: new Map(),
});

const none: Account = { limit: null, spent: 0, reserved: 0, elapsed: 0 };

export const account = (ledger: Ledger, stage: number, unit: Unit): Account =>
  ledger.accounts.get(`${stage}/${unit}`) ?? none;

/** What may still be reserved of a unit in one account. */
export const free = ({ limit, spent, reserved, elapsed }: Account): number =>
  limit === null ? Number.POSITIVE_INFINITY : limit - spent - reserved - elapsed;

/** The accounts that a reservation of a stage takes from. */
const scopes = (stage: number): ReadonlyArray<number> => (stage === RUN ? [RUN] : [RUN, stage]);

const change = (
  ledger: Ledger,
  stage: number,
  units: ReadonlyArray<readonly [Unit, (account: Account) => Partial<Account>]>,
): Ledger => {
  const accounts = new Map(ledger.accounts);
  for (const scope of scopes(stage)) {
    for (const [unit, of] of units) {
      const before = accounts.get(`${scope}/${unit}`) ?? none;
      accounts.set(`${scope}/${unit}`, { ...before, ...of(before) });
    }
  }
  return { ...ledger, accounts };
};

const isAmount = (amount: number): boolean => Number.isSafeInteger(amount) && amount > 0;

const settle = (ledger: Ledger, id: string, actual: (unit: Unit, amount: number) => number): Ledger => {
  const taken = ledger.open.get(id);
  if (taken === undefined) return ledger;
  const open = new Map(ledger.open);
  open.delete(id);
  const changes = entries(taken.amounts).map(
    ([unit, amount]) =>
      [
        unit,
        (before: Account) => ({
          reserved: before.reserved - amount,
          spent: before.spent + Math.min(amount, actual(unit, amount)),
        }),
      ] as const,
  );
  return change({ ...ledger, open }, taken.stage, changes);
};

/** The ledger after an entry, or why the entry is refused (the ledger is then as it was). */
export const apply = (ledger: Ledger, entry: Entry): Ledger | Refusal => {
  switch (entry.kind) {
    case "reserve": {
      const { id, stage } = entry;
      const amounts = entries(entry.amounts);
      if (
        amounts.length === 0 ||
        !amounts.every(([unit, amount]) => unit !== "wallSeconds" && isAmount(amount))
      )
        return "bad-amount";
      if (ledger.open.has(id)) return "taken-id";
      const fits = scopes(stage).every(
        (scope) =>
          free(account(ledger, scope, "wallSeconds")) > 0 &&
          free(account(ledger, scope, "money")) >= 0 &&
          amounts.every(([unit, amount]) => amount <= free(account(ledger, scope, unit))),
      );
      if (!fits) return "exhausted";
      const held = amounts.map(
        ([unit, amount]) => [unit, (before: Account) => ({ reserved: before.reserved + amount })] as const,
      );
      const open = new Map(ledger.open).set(id, { stage, amounts: entry.amounts });
      return change({ ...ledger, open }, stage, held);
    }
    case "commit": {
      if (!ledger.open.has(entry.id)) return "not-open";
      const given = entries(entry.actual);
      if (!given.every(([, amount]) => Number.isSafeInteger(amount) && amount >= 0)) return "bad-amount";
      return settle(ledger, entry.id, (unit, amount) => entry.actual[unit] ?? amount);
    }
    case "refund":
      return ledger.open.has(entry.id) ? settle(ledger, entry.id, () => 0) : "not-open";
    case "limit": {
      const { stage, unit, limit } = entry;
      if (limit !== null && !(Number.isSafeInteger(limit) && limit >= 0)) return "bad-amount";
      const before = account(ledger, stage, unit);
      if (limit !== null && limit < before.spent + before.reserved) return "below-taken";
      const accounts = new Map(ledger.accounts).set(`${stage}/${unit}`, { ...before, limit });
      return { ...ledger, accounts };
    }
    case "elapse": {
      const { prices } = ledger;
      const gone = change(ledger, entry.stage, [
        ["wallSeconds", (before) => ({ elapsed: before.elapsed + entry.millis })],
      ]);
      if (prices === null) return gone;
      return scopes(entry.stage).reduce((after, scope) => {
        const elapsed = costOfTime(prices, account(after, scope, "wallSeconds").elapsed);
        const accounts = new Map(after.accounts);
        accounts.set(`${scope}/money`, { ...account(after, scope, "money"), elapsed });
        return { ...after, accounts };
      }, gone);
    }
    case "crash":
      return [...ledger.open.keys()].reduce((after, id) => settle(after, id, (_, amount) => amount), ledger);
  }
};
