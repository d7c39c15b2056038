/**
 * Conservative Q-learning on tokens, with bounded twin Q over candidate tokens.
 *
 *     Q_i(s, v) = sigmoid(q_i(s, v)),   v in C(s) = top k of the frozen policy and the data token, n = |C(s)|
 *     L_td  = sum_i mean_t BCE(q_i(s_t, a_t), y_t)
 *     L_cql = sum_i mean_t [ T logsumexp_{v in C} (Q_i(s_t, v) / T) - T log n - Q_i(s_t, a_t) ]
 *     L_v   = mean_t of the fit of V (below)
 *     L     = L_td + alpha L_cql + L_v
 *
 * gamma is 1 and the one reward R in [0, 1] is terminal. Backups, y_t:
 *     monte-carlo     R                                         V fits R by BCE
 *     sarsa           min Q^(s_t+1, a_t+1), R at the end         V fits min Q^(s_t, a_t) by BCE
 *     expectile       V(s_t+1), R at the end                     V fits min Q^(s_t, a_t) by BCE weighted
 *                                                                |tau - 1(min Q^ < V)|  (IQL, arXiv 2110.06169)
 *     restricted-max  max_{v in top k} min Q^(s_t+1, v), R at the end   V as for sarsa
 *
 * Sources: CQL (arXiv 2006.04779) equation 4 in its logsumexp form; the log n correction, by which equal Qs give
 * 0, from WSRL (zhouzypaul/wsrl wsrl/agents/cql.py); the token form from ILQL (arXiv 2206.11871). The term runs
 * over passing programs' tokens by default, which made a better judge of programs than running it over all.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import { type Columns, type Critic, type Loss, make, type Networks } from "./Algorithm.ts";
import { binaryCrossEntropy, entropy, lastColumn, logSumExp, weighted } from "./Ops.ts";

const Positive = Schema.Finite.check(Schema.isGreaterThan(0));
const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }));
const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)));

export const Config = Schema.Struct({
  /** Weight of the conservative term: about 1 over passing programs' tokens, 1e-3 to 0.1 over all. */
  alpha: or(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)), 1),
  /** T of the logsumexp, in units of Q. */
  temperature: or(Positive, 1),
  /** Top tokens of the policy that are candidates beside the data token. */
  candidates: or(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)), 32),
  conservativeOn: or(Schema.Literals(["passing", "all"]), "passing"),
  backup: or(Schema.Literals(["monte-carlo", "sarsa", "expectile", "restricted-max"]), "monte-carlo"),
  /** tau of the expectile backup. */
  expectile: or(Share, 0.7),
  /** Steps of the run that the target heads' rate is scaled to. */
  steps: or(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)), 200),
  /** Share of the initial target that is left after `steps` steps: rate = 1 - residual^(1 / steps). */
  residual: or(Positive.check(Schema.isLessThan(1)), 0.01),
});
export type Config = typeof Config.Type;

/** Larger than any Q / T, and exp(-it) is 0 in float32. */
const MASKED = -1e9;

/**
 * The candidates of N states: the policy's `top` tokens [N, k] and, last, the data token.
 *
 * `mask` [N, k + 1] is very negative where a top token is the data token, so that it counts once, else 0.
 * `count` [N] is the number of distinct candidates.
 */
const candidatesOf = (g: Graph, top: Value, action: Value) => {
  const [rows, width] = top.shape as [number, number];
  const data = g.reshape(action, [rows, 1]);
  const twice = g.cast(g.equal(top, data), "float32");
  return {
    tokens: g.concat([top, data], 1),
    mask: g.concat([g.mul(twice, MASKED), g.zeros([rows, 1])], 1),
    count: g.sub(width + 1, g.sum(twice, 1)),
  };
};

/** Values of the N rows in the state after each action. */
const shift = (g: Graph, columns: Columns, x: Value): Value => g.gather(x, columns.next, 0);

