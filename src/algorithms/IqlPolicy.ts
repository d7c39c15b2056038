/**
 * IQL's policy: advantage-weighted cloning with V as the baseline, anchored.
 *
 *     A_t = min Q^(s_t, a_t) - V(s_t)
 *     L   = - mean_t min(exp(beta A_t), clip) log pi(a_t | s_t) - anchor mean_{passing} log pi(a_t | s_t)
 *
 * Source: IQL (Kostrikov et al., arXiv 2110.06169) equation 7, with its clip of 100; the anchor is ours. It takes
 * whatever critic another training moves: `iql`, or `cql` and `cal-ql`.
 */
import * as Schema from "effect/Schema";
import * as AdvantageWeighted from "./AdvantageWeighted.ts";
import { make } from "./Algorithm.ts";
import * as CriticFit from "./CriticFit.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  /** How sharply the weight follows the advantage, which is in (-1, 1). */
  beta: Settings.or(Settings.Positive, 10),
  ...AdvantageWeighted.fields,
});

export const iqlPolicy = make({
  name: "iql-policy",
  config: Config,
  trains: "policy",
  loss: (g, networks, columns, { beta, ...config }) => {
    const critic = networks.critic();
    const advantage = g.sub(CriticFit.targetOfData(g, critic, columns), g.sigmoid(critic.v()));
    return AdvantageWeighted.loss(g, networks, columns, advantage, { ...config, scale: beta });
  },
  polyak: () => null,
});
