/**
 * Pieces of critics: M Qs of the written tokens fitted to y_t, and V.
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
 *
 * min is over the M critics, or, here and nowhere else, over a random subset of them that is drawn afresh for each
 * step (REDQ, Chen et al., arXiv 2101.05982, equation 1).
 */
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import type { Columns, Critic, Networks } from "./Algorithm.ts";
import { binaryCrossEntropy, expectation, maximum, minimum, total, weighted } from "./Ops.ts";

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

/** A weight column [N] as each of `critics` sees it. With bagging its mean is kept in expectation only. */
export const ofEach = (
  g: Graph,
  columns: Columns,
  weight: Value,
  { critics, bagging }: { readonly critics: number; readonly bagging: boolean },
): ReadonlyArray<Value> =>
  Array.from({ length: critics }, (_, i) => {
    if (!bagging) return weight;
    const bag = g.slice(columns.bags, [i, 0], [1, weight.shape[0]]);
    return g.mul(weight, g.reshape(bag, weight.shape));
  });

/** Beyond any logit. */
const LEFT_OUT = 1e9;

/** Logits of the critics as a minimum over `subset` sees them. */
const within = (g: Graph, logits: ReadonlyArray<Value>, subset: Value | null): ReadonlyArray<Value> => {
  if (subset === null) return logits;
  const added = g.mul(g.sub(1, subset), LEFT_OUT);
  return logits.map((logit, i) => g.add(logit, g.slice(added, [i], [1])));
};

/** min Q^ of int32 candidates [N, n] over `subset` (null: all critics); no gradient. */
const targetMin = (g: Graph, critic: Critic, candidates: Value, subset: Value | null): Value =>
  g.stopGradient(g.sigmoid(minimum(g, within(g, critic.targetQ(candidates), subset))));

/** min Q^ of the written tokens [N] over `subset`, by default all critics; no gradient. */
export const targetOfData = (
  g: Graph,
  critic: Critic,
  columns: Columns,
  subset: Value | null = null,
): Value => {
  const rows = columns.action.shape[0];
  return g.reshape(targetMin(g, critic, g.reshape(columns.action, [rows, 1]), subset), [rows]);
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
  const ofData = () => targetOfData(g, critic, columns, critic.subset);
  const ofTop = () => targetMin(g, critic, top().tokens, critic.subset);
  switch (backup) {
    case "monte-carlo":
      return { y: columns.return, value: columns.return };
    case "sarsa": {
      const data = ofData();
      return { y: backUp(g, columns, data), value: data };
    }
    case "expectile":
      return { y: backUp(g, columns, g.sigmoid(v)), value: ofData() };
    case "policy": {
      const value = expectation(g, g.exp(top().logProbs), ofTop());
      return { y: backUp(g, columns, value), value };
    }
    case "restricted-max": {
      const best = g.max(ofTop(), 1);
      return { y: backUp(g, columns, best), value: ofData() };
    }
  }
};

/** L_td and L_v, and the parts that every critic logs. `data`: each critic's logits of the written tokens [N]. */
export const fit = (
  g: Graph,
  critic: Critic,
  columns: Columns,
  data: ReadonlyArray<Value>,
  options: Options,
  top: () => Top,
) => {
  const v = critic.v();
  const { y, value } = targets(g, critic, columns, options.backup, v, top);
  const { bagging } = options;
  const weights = ofEach(g, columns, columns.weight, { critics: data.length, bagging });
  const td = total(
    g,
    data.map((logit, i) => weighted(g, weights[i], binaryCrossEntropy(g, logit, y))),
  );
  const even = binaryCrossEntropy(g, v, value);
  const below = g.cast(g.less(value, g.stopGradient(g.sigmoid(v))), "float32");
  const fitted = options.backup === "expectile" ? g.mul(g.abs(g.sub(options.expectile, below)), even) : even;
  const vLoss = weighted(g, columns.weight, fitted);

  const min = g.sigmoid(minimum(g, data));
  const gap = g.sub(g.sigmoid(maximum(g, data)), min);
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
