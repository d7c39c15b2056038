/** What is left of a run's budget, how fast it goes, and when it ends. Pure. */
import { type Account, type Accounts, fromParts, left, noAccounts, type Unit, units } from "./Budget.ts";
import * as Elapsed from "./Elapsed.ts";
import type { RunState } from "./RunState.ts";

/** One unit, in units. */
export interface Row {
  readonly unit: Unit;
  readonly limit: number | null;
  readonly spent: number;
  readonly reserved: number;
  readonly left: number | null;
  /** Units an hour at work, over the online stage that runs; null where none does, or nothing is known. */
  readonly ratePerHour: number | null;
  /** Seconds at work until it is spent at this rate, by the run's limit and the stage's. */
  readonly secondsLeft: number | null;
}

export interface Forecast {
  readonly rows: ReadonlyArray<Row>;
  /** The unit that is spent first. */
  readonly first: { readonly unit: Unit; readonly secondsLeft: number } | null;
}

/** Accounts with the time until `at`. */
const at = (state: RunState, stage: number, now: number): Accounts => {
  const accounts = stage === -1 ? state.budgets : (state.stageBudgets[stage] ?? noAccounts);
  const more = Elapsed.of(state, stage, now);
  const before = Elapsed.of(state, stage, state.updatedAt ?? now);
  const later = (account: Account, by: number): Account => ({ ...account, spent: account.spent + by });
  return {
    ...accounts,
    wallSeconds: later(accounts.wallSeconds, more.millis - before.millis),
    money: later(accounts.money, more.money - before.money),
  };
};

/**
 * `now`: milliseconds since 1970 where a process runs the run; else the time of its last event. `shown`: the index of a
 * stage whose limits are shown in place of the run's.
 */
export const of = (state: RunState, now: number, shown = -1): Forecast => {
  const run = at(state, -1, now);
  const running = state.stage !== null && state.stages[state.stage]?.kind === "online" ? state.stage : null;
  // What another stage spends now says nothing of one that waits.
  const stage = shown === -1 || shown === running ? running : null;
  const own = stage === null ? null : at(state, stage, now);
  const accounts = shown === -1 ? run : at(state, shown, now);
  const hours = own === null ? 0 : own.wallSeconds.spent / 3_600_000;
  const rows = units.flatMap((unit): ReadonlyArray<Row> => {
    const account = accounts[unit];
    const { limit, spent, reserved } = account;
    if (limit === null && spent === 0 && reserved === 0) return [];
    const rate = own === null || hours === 0 ? null : own[unit].spent / hours;
    const rest = own === null ? left(account) : Math.min(left(run[unit]), left(own[unit]));
    return [
      {
        unit,
        limit: limit === null ? null : fromParts(unit, limit),
        spent: fromParts(unit, spent),
        reserved: fromParts(unit, reserved),
        left: limit === null ? null : fromParts(unit, left(account)),
        ratePerHour: rate === null ? null : fromParts(unit, rate),
        secondsLeft: rate === null || rate === 0 || !Number.isFinite(rest) ? null : (3600 * rest) / rate,
      },
    ];
  });
  const ends = rows
    .flatMap(({ unit, secondsLeft }) => (secondsLeft === null ? [] : [{ unit, secondsLeft }]))
    .sort((a, b) => a.secondsLeft - b.secondsLeft);
  return { rows, first: ends[0] ?? null };
};
