/**
 * Advantage-weighted cloning, anchored: how a policy is drawn out of a critic that another training moves.
 *
 *     w_t = min(exp(scale A_t), clip)
 *     L   = - mean_t w_t log pi(a_t | s_t) - anchor mean_{t of passing programs} log pi(a_t | s_t)
 *
 * No gradient reaches the critic or the weights. The loss has no negative term: nothing in it is unbounded below.
 */
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import type { Columns, Loss, Networks } from "./Algorithm.ts";
import { weighted } from "./Ops.ts";
import * as Settings from "./Settings.ts";

export const fields = {
  /** Largest weight. */
  clip: Settings.or(Settings.Positive, 100),
  /** Weight of the cross-entropy on passing programs; 0: none. */
  anchor: Settings.or(Settings.Rate, 1),
};

/** `advantage` [N] in units of Q. */
export const loss = (
  g: Graph,
  networks: Networks,
  columns: Columns,
  advantage: Value,
  config: { readonly scale: number; readonly clip: number; readonly anchor: number },
): Loss => {
  const a = g.stopGradient(advantage);
  const highest = Math.log(config.clip);
  // min(exp(x), clip) as exp(min(x, log clip)), which does not overflow.
  const scaled = g.mul(a, config.scale);
  const weight = g.exp(g.minimum(scaled, highest));
  const nll = g.neg(networks.logProb());
  const actor = weighted(g, columns.weight, g.mul(weight, nll));
  const anchor = weighted(g, columns.passingWeight, nll);
  return {
    total: g.add(actor, g.mul(anchor, config.anchor)),
    parts: {
      actor,
      ce: weighted(g, columns.weight, nll),
      ce_passing: anchor,
      advantage: weighted(g, columns.weight, a),
      advantage_passing: weighted(g, columns.passingWeight, a),
      advantage_abs: weighted(g, columns.weight, g.abs(a)),
      weight: weighted(g, columns.weight, weight),
      weight_passing: weighted(g, columns.passingWeight, weight),
      clipped: weighted(g, columns.weight, g.cast(g.greater(scaled, highest), "float32")),
    },
  };
};
