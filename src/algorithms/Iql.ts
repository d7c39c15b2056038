/**
 * Implicit Q-learning on tokens, the critic: no Q of a token that was not written is ever asked for.
 *
 *     L_v  = mean_t |tau - 1(min Q^(s_t, a_t) < V(s_t))| BCE(v(s_t), min Q^(s_t, a_t))
 *     L_td = sum_i mean_t BCE(q_i(s_t, a_t), V(s_t+1)),   the reward in place of V at the end
 *     L    = L_td + L_v
 *
 * V is the tau-expectile of the Qs of what was written in a state: their mean at 0.5, towards their maximum as
 * tau rises. Source: IQL (Kostrikov et al., arXiv 2110.06169) equations 5 and 6, with cross-entropy of bounded
 * values for the squared errors: the minimiser over V is the same expectile. `iql-policy` is its policy.
 */
import * as Schema from "effect/Schema";
import { make } from "./Algorithm.ts";
import * as CriticFit from "./CriticFit.ts";
import { lastColumn } from "./Ops.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  /** tau. */
  expectile: Settings.or(Settings.Inner, 0.7),
  ...Settings.critic,
});

export const iql = make({
  name: "iql",
  config: Config,
  trains: "critic",
  loss: (g, networks, columns, config) => {
    const critic = networks.critic();
    const written = g.reshape(columns.action, [columns.action.shape[0], 1]);
    const data = critic.q(written).map((logits) => lastColumn(g, logits));
    const settings = { ...config, backup: "expectile" } as const;
    const none = (): never => {
      throw new RangeError("iql: the expectile backup asks for no candidates");
    };
    const { td, vLoss, parts } = CriticFit.fit(g, critic, columns, data, settings, none);
    return { total: g.add(td, vLoss), parts };
  },
  polyak: Settings.polyak,
  bootstraps: () => true,
});
