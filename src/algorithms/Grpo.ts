/**
 * GRPO: the clipped policy gradient of programs compared within their group; with leave-one-out advantages, RLOO with
 * PPO's clip. The online-only baselines.
 *
 *     r_t = pi(a_t | s_t) / pi_old(a_t | s_t)
 *     L   = - mean_i 1/|y_i| sum_t [ min(r_t A_i, clip(r_t, 1 - clipLow, 1 + clipHigh) A_i) - kl k3_t ]
 *           - anchor mean_{t of passing programs} log pi(a_t | s_t)
 *     k3_t = pi_ref / pi - log(pi_ref / pi) - 1
 *
 * A_i is (R_i - mean R) / std R or R_i - mean_{j != i} R_j. pi_old is the policy that wrote the program, by the log-probs
 * stored with it; where they are unknown, the reference. Source: DeepSeekMath (arXiv 2402.03300), equations 3 and 4;
 * the mean over all tokens of a batch and a clipHigh of its own are DAPO's (arXiv 2503.14476). The anchor is ours.
 */
import * as Schema from "effect/Schema";
import { make } from "./Algorithm.ts";
import { weighted } from "./Ops.ts";
import * as PolicyGradient from "./PolicyGradient.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  groupSize: PolicyGradient.groupSize,
  advantage: Settings.or(Schema.Literals(["normalised", "leave-one-out"]), "normalised"),
  /** A ratio below 1 - clipLow has no gradient that lowers it further. */
  clipLow: Settings.or(Settings.Inner, 0.2),
  /** A ratio above 1 + clipHigh has no gradient that raises it further. */
  clipHigh: Settings.or(Settings.Positive, 0.2),
  /** Weight of the KL to the reference; 0: none. */
  kl: Settings.or(Settings.Rate, 0.04),
  /** A mean over each program's tokens, then over programs; or over all tokens of the batch. */
  normalise: Settings.or(Schema.Literals(["sequence-mean", "token"]), "sequence-mean"),
  /** Weight of the cross-entropy on passing programs; 0: none. */
  anchor: Settings.or(Settings.Rate, 0),
});

export const grpo = make({
  name: "grpo",
  config: Config,
  trains: "policy",
  loss: (g, networks, columns, { advantage: form, clipLow, clipHigh, normalise, ...config }) => {
    const logProb = networks.logProb();
    const reference = networks.reference();
    const nll = g.neg(logProb);
    const old = g.select(g.greater(columns.behaviourKnown, 0.5), columns.behaviourLogProb, reference);
    const ratio = PolicyGradient.ratio(g, logProb, old);
    const clipped = g.minimum(g.maximum(ratio, 1 - clipLow), 1 + clipHigh);
    const advantage =
      form === "normalised" ? PolicyGradient.normalised(g, columns) : PolicyGradient.leaveOneOut(g, columns);
    const [free, bound] = [g.mul(ratio, advantage), g.mul(clipped, advantage)];

    const each = PolicyGradient.ofEachProgram(g, columns);
    const weight = normalise === "token" ? columns.weight : each;
    const policy = g.neg(weighted(g, weight, g.minimum(free, bound)));
    const kl = PolicyGradient.kl(g, weight, logProb, reference);
    const anchor = weighted(g, columns.passingWeight, nll);
    return {
      total: g.add(g.add(policy, g.mul(kl, config.kl)), g.mul(anchor, config.anchor)),
      parts: {
        policy,
        kl,
        ratio: weighted(g, columns.weight, ratio),
        clip_fraction: weighted(g, columns.weight, g.cast(g.less(bound, free), "float32")),
        entropy: weighted(g, columns.weight, nll),
        ce_passing: anchor,
        advantage_abs: weighted(g, each, g.abs(advantage)),
        behaviour_known: weighted(g, columns.weight, columns.behaviourKnown),
      },
    };
  },
  polyak: () => null,
  groups: PolicyGradient.groups,
  reference: () => true,
  refuse: PolicyGradient.refuse,
});
