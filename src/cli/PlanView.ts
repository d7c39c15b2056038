/** A plan for people. */
import type { RunBudget } from "../config/BudgetConfig.ts";
import * as Budget from "../domain/Budget.ts";
import type { Compared, Interval } from "../domain/Planned.ts";
import * as Room from "../model/files/Room.ts";
import type { MemoryPlan } from "../plan/MemoryPlan.ts";
import type { Plan } from "../plan/Plan.ts";
import { duration, table } from "./Output.ts";

/** What `drydock plan --json` prints. */
export interface Shown extends MemoryPlan {
  /** Whether the calibration was made for this plan; else it is the last one, if there is a plan. */
  readonly measured: boolean;
  /** Null: nothing was measured for this configuration on this machine. */
  readonly plan: Plan | null;
  readonly budget: RunBudget;
  readonly warnings: ReadonlyArray<string>;
}

const millions = (n: number): string => `${(n / 1e6).toPrecision(3)} million`;

/** Three digits, without an exponent. */
const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));

/** How figures of a unit are shown. */
export const showing = (unit: Compared["unit"]): ((value: number) => string) =>
  unit === "seconds" ? duration : unit === "bytes" ? Room.size : number;

/** "12 (8 – 15)", or "12" where nothing is uncertain. */
export const range = ({ low, mid, high }: Interval, show: (value: number) => string): string => {
  const ends = [show(low), show(mid), show(high)];
  return ends[0] === ends[1] && ends[1] === ends[2] ? ends[1] : `${ends[1]} (${ends[0]} – ${ends[2]})`;
};

const stagesOf = ({ stages, seconds, opening }: Plan): string =>
  table(
    ["stage", "kind", "time (80 % interval)", "steps", "programs", "verifications", "ends with"],
    [
      ["(opening)", "", range(opening, duration), "", "", "", ""],
      ...stages.map(({ label, kind, seconds: took, steps, programs, spends, binding, rounds }) => [
        label,
        kind,
        range(took, duration),
        steps === 0 ? "" : number(steps),
        number(programs + (spends.generated?.mid ?? 0)),
        spends.verifications === undefined ? "" : range(spends.verifications, number),
        rounds === null
          ? binding === null
            ? ""
            : Budget.nameOf(binding)
          : `${binding === null ? "its rounds" : Budget.nameOf(binding)} (${range(rounds, number)} rounds)`,
      ]),
      ["the whole run", "", range(seconds, duration), "", "", "", ""],
    ],
  );

const spendsOf = ({ spends, seconds }: Plan, budget: RunBudget): string =>
  table(
    ["budget", "planned (80 % interval)", "limit"],
    Budget.units.flatMap((unit) => {
      const planned = unit === "wallSeconds" ? seconds : spends[unit];
      if (planned === undefined) return [];
      const limit = budget[unit];
      return [[Budget.nameOf(unit), range(planned, number), limit === undefined ? "-" : number(limit)]];
    }),
  );

const memoryOf = (of: MemoryPlan): ReadonlyArray<string> => {
  const { memory, available, fits, changes } = of;
  const rows = [
    ["opening the policy", Room.size(memory.opening)],
    ...Object.entries(memory.trainings).map(([id, bytes]) => [`training ${id}`, Room.size(bytes)]),
    ["generating and scoring", Room.size(memory.generation)],
    ["the whole run", Room.size(memory.peak)],
  ];
  return [
    table(["predicted memory, at the most", ""], rows),
    `This process may take ${Room.size(available)}: the run ${fits ? "fits" : "does not fit"}.`,
    ...(changes.length === 0
      ? []
      : [
          table(
            ["with", "memory", ""],
            changes.map(({ change, peak, fits: ok }) => [change, Room.size(peak), ok ? "fits" : ""]),
          ),
        ]),
  ];
};

const restsOn = ({ plan, measured, fits }: Shown): string => {
  if (plan === null) {
    return fits
      ? "Nothing is known of the time: no calibration was made for this configuration on this machine. Leave out --no-calibrate."
      : "Nothing is known of the time: what does not fit is not measured.";
  }
  const { at, seconds } = plan.calibrated;
  const when = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short" }).format(at);
  return measured
    ? `Measured on this machine in ${duration(seconds)}.`
    : `As measured on this machine at ${when} (it took ${duration(seconds)}).`;
};

export const render = (of: Shown): string =>
  [
    `${millions(of.parameters)} parameters, ${millions(of.trainableParameters)} of which train${
      of.recompute ? "; activations are recomputed" : ""
    }.`,
    ...(of.plan === null ? [] : [stagesOf(of.plan), spendsOf(of.plan, of.budget)]),
    ...memoryOf(of),
    ...(of.plan === null ? [] : [`Disk: ${range(of.plan.disk, Room.size)}.`]),
    restsOn(of),
    ...of.warnings.map((warning) => `Note: ${warning}`),
  ].join("\n");
