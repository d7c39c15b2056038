/**
 * AWAC's policy: advantage-weighted cloning with the policy's own mean value as the baseline, anchored.
 *
 *     A_t = min Q(s_t, a_t) - E_{v ~ pi(. | s_t), top k} min Q(s_t, v)
 *     L   = - mean_t min(exp(A_t / lambda), clip) log pi(a_t | s_t) - anchor mean_{passing} log pi(a_t | s_t)
 *
 * pi is renormalised over its k most probable tokens. Source: AWAC (Nair et al., arXiv 2006.09359), its policy update;
 * the baseline from the policy's own actions and the clip from CORL (tinkoff-ai/CORL algorithms/finetune/awac.py);
 * the anchor is ours. AWAC's critic is `cql` with alpha 0 and the backup "policy"; any other critic will do too.
 */
import * as Schema from "effect/Schema";
import * as AdvantageWeighted from "./AdvantageWeighted.ts";
import { make } from "./Algorithm.ts";
import { expectation, lastColumn, minimum } from "./Ops.ts";
import * as Settings from "./Settings.ts";

export const Config = Schema.Struct({
  /** The advantage, which is in (-1, 1), at which a weight is e. */
  lambda: Settings.or(Settings.Positive, 0.1),
  /** The policy's most probable tokens that its mean value is taken over. */
  candidates: Settings.or(Settings.Count, 32),
  ...AdvantageWeighted.fields,
});

export const awac = make({
  name: "awac",
  config: Config,
  trains: "policy",
  loss: (g, networks, columns, { lambda, candidates, ...config }) => {
    const rows = columns.action.shape[0];
    const top = networks.top(candidates);
    const width = top.tokens.shape[1];
    const tokens = g.concat([top.tokens, g.reshape(columns.action, [rows, 1])], 1);
    const q = g.sigmoid(minimum(g, networks.critic().q(tokens)));
    const mean = expectation(g, g.exp(top.logProbs), g.slice(q, [0, 0], [rows, width]));
    const advantage = g.sub(lastColumn(g, q), mean);
    return AdvantageWeighted.loss(g, networks, columns, advantage, { ...config, scale: 1 / lambda });
  },
  polyak: () => null,
});
