/**
 * The simulated student: writes attempts at a problem with systematic mistakes.
 *
 * A step goes wrong at its tier's rate (of the wording, where that has its own), shifted by the student's
 * ability on the log-odds scale, so that right steps come together. Beside that there are mistakes of
 * composition: the order of "… but first …", a cut taken before the filter in front of it, a step forgotten
 * in a long list.
 */
import type * as Random from "../../random/Random.ts";
import type { Tier } from "./Operation.ts";
import * as Problems from "./Problems.ts";

export interface StudentOptions {
  /** How often a step of a tier is right, for a student of middling ability. */
  readonly rates: Record<Tier, number>;
  /** Standard deviation of ability on the log-odds scale. */
  readonly ability: number;
  /** How often "… but first …" is carried out in the order in which it is told. */
  readonly misorder: number;
  /** How often a cut right after a filter is taken before it. */
  readonly cutEarly: number;
  /** How often one step of five or six is forgotten. */
  readonly forget: number;
}

const logit = (p: number): number => Math.log(p / (1 - p));
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** One attempt, as a plan. */
export const attempt = (
  random: Random.Random,
  problem: Problems.Problem,
  options: StudentOptions,
): Problems.Plan => {
  const ability = random.normal() * options.ability;
  const plan = problem.steps.map(({ operation, k, phrase }) => {
    const tier = operation.phrases[phrase]?.tier ?? operation.tier;
    if (operation.mistakes.length === 0 || random.chance(logistic(logit(options.rates[tier]) + ability))) {
      return { operation, way: operation.right, k };
    }
    const index = random.weighted(operation.mistakes.map((_, i) => 3 ** -i));
    return { operation, way: operation.mistakes[index] ?? operation.right, k };
  });
  if (problem.telling === "butFirst" && random.chance(options.misorder)) {
    const last = plan.pop();
    if (last !== undefined) plan.unshift(last);
  }
  for (let i = 0; i + 1 < plan.length; i++) {
    const a = plan[i];
    const b = plan[i + 1];
    if (a === undefined || b === undefined) continue;
    if (
      a.operation.role === "filter" &&
      b.operation.role === "cut" &&
      Problems.canSwap(a.operation, b.operation) &&
      random.chance(options.cutEarly)
    ) {
      plan[i] = b;
      plan[i + 1] = a;
      i++;
    }
  }
  if (plan.length >= 5 && random.chance(options.forget)) {
    const optional = plan.flatMap(({ operation }, i) => (operation.from === operation.to ? [i] : []));
    if (optional.length > 0) plan.splice(random.pick(optional), 1);
  }
  return plan.map(({ way, k }) => ({ way, k }));
};
