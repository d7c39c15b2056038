/**
 * Pieces of critics: twin Q of the written tokens fitted to y_t, and V.
 *
 *     L_td = sum_i mean_t BCE(q_i(s_t, a_t), y_t)        L_v = mean_t of the fit of V
 *
 * gamma is 1 and the one reward R in [0, 1] is terminal. Backups, y_t (the reward R at the end):
 *     monte-carlo     R                                         V fits R by BCE
 *     sarsa           min Q^(s_t+1, a_t+1)                      V fits min Q^(s_t, a_t) by BCE
 *     expectile       V(s_t+1)                                  V fits min Q^(s_t, a_t) by BCE weighted
 *                                                               |tau - 1(min Q^ < V)|  (IQL, arXiv 2110.06169)
 *     policy          E_{v ~ pi, top k} min Q^(s_t+1, v)        V fits that expectation in s_t by BCE
 *     restricted-max  max_{v in top k} min Q^(s_t+1, v)         V as for sarsa
 */
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import type { Columns, Critic, Networks } from "./Algorithm.ts";
import { binaryCrossEntropy, expectation, weighted } from "./Ops.ts";

export const backups = ["monte-carlo", "sarsa", "expectile", "policy", "restricted-max"] as const;
export type Backup = (typeof backups)[number];

export interface Options {
  readonly backup: Backup;
  /** tau of the expectile backup. */
  readonly expectile: number;
  readonly bagging: boolean;
}

/** The policy's most probable tokens in the states of the N actions. */
export type Top = ReturnType<Networks["top"]>;

/** A weight column as each critic sees it. With bagging its mean is kept in expectation only. */
export const ofEach = (g: Graph, columns: Columns, weight: Value, bagging: boolean): [Value, Value] =>
  bagging ? [g.mul(weight, columns.bag1), g.mul(weight, columns.bag2)] : [weight, weight];

/** min Q^ of int32 candidates [N, n]; no gradient. */
const targetMin = (g: Graph, critic: Critic, candidates: Value): Value => {
  const [t1, t2] = critic.targetQ(candidates);
  return g.stopGradient(g.sigmoid(g.minimum(t1, t2)));
};

/** min Q^ of the written tokens [N]; no gradient. */
export const targetOfData = (g: Graph, critic: Critic, columns: Columns): Value => {
  const rows = columns.action.shape[0];
  return g.reshape(targetMin(g, critic, g.reshape(columns.action, [rows, 1])), [rows]);
};

/** y_t of values [N] of the states: the next state's, the reward at the end. No gradient. */
const backUp = (g: Graph, columns: Columns, values: Value): Value => {
  const next = g.mul(columns.nonTerminal, g.gather(values, columns.next, 0));
  return g.stopGradient(g.add(next, g.mul(g.sub(1, columns.nonTerminal), columns.return)));
};

/** y_t, and what V is fitted to, both [N]. `v` is V's logit. */
const targets = (
  g: Graph,
  critic: Critic,
  columns: Columns,
  backup: Backup,
  v: Value,
  top: () => Top,
): { readonly y: Value; readonly value: Value } => {
  switch (backup) {
    case "monte-carlo":
      return { y: columns.return, value: columns.return };
    case "sarsa": {
      const data = targetOfData(g, critic, columns);
      return { y: backUp(g, columns, data), value: data };
    }
    case "expectile":
      return { y: backUp(g, columns, g.sigmoid(v)), value: targetOfData(g, critic, columns) };
    case "policy": {
      const among = top();
      const value = expectation(g, g.exp(among.logProbs), targetMin(g, critic, among.tokens));
      return { y: backUp(g, columns, value), value };
    }
    case "restricted-max": {
      const best = g.max(targetMin(g, critic, top().tokens), 1);
      return { y: backUp(g, columns, best), value: targetOfData(g, critic, columns) };
    }
  }
};

/** L_td and L_v, and the parts that every critic logs. `data`: both critics' logits of the written tokens [N]. */
export const fit = (
  g: Graph,
  critic: Critic,
  columns: Columns,
  data: readonly [Value, Value],
  options: Options,
  top: () => Top,
) => {
  const v = critic.v();
  const { y, value } = targets(g, critic, columns, options.backup, v, top);
  const bags = ofEach(g, columns, columns.weight, options.bagging);
  const td = g.add(
    weighted(g, bags[0], binaryCrossEntropy(g, data[0], y)),
    weighted(g, bags[1], binaryCrossEntropy(g, data[1], y)),
  );
  const even = binaryCrossEntropy(g, v, value);
  const below = g.cast(g.less(value, g.stopGradient(g.sigmoid(v))), "float32");
  const fitted = options.backup === "expectile" ? g.mul(g.abs(g.sub(options.expectile, below)), even) : even;
  const vLoss = weighted(g, columns.weight, fitted);

  const min = g.sigmoid(g.minimum(data[0], data[1]));
  const gap = g.abs(g.sub(g.sigmoid(data[0]), g.sigmoid(data[1])));
  return {
    td,
    vLoss,
    parts: {
      td,
      v_loss: vLoss,
      q_data: weighted(g, columns.weight, min),
      q_data_passing: weighted(g, columns.passingWeight, min),
      q_minus_return: weighted(g, columns.weight, g.sub(min, columns.return)),
      q_twin_gap: weighted(g, columns.weight, gap),
      v: weighted(g, columns.weight, g.sigmoid(v)),
    },
  };
};
