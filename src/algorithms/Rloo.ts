/**
 * Offline RLOO: a policy gradient over logged programs, each beside others of its problem, anchored.
 *
 *     L = - mean_i w_i A_i sum_t log pi(y_it) - anchor mean_{t of passing programs} log pi(a_t | s_t) + kl KL(pi, pi_ref)
 *
 *     A_i = R_i - mean_{j != i} R_j                     "leave-one-out"
 *         | (R_i - mean R) / std R                      "normalised"
 *         | min(exp(beta (R_i - mean R) / std R), clip) "exponential"
 *     w_i = min(1, pi(y_i) / mu(y_i)) where A_i < 0, else 1, without a gradient ("topr"), or 1 ("none")
 *
 * Source: arXiv 2605.28409 (the offline form, its three advantages, groups with a pass and a fail); RLOO from Ahmadian
 * et al., arXiv 2402.14740; the tapered ratio is TOPR's (arXiv 2503.14286): a program that the policy no longer
 * writes is no longer pushed down, so that the loss is bounded below. mu is the policy that wrote the program where
 * the log-probs of all its tokens are known, else the reference. The anchor is ours; with anchor 0, taper "none" and
 * normalise "sequence" it is the paper's loss.
 */
import * as Schema from "effect/Schema";
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import { type Columns, make } from "./Algorithm.ts";
import { ofSequence, sequenceSum, weighted } from "./Ops.ts";
import * as PolicyGradient from "./PolicyGradient.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  groupSize: PolicyGradient.groupSize,
  advantage: Settings.or(Schema.Literals(["leave-one-out", "normalised", "exponential"]), "leave-one-out"),
  /** Of the exponential advantage. */
  beta: Settings.or(Settings.Positive, 1),
  /** Largest exponential advantage. */
  clip: Settings.or(Settings.Positive, 20),
  /** What the sum over a batch's tokens is divided by: its programs, as in the paper, or its tokens. */
  normalise: Settings.or(Schema.Literals(["sequence", "token"]), "token"),
  /** How programs worse than their group count less as the policy leaves them. */
  taper: Settings.or(Schema.Literals(["none", "topr"]), "topr"),
  /** Weight of the cross-entropy on passing programs; 0: none. */
  anchor: Settings.or(Settings.Rate, 1),
  /** Weight of the KL to the reference; 0: none. */
  kl: Settings.or(Settings.Rate, 0),
});
type Config = typeof Config.Type;

/** Exponential advantages are positive: there is nothing to taper. */
const tapers = ({ advantage, taper }: Config): boolean => taper === "topr" && advantage !== "exponential";

const reference = (config: Config): boolean => config.kl > 0 || tapers(config);

const advantageOf = (g: Graph, columns: Columns, { advantage, beta, clip }: Config): Value => {
  if (advantage === "leave-one-out") return PolicyGradient.leaveOneOut(g, columns);
  const normalised = PolicyGradient.normalised(g, columns);
  // min(exp(x), clip) as exp(min(x, log clip)), which does not overflow.
  return advantage === "normalised" ? normalised : g.exp(g.minimum(g.mul(normalised, beta), Math.log(clip)));
};

/** min(1, pi(y) / mu(y)) of each row's program, [N]. */
const tapered = (g: Graph, columns: Columns, logProb: Value, ofReference: Value): Value => {
  const unknown = ofSequence(g, columns, sequenceSum(g, columns, g.sub(1, columns.behaviourKnown)));
  const mu = g.select(g.greater(unknown, 0.5), ofReference, columns.behaviourLogProb);
  const log = sequenceSum(g, columns, g.sub(g.stopGradient(logProb), mu));
  return ofSequence(g, columns, g.exp(g.minimum(log, 0)));
};

export const rloo = make({
  name: "rloo",
  config: Config,
  trains: "policy",
  loss: (g, networks, columns, config) => {
    const logProb = networks.logProb();
    const nll = g.neg(logProb);
    const advantage = advantageOf(g, columns, config);
    const taper = tapers(config)
      ? g.select(g.less(advantage, 0), tapered(g, columns, logProb, networks.reference()), 1)
      : null;
    const weight = config.normalise === "token" ? columns.weight : columns.sequenceWeight;
    const counted = taper === null ? advantage : g.mul(advantage, taper);
    const policy = weighted(g, weight, g.mul(counted, nll));
    const anchor = weighted(g, columns.passingWeight, nll);
    const kl = reference(config) ? PolicyGradient.kl(g, columns.weight, logProb, networks.reference()) : null;
    const anchored = g.add(policy, g.mul(anchor, config.anchor));
    const each = PolicyGradient.ofEachProgram(g, columns);
    return {
      total: kl === null || config.kl === 0 ? anchored : g.add(anchored, g.mul(kl, config.kl)),
      parts: {
        policy,
        ce: weighted(g, columns.weight, nll),
        ce_passing: anchor,
        advantage_abs: weighted(g, each, g.abs(advantage)),
        ...(taper === null ? {} : { taper: weighted(g, each, taper) }),
        ...(kl === null ? {} : { kl }),
      },
    };
  },
  polyak: () => null,
  groups: PolicyGradient.groups,
  reference,
  refuse: PolicyGradient.refuse,
});
