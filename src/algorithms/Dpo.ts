/**
 * Direct preference optimisation on a passing and a failing program of one problem, with cross-entropy on the passing one.
 *
 *     m = beta ([log pi(y_w) - log pi_ref(y_w)] - [log pi(y_l) - log pi_ref(y_l)])
 *     L = - mean over pairs [ (1 - eps) log sigmoid(m) + eps log sigmoid(-m) ] - sft mean_{t of y_w} log pi(a_t | s_t)
 *
 * Source: Rafailov et al., arXiv 2305.18290, equation 7; label smoothing eps: Mitchell's conservative DPO. Without the last
 * term the passing program's log-prob falls together with the failing one's, only slower; the term is RPO's (Pang et al.,
 * arXiv 2404.19733). Length-normalised log-ratios are each divided by the program's number of tokens.
 */
import * as Schema from "effect/Schema";
import { make } from "./Algorithm.ts";
import { sequenceSum, weighted } from "./Ops.ts";
import * as PolicyGradient from "./PolicyGradient.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  beta: Settings.or(Settings.Positive, 0.1),
  /** Weight of the cross-entropy on the passing program; 0: none. */
  sft: Settings.or(Settings.Rate, 1),
  /** Chance that a label is wrong. */
  labelSmoothing: Settings.or(Settings.Rate.check(Schema.isLessThan(0.5)), 0),
  /** Log-ratios a token in place of log-ratios a program. */
  lengthNormalised: Settings.or(Schema.Boolean, false),
});

export const dpo = make({
  name: "dpo",
  config: Config,
  trains: "policy",
  loss: (g, networks, columns, { beta, sft, labelSmoothing, lengthNormalised }) => {
    const logProb = networks.logProb();
    const pairs = columns.sequences / 2;
    const logRatio = g.sub(logProb, networks.reference());
    const counted = lengthNormalised ? g.div(logRatio, g.maximum(columns.length, 1)) : logRatio;
    // [pairs, 2]: of each pair the passing program comes first.
    const ofPairs = g.reshape(sequenceSum(g, columns, counted), [pairs, 2]);
    const [chosen, rejected] = g.split(ofPairs, [1, 1], 1).map((x) => g.reshape(x, [pairs]));
    const margin = g.mul(g.sub(chosen, rejected), beta);
    const each = sequenceSum(g, columns, PolicyGradient.ofEachProgram(g, columns));
    const weight = g.sum(g.reshape(each, [pairs, 2]), 1);

    const wrong = g.mul(g.softplus(margin), labelSmoothing);
    const preference = weighted(
      g,
      weight,
      g.add(g.mul(g.softplus(g.neg(margin)), 1 - labelSmoothing), wrong),
    );
    const cloning = g.neg(weighted(g, columns.passingWeight, logProb));
    return {
      total: g.add(preference, g.mul(cloning, sft)),
      parts: {
        dpo: preference,
        ce_passing: cloning,
        margin: weighted(g, weight, margin),
        accuracy: weighted(g, weight, g.cast(g.greater(margin, 0), "float32")),
        chosen: weighted(g, weight, chosen),
        rejected: weighted(g, weight, rejected),
      },
    };
  },
  polyak: () => null,
  groups: () => ({ size: 2, together: true }),
  reference: () => true,
});