/** y_t, in [0, 1], without gradient. */
const backup = (
  g: Graph,
  columns: Columns,
  config: Config,
  inputs: { readonly critic: Critic; readonly top: Value; readonly dataQ: Value; readonly v: Value },
): Value => {
  const after = ((): Value | null => {
    switch (config.backup) {
      case "monte-carlo":
        return null;
      case "sarsa":
        return inputs.dataQ;
      case "expectile":
        return g.sigmoid(inputs.v);
      case "restricted-max": {
        const [q1, q2] = inputs.critic.targetQ(inputs.top);
        return g.max(g.sigmoid(g.minimum(q1, q2)), 1);
      }
    }
  })();
  if (after === null) return columns.return;
  const terminal = g.sub(1, columns.nonTerminal);
  const next = shift(g, columns, after);
  return g.stopGradient(g.add(g.mul(columns.nonTerminal, next), g.mul(terminal, columns.return)));
};

/** Row-wise fit of V's logit [N]. */
const valueLoss = (g: Graph, columns: Columns, config: Config, v: Value, dataQ: Value): Value => {
  if (config.backup === "monte-carlo") return binaryCrossEntropy(g, v, columns.return);
  const fit = binaryCrossEntropy(g, v, dataQ);
  if (config.backup !== "expectile") return fit;
  const below = g.cast(g.less(dataQ, g.stopGradient(g.sigmoid(v))), "float32");
  return g.mul(g.abs(g.sub(config.expectile, below)), fit);
};

const loss = (g: Graph, networks: Networks, columns: Columns, config: Config): Loss => {
  const critic = networks.critic();
  const top = networks.top(config.candidates);
  const { tokens, mask, count } = candidatesOf(g, top.tokens, columns.action);
  const twins = critic.q(tokens);
  const v = critic.v();
  const rows = columns.action.shape[0];
  // min Q^ of the data token: only what bootstraps pays for it.
  const dataQ = (): Value => {
    const [t1, t2] = critic.targetQ(g.reshape(columns.action, [rows, 1]));
    return g.stopGradient(g.reshape(g.sigmoid(g.minimum(t1, t2)), [rows]));
  };
  const bootstrap = config.backup === "monte-carlo" ? columns.return : dataQ();
  const target = backup(g, columns, config, { critic, top: top.tokens, dataQ: bootstrap, v });

  const conservativeWeight = config.conservativeOn === "passing" ? columns.passingWeight : columns.weight;
  const floor = g.mul(g.log(count), config.temperature);
  const terms = twins.map((logit) => {
    const q = g.sigmoid(logit);
    const data = lastColumn(g, logit);
    const diff = g.sub(g.sub(logSumExp(g, q, mask, config.temperature), floor), lastColumn(g, q));
    return {
      td: weighted(g, columns.weight, binaryCrossEntropy(g, data, target)),
      cql: weighted(g, conservativeWeight, diff),
    };
  }) as [{ td: Value; cql: Value }, { td: Value; cql: Value }];
  const td = g.add(terms[0].td, terms[1].td);
  const cql = g.add(terms[0].cql, terms[1].cql);
  const vLoss = weighted(g, columns.weight, valueLoss(g, columns, config, v, bootstrap));
  const total = g.add(g.add(td, g.mul(cql, config.alpha)), vLoss);

  const data = g.sigmoid(g.minimum(lastColumn(g, twins[0]), lastColumn(g, twins[1])));
  const twinGap = g.abs(g.sub(g.sigmoid(lastColumn(g, twins[0])), g.sigmoid(lastColumn(g, twins[1]))));
  return {
    total,
    parts: {
      td,
      cql_diff: cql,
      v_loss: vLoss,
      q_data: weighted(g, columns.weight, data),
      q_data_passing: weighted(g, columns.passingWeight, data),
      q_minus_return: weighted(g, columns.weight, g.sub(data, columns.return)),
      q_twin_gap: weighted(g, columns.weight, twinGap),
      v: weighted(g, columns.weight, g.sigmoid(v)),
      entropy: weighted(g, columns.weight, entropy(g, top.logProbs)),
    },
  };
};

export const cql = make({
  name: "cql",
  config: Config,
  trains: "critic",
  loss,
  polyak: (config) => 1 - config.residual ** (1 / config.steps),
});
