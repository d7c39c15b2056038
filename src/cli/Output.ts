/** Tables for people, JSON for programs: every command that prints a table takes --json. */
import Table from "cli-table3";
import * as Console from "effect/Console";
import { Flag } from "effect/cli";
import type { AlarmState } from "../domain/RunState.ts";

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON instead of a table"),
  Flag.withDefault(false),
);

/** A table with a head; cells are strings. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const out = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  for (const row of rows) out.push([...row]);
  return out.toString();
};

/** Prints a value as JSON, or as what `render` makes of it. */
export const print = <A>(asJson: boolean, value: A, render: (value: A) => string) =>
  Console.log(asJson ? JSON.stringify(value, null, 2) : render(value));

/** 0.4231 -> "42.3 %". */
export const percent = (fraction: number | null): string =>
  fraction === null ? "-" : `${(100 * fraction).toFixed(1)} %`;

/** 75.2 -> "1 min 15 s". */
export const duration = (seconds: number): string => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
};

/** Where a stage was when something was measured: "in round 2", offline "after step 50". */
export const when = ({ round, step }: { readonly round: number; readonly step?: number }): string =>
  step === undefined ? `in round ${round}` : `after step ${step}`;

/** "td_offline 0.81 in round 2 (0.3 at the start, limit 2): raise-offline". */
export const alarm = (raised: Omit<AlarmState, "index">): string => {
  const { action, from, limit, monitor, value } = raised;
  const start = from === null ? "" : `${from.toPrecision(3)} at the start, `;
  return `${monitor} ${value.toPrecision(3)} ${when(raised)} (${start}limit ${limit}): ${action}`;
};
