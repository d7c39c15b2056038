/**
 * What a budget counts: its units, amounts of them, prices, and how far an account reaches. Pure.
 *
 * The ledger counts in whole parts of a unit (milliseconds, millionths of a currency), so that sums are exact; people
 * and configurations speak in units. Times are the only amounts that pass by themselves: no reservation can hold them.
 */
import * as Schema from "effect/Schema";

export const Unit = Schema.Literals([
  "verifications",
  "generated",
  "generatedTokens",
  "cpuSeconds",
  "wallSeconds",
  "money",
]);
/**
 * Programs run in a sandbox, programs written, tokens written, CPU seconds of sandboxes, seconds for which the run
 * was at work, and what all of that costs.
 */
export type Unit = typeof Unit.Type;

export const units: ReadonlyArray<Unit> = Unit.literals;

/** The parts that the ledger counts a unit in. */
const PARTS: { readonly [U in Unit]: number } = {
  verifications: 1,
  generated: 1,
  generatedTokens: 1,
  cpuSeconds: 1000,
  wallSeconds: 1000,
  money: 1_000_000,
};

/** Whole parts of some units; what is absent is none, or of limits: no limit. */
export const Amounts = Schema.Struct({
  verifications: Schema.optionalKey(Schema.Int),
  generated: Schema.optionalKey(Schema.Int),
  generatedTokens: Schema.optionalKey(Schema.Int),
  cpuSeconds: Schema.optionalKey(Schema.Int),
  wallSeconds: Schema.optionalKey(Schema.Int),
  money: Schema.optionalKey(Schema.Int),
});
export type Amounts = typeof Amounts.Type;

/** The amounts that are there, in the order of the units. */
export const entries = (amounts: Amounts): ReadonlyArray<readonly [Unit, number]> =>
  units.flatMap((unit) => {
    const amount = amounts[unit];
    return amount === undefined ? [] : [[unit, amount] as const];
  });

/** `times` as much of everything. */
export const scale = (amounts: Amounts, times: number): Amounts =>
  Object.fromEntries(entries(amounts).map(([unit, amount]) => [unit, amount * times]));

/** A number of units as whole parts, rounded. */
export const toParts = (unit: Unit, value: number): number => Math.round(value * PARTS[unit]);

export const fromParts = (unit: Unit, parts: number): number => parts / PARTS[unit];

/** Limits in units as amounts; null: no limit. */
export const toLimits = (limits: { readonly [U in Unit]?: number | null | undefined }): Amounts =>
  Object.fromEntries(
    units.flatMap((unit) => {
      const limit = limits[unit];
      return limit === undefined || limit === null ? [] : [[unit, toParts(unit, limit)]];
    }),
  );

/** What something costs, in the currency of the money limit. */
export const Prices = Schema.Struct({
  verification: Schema.Number,
  cpuSecond: Schema.Number,
  thousandTokens: Schema.Number,
  hour: Schema.Number,
});
export type Prices = typeof Prices.Type;

/** Up, but not by what floating point added; never less for more. */
const ceil = (parts: number): number => Math.ceil(Math.round(parts * 1000) / 1000);

/** Parts of money that amounts cost, time apart. */
export const cost = (prices: Prices, amounts: Amounts): number =>
  ceil(
    PARTS.money *
      (prices.verification * (amounts.verifications ?? 0) +
        (prices.cpuSecond * (amounts.cpuSeconds ?? 0)) / PARTS.cpuSeconds +
        (prices.thousandTokens * (amounts.generatedTokens ?? 0)) / 1000),
  );

/** Parts of money that time costs. */
export const costOfTime = (prices: Prices, millis: number): number =>
  ceil((PARTS.money * prices.hour * millis) / 3_600_000);

/** Amounts with what they cost, where things have a price. */
export const priced = (prices: Prices | null, amounts: Amounts): Amounts => {
  if (prices === null) return amounts;
  const money = cost(prices, amounts);
  return money === 0 ? amounts : { ...amounts, money };
};

/** `spent`: settled, incl. what a crash left open and what time took. `limit`: null is none. */
export interface Account {
  readonly limit: number | null;
  readonly spent: number;
  readonly reserved: number;
}

export const noAccount: Account = { limit: null, spent: 0, reserved: 0 };

export type Accounts = { readonly [U in Unit]: Account };

/** Units that a run always has a limit of. */
export const alwaysLimited: ReadonlySet<Unit> = new Set(["verifications", "generated"]);

export const noAccounts: Accounts = {
  verifications: noAccount,
  generated: noAccount,
  generatedTokens: noAccount,
  cpuSeconds: noAccount,
  wallSeconds: noAccount,
  money: noAccount,
};

/** The accounts of a run that has not begun: no program may be written or run before its limits are known. */
export const initialAccounts: Accounts = {
  ...noAccounts,
  verifications: { ...noAccount, limit: 0 },
  generated: { ...noAccount, limit: 0 },
};

/** Parts that may still be reserved; infinite without a limit. */
export const left = ({ limit, spent, reserved }: Account): number =>
  limit === null ? Number.POSITIVE_INFINITY : Math.max(0, limit - spent - reserved);

/** The unit that time used up; null where there is time for more. */
const isOver = ({ wallSeconds, money }: Accounts): Unit | null => {
  if (left(wallSeconds) <= 0) return "wallSeconds";
  return money.limit !== null && money.spent + money.reserved > money.limit ? "money" : null;
};

/** How many times these amounts fit into what all of the accounts leave; none where time is up. */
export const times = (all: ReadonlyArray<Accounts>, amounts: Amounts): number =>
  Math.min(
    ...all.flatMap((accounts) => [
      isOver(accounts) === null ? Number.POSITIVE_INFINITY : 0,
      ...entries(amounts).map(([unit, amount]) =>
        amount === 0 ? Number.POSITIVE_INFINITY : Math.floor(left(accounts[unit]) / amount),
      ),
    ]),
  );

/** The unit of these amounts that is the first to have no room; null where all of them have. */
export const binding = (all: ReadonlyArray<Accounts>, amounts: Amounts): Unit | null => {
  const over = all.map(isOver).find((unit) => unit !== null);
  if (over !== undefined) return over;
  const found = entries(amounts).find(([unit, amount]) => all.some((of) => left(of[unit]) < amount));
  return found === undefined ? null : found[0];
};

const NAMES: { readonly [U in Unit]: string } = {
  verifications: "verifications",
  generated: "programs written",
  generatedTokens: "tokens written",
  cpuSeconds: "CPU seconds",
  wallSeconds: "seconds of work",
  money: "money",
};

/** What a unit is called for a person. */
export const nameOf = (unit: Unit): string => NAMES[unit];

/** Parts as a number of units for a person: "1200", "3.25". */
export const show = (unit: Unit, parts: number): string => {
  if (PARTS[unit] === 1) return String(parts);
  const value = fromParts(unit, parts);
  if (Number.isInteger(value)) return String(value);
  return unit === "money" ? String(Number(value.toPrecision(6))) : value.toFixed(value < 10 ? 2 : 1);
};
