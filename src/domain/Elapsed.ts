/**
 * How long a run has been at work: the time between its events, without that in which no process ran it and that in
 * which it was paused. Pure; folded with the rest of the state (RunFold.ts).
 */
import { type Account, type Accounts, costOfTime, noAccounts } from "./Budget.ts";
import type { LoggedEvent, RunEvent } from "./RunEvent.ts";
import type { RunState } from "./RunState.ts";

/** What a process may log before RunResumed: the reservations that a dead one left open, and commands. */
const BEFORE_RESUMED: ReadonlySet<RunEvent["_tag"]> = new Set([
  "BudgetCommitted",
  "BudgetLimitChanged",
  "CommandReceived",
  "CommandRefused",
  "RunPaused",
  "RunUnpaused",
] as const);

/** Seconds between events, paused ones included, without the time in which no process ran the run. */
export const activeSeconds = (events: ReadonlyArray<LoggedEvent>): number => {
  let milliseconds = 0;
  // From the end: once a RunResumed is met, what its process logged just before it is no work either.
  let opening = false;
  for (let i = events.length - 1; i > 0; i--) {
    const { _tag } = events[i].event;
    opening = _tag === "RunResumed" || (opening && BEFORE_RESUMED.has(_tag));
    if (!opening) milliseconds += Math.max(0, events[i].at - events[i - 1].at);
  }
  return milliseconds / 1000;
};

/** Milliseconds at work between the last event and `at`. */
const since = ({ status, startedAt, updatedAt }: RunState, at: number): number =>
  status === "running" && startedAt !== null && updatedAt !== null
    ? Math.max(0, Math.round(at - updatedAt))
    : 0;

const plus = (accounts: Accounts, state: RunState, millis: number): Accounts => {
  if (millis === 0) return accounts;
  const before = accounts.wallSeconds.spent;
  const add = (account: Account, amount: number): Account => ({ ...account, spent: account.spent + amount });
  const cost =
    state.prices === null ? 0 : costOfTime(state.prices, before + millis) - costOfTime(state.prices, before);
  return { ...accounts, wallSeconds: add(accounts.wallSeconds, millis), money: add(accounts.money, cost) };
};

/** The state with `millis` more (or, taken back, fewer) at work, in the run's accounts and in those of its stage. */
const withTime = (state: RunState, millis: number): RunState => {
  if (millis === 0) return state;
  const { stage, stageBudgets } = state;
  return {
    ...state,
    budgets: plus(state.budgets, state, millis),
    stageBudgets:
      stage === null
        ? stageBudgets
        : { ...stageBudgets, [stage]: plus(stageBudgets[stage] ?? noAccounts, state, millis) },
  };
};

/**
 * The state with the time until an event that is about to be folded. What is logged before RunResumed by the process
 * that resumes looks like the last one's: its time is taken back then.
 */
export const until = (state: RunState, { at, event }: LoggedEvent): RunState => {
  if (event._tag === "RunResumed") return { ...withTime(state, -state.unsureMillis), unsureMillis: 0 };
  const gone = since(state, at);
  const unsureMillis = BEFORE_RESUMED.has(event._tag) ? state.unsureMillis + gone : 0;
  return { ...withTime(state, gone), unsureMillis };
};

/** Milliseconds at work until `at`, and what they cost, of the run (-1) or of a stage. */
export const of = (
  state: RunState,
  stage: number,
  at: number,
): { readonly millis: number; readonly money: number } => {
  const accounts = stage === -1 ? state.budgets : (state.stageBudgets[stage] ?? noAccounts);
  const millis = accounts.wallSeconds.spent + (stage === -1 || stage === state.stage ? since(state, at) : 0);
  return { millis, money: state.prices === null ? 0 : costOfTime(state.prices, millis) };
};
