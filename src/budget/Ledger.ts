/**
 * The budget's ledger as a pure fold: reserve, then commit or refund, once.
 *
 * The database enforces the same rules (store/Tables.ts); this is the independent model that it is tested
 * against, and what a plan is reckoned with.
 */
export interface Ledger {
  readonly limit: number;
  readonly spent: number;
  /** Open reservations: id to amount. */
  readonly open: ReadonlyMap<string, number>;
}

export type Entry =
  | { readonly kind: "reserve"; readonly id: string; readonly amount: number }
  | { readonly kind: "commit"; readonly id: string }
  | { readonly kind: "refund"; readonly id: string }
  | { readonly kind: "limit"; readonly limit: number }
  /** The process died: every open reservation counts as spent. */
  | { readonly kind: "crash" };

export type Refusal = "exhausted" | "not-open" | "taken-id" | "bad-amount" | "below-taken";

export const empty = (limit: number): Ledger => ({ limit, spent: 0, open: new Map() });

export const reserved = (ledger: Ledger): number => [...ledger.open.values()].reduce((a, b) => a + b, 0);

/** What may still be reserved. */
export const free = (ledger: Ledger): number => ledger.limit - ledger.spent - reserved(ledger);

const without = (ledger: Ledger, id: string): ReadonlyMap<string, number> => {
  const open = new Map(ledger.open);
  open.delete(id);
  return open;
};

/** The ledger after an entry, or why the entry is refused (the ledger is then as it was). */
export const apply = (ledger: Ledger, entry: Entry): Ledger | Refusal => {
  switch (entry.kind) {
    case "reserve":
      if (!(Number.isSafeInteger(entry.amount) && entry.amount > 0)) return "bad-amount";
      if (ledger.open.has(entry.id)) return "taken-id";
      if (entry.amount > free(ledger)) return "exhausted";
      return { ...ledger, open: new Map(ledger.open).set(entry.id, entry.amount) };
    case "commit":
    case "refund": {
      const amount = ledger.open.get(entry.id);
      if (amount === undefined) return "not-open";
      const spent = entry.kind === "commit" ? ledger.spent + amount : ledger.spent;
      return { ...ledger, spent, open: without(ledger, entry.id) };
    }
    case "limit":
      if (!(Number.isSafeInteger(entry.limit) && entry.limit >= 0)) return "bad-amount";
      return entry.limit < ledger.spent + reserved(ledger)
        ? "below-taken"
        : { ...ledger, limit: entry.limit };
    case "crash":
      return { ...ledger, spent: ledger.spent + reserved(ledger), open: new Map() };
  }
};
