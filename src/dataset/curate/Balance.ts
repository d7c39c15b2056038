/**
 * Chooses attempts so that problems teach: of each problem at most a number, among them a pass and a failure where it
 * has both, the rest drawn by weights of the problem's difficulty (its pass rate) and of the outcome.
 */
import type { Outcome } from "../../domain/Verdict.ts";
import * as Random from "../../random/Random.ts";

export interface Labelled {
  readonly number: number;
  readonly outcome: Outcome | undefined;
}

export interface Options {
  readonly seed: number;
  /** Attempts at a problem at most. */
  readonly cap: number;
  /**
   * How much the share of a problem's attempts that stay depends on its pass rate p: `none`, or `medium`, where the cap
   * shrinks with the distance of p from a half (4 p (1 - p)), but never below 2.
   */
  readonly difficulty: "none" | "medium";
  /** Weight of an outcome where the cap leaves some out; 1 where not named. "pass" and "fail" name several. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Whether problems that only pass or only fail stay. */
  readonly oneSided: boolean;
}

const weightOf = ({ outcome }: Labelled, { outcomes }: Options): number => {
  if (outcome === undefined) return outcomes["unlabelled"] ?? 1;
  return outcomes[outcome] ?? outcomes[outcome === "Passed" ? "pass" : "fail"] ?? 1;
};

/** The pass rate of a problem's labelled attempts, null where it has none. */
export const passRate = (attempts: ReadonlyArray<Labelled>): number | null => {
  const labelled = attempts.filter(({ outcome }) => outcome !== undefined);
  if (labelled.length === 0) return null;
  return labelled.filter(({ outcome }) => outcome === "Passed").length / labelled.length;
};

export const capOf = (rate: number | null, { cap, difficulty }: Options): number =>
  difficulty === "none" || rate === null
    ? cap
    : Math.min(cap, Math.max(2, Math.round(cap * 4 * rate * (1 - rate))));

/** The numbers of the attempts at one problem that stay, ascending. */
export const choose = (
  taskId: string,
  attempts: ReadonlyArray<Labelled>,
  options: Options,
): ReadonlyArray<number> => {
  const rate = passRate(attempts);
  const mixed = rate !== null && rate > 0 && rate < 1;
  if (!mixed && !options.oneSided) return [];
  const cap = capOf(rate, options);
  // A draw of its own for each problem: what is chosen of one does not depend on the others.
  const random = Random.make(options.seed).split("dataset-balance").split(taskId);
  const left = [...attempts];
  const chosen: Array<number> = [];
  const draw = (from: ReadonlyArray<Labelled>): void => {
    const weights = from.map((one) => weightOf(one, options));
    if (!weights.some((weight) => weight > 0)) return;
    const one = from[random.weighted(weights)];
    chosen.push(one.number);
    left.splice(left.indexOf(one), 1);
  };
  if (mixed && cap >= 2) {
    draw(left.filter(({ outcome }) => outcome === "Passed"));
    draw(left.filter(({ outcome }) => outcome !== undefined && outcome !== "Passed"));
  }
  while (chosen.length < cap && left.some((one) => weightOf(one, options) > 0)) draw(left);
  return chosen.sort((a, b) => a - b);
};
