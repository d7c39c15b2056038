/**
 * Calibrated Q-learning on tokens: CQL whose candidates are never pushed below a reference value.
 *
 *     L_cal = sum_i mean_t [ T logsumexp_{v in C} (B_i(s_t, v) / T) - T log n - Q_i(s_t, a_t) ]
 *     B_i(s, v) = max(Q_i(s, v), V_ref(s)) of a top token that was not written, Q_i(s, a_t) of the written one
 *     L         = L_td + alpha L_cal + L_v
 *
 * V_ref is the problem's empirical pass rate in the replay memory (with gamma 1 the Monte-Carlo value of its
 * prompt, of lower variance than one program's), or the program's own return, as in the paper.
 *
 * Source: Cal-QL (Nakamoto et al., arXiv 2303.05479) equation 5.1; which Qs are bounded, and the log n
 * correction, from WSRL (zhouzypaul/wsrl wsrl/agents/cql.py). All else is CQL's.
 */
import * as Schema from "effect/Schema";
import { make } from "./Algorithm.ts";
import * as Cql from "./Cql.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  ...Cql.fields,
  reference: Settings.or(Schema.Literals(["pass-rate", "return"]), "pass-rate"),
});
export type Config = typeof Config.Type;

export const calQl = make({
  name: "cal-ql",
  config: Config,
  trains: "critic",
  loss: (g, networks, columns, config) => {
    const reference = config.reference === "return" ? columns.return : columns.passRate;
    return Cql.conservativeLoss(g, networks, columns, config, reference);
  },
  polyak: Settings.polyak,
  parameters: Cql.parameters,
  bootstraps: Cql.bootstraps,
  refuse: (config) =>
    config.reference === "return" && config.conservativeOn === "passing"
      ? {
          reason:
            "a passing program's return is 1, so that every Q is bounded by it and none is pushed down.",
          remedy: 'Use "conservativeOn": "all", or "reference": "pass-rate".',
        }
      : Cql.refuse(config),
});
