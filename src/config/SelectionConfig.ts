/** What an online stage's verifications are spent on, and when: schemas. Meanings: docs/verification.md. */
import * as Schema from "effect/Schema";
import { Count, describe, Fraction, or, Positive, PositiveNumber, Rate } from "./Fields.ts";

export const StrategyName = Schema.Literals([
  "breadth",
  "likelihood",
  "surprise",
  "random",
  "round-robin",
  "posterior",
  "uncertainty",
  "value-of-information",
  "max-variance",
  "diversity",
]);

export const Selector = Schema.Union([
  StrategyName,
  Schema.Array(
    Schema.Struct({
      strategy: describe(StrategyName, "One of the strategies."),
      weight: or(PositiveNumber, 1, "Weight of its order among those of the others."),
    }),
  ).check(Schema.isMinLength(1)),
]);

export const Selection = Schema.Struct({
  random: or(
    Fraction,
    0.1,
    "Share of a round's verifications that goes to programs drawn from all of them, on whose verdicts judges are measured without the choice's bias.",
  ),
  fallback: or(
    Schema.Literals(["breadth", "random", "round-robin", "posterior", "diversity"]),
    "breadth",
    "What is followed in place of strategies that lean on the critic until its AUROC on the random share beats the log-prob's.",
  ),
  trust: or(
    Schema.Literals(["earned", "always"]),
    "earned",
    "Whether strategies that lean on the critic wait until it is found to be worth it, or are followed from the start.",
  ),
  minPairs: or(
    Count,
    50,
    "Pairs of a pass and a failure in the random share that the critic must be measured on before it may choose.",
  ),
  target: or(Fraction, 0.5, "posterior: the pass rate that a problem teaches most at."),
  restBelow: or(Fraction, 0.05, "posterior: problems whose mean pass rate is below it rest."),
  restAbove: or(Fraction, 0.95, "posterior: problems whose mean pass rate is above it rest."),
  restAfter: or(Rate, 4, "posterior: weight of verdicts before a problem may rest."),
  prior: or(PositiveNumber, 1, "The pass rate's distribution before any verdict is Beta(prior, prior)."),
  decay: or(Fraction, 0.8, "Weight of a verdict for each policy version that was published since."),
  offlineWeight: or(Rate, 0.5, "Weight of a verdict that the policy did not write the program of."),
  ambiguity: or(
    Rate,
    0.25,
    "uncertainty, value-of-information: weight of p (1 - p) beside the critics' disagreement.",
  ),
  price: or(
    Rate,
    0,
    "value-of-information: weight of the expected CPU time, in units of the mean one; with one, what is chosen depends on measured times.",
  ),
});

export const Pacing = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("all") }),
  Schema.Struct({
    kind: Schema.Literal("even"),
    rounds: describe(Positive, "Rounds that the stage's verifications are spread over evenly."),
  }),
  Schema.Struct({
    kind: Schema.Literal("adaptive"),
    verifications: describe(Positive, "Verifications of the first round."),
    growth: or(
      Schema.Finite.check(Schema.isGreaterThan(1)),
      2,
      "Factor of the next round's verifications where the held-out curve or the critic's error moved; the inverse where neither did.",
    ),
    minGain: or(Fraction, 0.01, "How far either must improve on its best so far to count as moved."),
    patience: or(
      Positive,
      2,
      "Rounds in a row without a move after which the stage ends; what is left of the budget stays.",
    ),
  }),
]);

export type Selector = typeof Selector.Type;
export type Selection = typeof Selection.Type;
export type Pacing = typeof Pacing.Type;
