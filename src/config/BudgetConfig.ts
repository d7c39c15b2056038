/** The budget of a run and of a stage: their schemas, and what a schema cannot say of them. */
import * as Schema from "effect/Schema";
import * as Budget from "../domain/Budget.ts";
import * as Costs from "../domain/Costs.ts";
import type { Path } from "./ConfigSource.ts";
import { Count, describe, or, Positive, PositiveNumber, Rate } from "./Fields.ts";

/** Limits that need not be there. */
const more = {
  generatedTokens: Schema.optionalKey(
    describe(Positive, "Tokens written online at most; left out: no limit."),
  ),
  cpuSeconds: Schema.optionalKey(
    describe(
      PositiveNumber,
      "CPU seconds that programs take in sandboxes online at most; left out: no limit.",
    ),
  ),
  wallSeconds: Schema.optionalKey(
    describe(
      PositiveNumber,
      "Seconds at work, pauses not counted, after which online stages begin nothing new; left out: no limit.",
    ),
  ),
  money: Schema.optionalKey(describe(PositiveNumber, "Money at most, by budget.prices; left out: no limit.")),
};

const Prices = Schema.Struct({
  verification: describe(Rate, "Price of one verification."),
  cpuSecond: describe(Rate, "Price of a CPU second in a sandbox."),
  thousandTokens: describe(Rate, "Price of a thousand tokens written."),
  hour: describe(Rate, "Price of an hour at work."),
});

export const RunBudget = Schema.Struct({
  verifications: or(
    Count,
    300,
    "Programs run in a sandbox online. Never exceeded; cache hits and evaluations are not counted.",
  ),
  generated: or(Count, 6000, "Programs written online, repeats included."),
  ...more,
  prices: Schema.optionalKey(
    describe(Prices, "What things cost, in the currency of the limits of money; 0: nothing."),
  ),
});
export type RunBudget = typeof RunBudget.Type;

export const StageBudget = Schema.Struct({
  generated: Schema.optionalKey(describe(Positive, "Programs written at most; left out: no limit.")),
  ...more,
});
export type StageBudget = typeof StageBudget.Type;

type Wrong = readonly [path: Path, problem: string];

/** What the check needs of an online stage, and where it is. */
export interface Spender {
  readonly index: number;
  readonly samplesPerProblem: number;
  /** The longest program in tokens. */
  readonly maxTokens: number;
  readonly verifications: number | null;
  readonly budget: StageBudget;
}

/** The limits of a stage alone. */
export const stageLimits = ({ verifications, budget }: Pick<Spender, "verifications" | "budget">) => ({
  ...budget,
  verifications: verifications ?? undefined,
});

const pathOf = (index: number, unit: Budget.Unit): Path =>
  unit === "verifications" ? ["stages", index, unit] : ["stages", index, "budget", unit];

const countable = (at: (unit: Budget.Unit) => Path, limits: Limits): ReadonlyArray<Wrong> =>
  Budget.units.flatMap((unit): ReadonlyArray<Wrong> => {
    const limit = limits[unit];
    if (limit === undefined || limit === 0) return [];
    const parts = Budget.toParts(unit, limit);
    if (Number.isSafeInteger(parts) && parts > 0) return [];
    return [[at(unit), `found ${limit}, which is too ${parts > 0 ? "large" : "small"} to be counted`]];
  });

type Limits = { readonly [U in Budget.Unit]?: number | undefined };

/** Contradictions, limits of money without prices, and budgets too small for one problem of an online stage. */
export const check = (
  budget: RunBudget,
  cpuSeconds: number,
  stages: ReadonlyArray<Spender>,
): ReadonlyArray<Wrong> => {
  const { prices: given, ...limits } = budget;
  const prices = given ?? null;
  const wrong: Array<Wrong> = [...countable((unit) => ["budget", unit], limits)];
  if (prices !== null && Object.values(prices).every((price) => price === 0)) {
    wrong.push([["budget", "prices"], "every price is 0: give one above 0, or remove the prices"]);
  }
  const needsPrices = "a limit of money needs to know what things cost: add budget.prices, or remove it";
  if (limits.money !== undefined && prices === null) wrong.push([["budget", "money"], needsPrices]);

  for (const stage of stages) {
    const own: Limits = stageLimits(stage);
    wrong.push(...countable((unit) => pathOf(stage.index, unit), own));
    if (own.money !== undefined && prices === null) {
      wrong.push([pathOf(stage.index, "money"), needsPrices]);
    }
    const program = Costs.programs(stage.samplesPerProblem, stage.maxTokens, prices);
    const verification = Budget.priced(prices, {
      verifications: 1,
      cpuSeconds: Budget.toParts("cpuSeconds", Costs.ATTEMPTS * cpuSeconds),
    });
    const money = (program.money ?? 0) + (verification.money ?? 0);
    const least: Budget.Amounts = { ...program, ...verification, money };
    for (const unit of Budget.units) {
      const ofRun: number | undefined = limits[unit];
      const ofStage = own[unit];
      if (ofStage !== undefined && ofRun !== undefined && ofStage > ofRun) {
        wrong.push([
          pathOf(stage.index, unit),
          `found ${ofStage}, above the limit of the whole run, budget.${unit}, which is ${ofRun}: lower it, or raise that`,
        ]);
        continue;
      }
      const limit = ofStage ?? ofRun;
      const needed = least[unit] ?? 0;
      if (limit === undefined || Budget.toParts(unit, limit) >= needed) continue;
      const path: Path = ofStage === undefined ? ["budget", unit] : pathOf(stage.index, unit);
      if (wrong.some(([at]) => at.join("/") === path.join("/"))) continue;
      wrong.push([
        path,
        `found ${limit}, which is too small: stages[${stage.index}] reserves up to ${Budget.show(unit, needed)} for ${what(unit, stage)}; raise it, or remove the stage`,
      ]);
    }
  }
  return wrong;
};

/** What the least amount of a unit is reserved for. */
const what = (unit: Budget.Unit, { samplesPerProblem }: Spender): string => {
  const programs =
    samplesPerProblem === 1 ? "one program" : `the ${samplesPerProblem} programs of one problem`;
  if (unit === "verifications") return "one program";
  if (unit === "cpuSeconds") return "one verification";
  return unit === "money" ? `${programs} and one verification` : programs;
};
