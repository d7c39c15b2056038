/** What the policy-gradient losses over groups share: a program's advantage within its group, and the KL. */
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import type { Columns, Groups } from "./Algorithm.ts";
import { weighted } from "./Ops.ts";
import * as Settings from "./Settings.ts";

/** Log-ratios are cut off here before they are exponentiated; past it there is no gradient. */
const LARGEST_LOG_RATIO = 10;

/** Where a group's rewards are all but equal its advantages are all but 0, and not a quotient of two roundings. */
const SMALLEST_STD = 1e-6;

/** Episodes of a group. One has nothing to be compared with; see `refuse`. */
export const groupSize = Settings.or(Settings.Count, 4);

export const groups = (config: { readonly groupSize: number }): Groups => ({
  size: config.groupSize,
  together: false,
});

export const refuse = ({ groupSize: size }: { readonly groupSize: number }) =>
  size === 1
    ? {
        reason: "groupSize is 1, and a program alone has no other to be compared with.",
        remedy: "Give groupSize 2 or more.",
      }
    : null;

/** R_i - mean_{j != i} R_j = n / (n - 1) (R_i - mean R) [N]. */
export const leaveOneOut = (g: Graph, { return: reward, groupMean, groupSize: size }: Columns): Value =>
  g.mul(g.div(size, g.maximum(g.sub(size, 1), 1)), g.sub(reward, groupMean));

/** (R_i - mean R) / std R [N], of the population. */
export const normalised = (g: Graph, { return: reward, groupMean, groupStd }: Columns): Value =>
  g.div(g.sub(reward, groupMean), g.maximum(groupStd, SMALLEST_STD));

/** Row weights [N] with which a sum of token terms is the mean over programs of their mean over tokens. */
export const ofEachProgram = (g: Graph, { sequenceWeight, length }: Columns): Value =>
  g.div(sequenceWeight, g.maximum(length, 1));

/** p / q of log p and log q, cut off where it would overflow. */
export const ratio = (g: Graph, logP: Value, logQ: Value): Value =>
  g.exp(g.minimum(g.sub(logP, logQ), LARGEST_LOG_RATIO));

/** Mean over tokens, by `weight`, of x - log x - 1 with x = pi_ref / pi: Schulman's k3 estimate of KL(pi, pi_ref). */
export const kl = (g: Graph, weight: Value, logProb: Value, reference: Value): Value => {
  const log = g.minimum(g.sub(reference, logProb), LARGEST_LOG_RATIO);
  return weighted(g, weight, g.sub(g.sub(g.exp(log), log), 1));
};
