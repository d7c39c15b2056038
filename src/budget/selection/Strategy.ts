/**
 * What a selection strategy is, and what it sees: how a round's problems and programs are preferred.
 *
 * A strategy is a value with two keys, one for problems (which to write for) and one for programs (which to verify).
 * Keys are compared number by number, higher first; equal ones stand in random order.
 */
import type { Random } from "../../random/Random.ts";
import * as Posterior from "./Posterior.ts";

export interface Problem {
  readonly taskId: string;
  /** Programs written for it in this stage. */
  readonly written: number;
  /** Programs judged for it in this stage. */
  readonly judged: number;
  /** A passing program is known, from before the stage or from it. */
  readonly solved: boolean;
  /** A failing program is known. */
  readonly failed: boolean;
  readonly posterior: Posterior.Beta;
  /** CPU seconds of its verifications over those of all problems; 1 where none is known. */
  readonly cost: number;
}

export interface Program {
  readonly slot: number;
  readonly problem: Problem;
  /** Which of the round's new programs of its problem it is, from 0. */
  readonly turn: number;
  /** Distance to the nearest known program of its problem, in [0, 1]; 1 where none is known. */
  readonly novelty: number;
  /** The policy's log-prob a token; null where it was not asked for. */
  readonly logProb: number | null;
  /** The critic's prediction that it passes, in [0, 1]; null without a critic. */
  readonly predicted: number | null;
  /** Mean over its tokens of the critics' largest difference, in [0, 1]; null without a critic. */
  readonly disagreement: number | null;
}

/** What is the same for all of a round's problems and programs. */
export interface Settings {
  /** Pass rate that a problem teaches most at. */
  readonly target: number;
  /** Problems whose mean pass rate is outside of it rest. */
  readonly band: readonly [number, number];
  /** Weight of verdicts before a problem can rest. */
  readonly evidence: number;
  /** Of the posterior: Beta(prior, prior). */
  readonly prior: number;
  /** Weight of p (1 - p) beside the critics' disagreement. */
  readonly ambiguity: number;
  /** Weight of the expected cost. */
  readonly price: number;
}

export type Key = ReadonlyArray<number>;

export interface Strategy {
  /** Whether programs have to be scored by the policy and the critic. */
  readonly scores: boolean;
  /** Whether it leans on the critic: without one that beats the log-prob it is not followed. */
  readonly critic: boolean;
  readonly problem: (problem: Problem, settings: Settings, random: Random) => Key;
  readonly program: (program: Program, settings: Settings, random: Random) => Key;
}

/** A problem's draw of its pass rate: the same for the problem and for each of its programs within a round. */
const drawn = ({ taskId, posterior }: Problem, random: Random): number =>
  Posterior.sample(posterior, random.split(taskId));

/** Solved, or hopeless, as far as enough verdicts say. */
export const rests = ({ posterior }: Problem, { band, evidence, prior }: Settings): boolean => {
  const rate = Posterior.mean(posterior);
  return Posterior.evidence(posterior, prior) >= evidence && (rate < band[0] || rate > band[1]);
};

const yes = (condition: boolean): number => (condition ? 1 : 0);

const ambiguity = (p: number): number => p * (1 - p);

/** One that is lacking either a pass or a fail: a verdict may complete its group. */
const lacks = ({ solved, failed }: Problem): boolean => !solved || !failed;

/** The prediction for a program: the critic's, else the problem's mean. */
const predictionOf = ({ predicted, problem }: Program): number =>
  predicted ?? Posterior.mean(problem.posterior);

/** Any order. */
const anyOrder: Strategy = { scores: false, critic: false, problem: () => [], program: () => [] };

/** One program for each problem that is not solved yet, least tried first; then retries; solved ones last. */
const breadth: Strategy = {
  scores: false,
  critic: false,
  problem: ({ solved, written }) => [yes(!solved), -written],
  program: ({ problem, turn }) => [yes(!problem.solved), -turn, -problem.judged],
};

/** As breadth, and among the unsolved problems' programs those first that the policy itself is surest of. */
const likelihood: Strategy = {
  scores: true,
  critic: false,
  problem: breadth.problem,
  program: ({ problem, logProb }) => [yes(!problem.solved), logProb ?? 0],
};

/** As breadth, and among the unsolved problems' programs those first that the policy is least sure of: a pass teaches it most. */
const surprise: Strategy = {
  ...likelihood,
  program: ({ problem, logProb }) => [yes(!problem.solved), -(logProb ?? 0)],
};

/** Every problem in turn, solved or not. */
const roundRobin: Strategy = {
  scores: false,
  critic: false,
  problem: ({ written }) => [-written],
  program: ({ problem, turn }) => [-(problem.judged + turn)],
};

/** Thompson sampling of pass rates: problems whose draw is nearest the target (MoPPS); solved and hopeless ones rest. */
const posterior: Strategy = {
  scores: false,
  critic: false,
  problem: (problem, settings, random) => [
    yes(!rests(problem, settings)),
    -Math.abs(drawn(problem, random) - settings.target),
  ],
  program: ({ problem, turn }, settings, random) => [
    yes(!rests(problem, settings)),
    -Math.abs(drawn(problem, random) - settings.target),
    -turn,
  ],
};

/** Where the critics disagree, and where they predict neither a pass nor a fail. Problems: the widest posterior. */
const uncertainty: Strategy = {
  scores: true,
  critic: true,
  problem: (problem) => [Posterior.variance(problem.posterior)],
  program: (program, settings) => [
    (program.disagreement ?? 0) + settings.ambiguity * ambiguity(predictionOf(program)),
  ],
};

/**
 * Value of information: Var[p] + ambiguity p (1 - p) [the problem lacks a pass or a fail] - price * cost, with the
 * critics' squared disagreement as the variance of a program's p and the posterior's as that of a problem's.
 */
const valueOfInformation: Strategy = {
  scores: true,
  critic: true,
  problem: (problem, settings) => {
    const p = Posterior.mean(problem.posterior);
    const gain = settings.ambiguity * ambiguity(p) * yes(lacks(problem));
    return [Posterior.variance(problem.posterior) + gain - settings.price * problem.cost];
  },
  program: (program, settings) => {
    const { problem, disagreement } = program;
    const gain = settings.ambiguity * ambiguity(predictionOf(program)) * yes(lacks(problem));
    return [(disagreement ?? 0) ** 2 + gain - settings.price * problem.cost];
  },
};

/** Of each problem's programs those furthest from what is known of it first. */
const diversity: Strategy = {
  scores: false,
  critic: false,
  problem: breadth.problem,
  program: ({ novelty }) => [novelty],
};

/** Programs whose prediction is furthest from the problem's mean: a group of them has the most variance (PODS, arXiv 2504.13818). */
const maxVariance: Strategy = {
  scores: true,
  critic: true,
  problem: (problem) => [ambiguity(Posterior.mean(problem.posterior))],
  program: (program) => [Math.abs(predictionOf(program) - Posterior.mean(program.problem.posterior))],
};

export const strategies = {
  random: anyOrder,
  breadth,
  likelihood,
  surprise,
  "round-robin": roundRobin,
  posterior,
  uncertainty,
  "value-of-information": valueOfInformation,
  "max-variance": maxVariance,
  diversity,
} satisfies Readonly<Record<string, Strategy>>;

export type Name = keyof typeof strategies;
