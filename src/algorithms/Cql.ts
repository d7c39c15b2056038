/**
 * Conservative Q-learning on tokens, with M bounded Qs over candidate tokens.
 *
 *     Q_i(s, v) = sigmoid(q_i(s, v)),   v in C(s) = top k of the frozen policy and the data token, n = |C(s)|
 *     L_cql = sum_i mean_t [ T logsumexp_{v in C} (Q_i(s_t, v) / T) - T log n - Q_i(s_t, a_t) ]
 *     L     = L_td + alpha L_cql + L_v          L_td, L_v and the backups: CriticFit.ts
 *
 * With a target gap tau the multiplier is learned (dual ascent, the paper's Lagrange version):
 *
 *     alpha = min(exp(25 theta), 10),    L_theta = - theta sum_i mean_t [ diff_i(s_t) - tau ]
 *
 * Sources: CQL (arXiv 2006.04779) equation 4 in its logsumexp form; the log n correction, by which equal Qs give
 * 0, from WSRL (zhouzypaul/wsrl wsrl/agents/cql.py); the token form from ILQL (arXiv 2206.11871). The term runs
 * over passing programs' tokens by default, which made a better judge of programs than running it over all.
 */
import * as Schema from "effect/Schema";
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import { type Columns, type Loss, make, type Networks, type OwnParameter } from "./Algorithm.ts";
import * as CriticFit from "./CriticFit.ts";
import { entropy, lastColumn, logSumExp, total, weighted } from "./Ops.ts";
import * as Settings from "./Settings.ts";

const { or } = Settings;

export const fields = {
  /** Weight of the conservative term: about 1 over passing programs' tokens, 1e-3 to 0.1 over all. */
  alpha: or(Settings.Rate, 1),
  /** tau of the learned multiplier, a difference of Qs; alpha is then where it starts. null: alpha is fixed. */
  targetGap: or(Schema.NullOr(Schema.Finite.check(Schema.isBetween({ minimum: -1, maximum: 1 }))), null),
  /** T of the logsumexp, in units of Q. */
  temperature: or(Settings.Positive, 1),
  /** Top tokens of the policy that are candidates beside the data token. */
  candidates: or(Settings.Count, 32),
  conservativeOn: or(Schema.Literals(["passing", "all"]), "passing"),
  backup: or(Schema.Literals(CriticFit.backups), "monte-carlo"),
  /** tau of the expectile backup. */
  expectile: or(Settings.Inner, 0.7),
  ...Settings.critic,
};
export const Config = Schema.Struct(fields);
export type Config = typeof Config.Type;

/** Larger than any Q / T, and exp(-it) is 0 in float32. */
const MASKED = -1e9;
/** Adam moves theta by about the learning rate a step, log alpha by this many times as much. */
const DUAL_RATE = 25;
/** Past it the term would leave nothing of the fit; a gap out of reach ends here. */
const LARGEST_ALPHA = 10;

interface Candidates {
  /** int32 [N, k + 1]: the policy's top tokens and, last, the data token. */
  readonly tokens: Value;
  /** [N, k]: 1 where a top token is the data token, which counts once. */
  readonly twice: Value;
  /** [N]: distinct candidates. */
  readonly count: Value;
}

const candidatesOf = (g: Graph, top: Value, action: Value): Candidates => {
  const [rows, width] = top.shape as [number, number];
  const data = g.reshape(action, [rows, 1]);
  const twice = g.cast(g.equal(top, data), "float32");
  return { tokens: g.concat([top, data], 1), twice, count: g.sub(width + 1, g.sum(twice, 1)) };
};

/**
 * T logsumexp - T log n - Q(data) [N] of one critic's logits [N, k + 1]. With a `bound` [N, 1] the Qs of tokens that
 * were not written count as at least that much.
 */
const difference = (
  g: Graph,
  logits: Value,
  { twice, count }: Candidates,
  temperature: number,
  bound: Value | null,
): Value => {
  const [rows, width] = twice.shape as [number, number];
  const q = g.sigmoid(logits);
  const others = g.slice(q, [0, 0], [rows, width]);
  const written = g.slice(q, [0, width], [rows, 1]);
  const counted = bound === null ? q : g.concat([g.maximum(others, bound), written], 1);
  const mask = g.concat([g.mul(twice, MASKED), g.zeros([rows, 1])], 1);
  const soft = g.sub(logSumExp(g, counted, mask, temperature), g.mul(g.log(count), temperature));
  return g.sub(soft, g.reshape(written, [rows]));
};

/** Share of the candidates that were not written whose Q is below the bound, [N]; 0 where there are none. */
const shareBelow = (g: Graph, logits: Value, { twice, count }: Candidates, bound: Value): Value => {
  const others = g.sigmoid(g.slice(logits, [0, 0], twice.shape));
  const low = g.mul(g.cast(g.less(others, bound), "float32"), g.sub(1, twice));
  return g.div(g.sum(low, 1), g.maximum(g.sub(count, 1), 1));
};

/** The multiplier, and the loss that moves it towards the gap. */
const multiplier = (g: Graph, networks: Networks, config: Config, excess: Value) => {
  if (config.targetGap === null) return { alpha: g.scalar(config.alpha), dual: null };
  const theta = g.reshape(networks.own("theta"), []);
  const log = g.minimum(g.mul(theta, DUAL_RATE), Math.log(LARGEST_ALPHA));
  return {
    alpha: g.stopGradient(g.exp(log)),
    dual: g.neg(g.mul(theta, g.stopGradient(excess))),
  };
};

/** CQL's loss. With a `reference` [N] Qs of tokens that were not written count as at least that much (Cal-QL). */
export const conservativeLoss = (
  g: Graph,
  networks: Networks,
  columns: Columns,
  config: Config,
  reference: Value | null,
): Loss => {
  const critic = networks.critic();
  const top = networks.top(config.candidates);
  const candidates = candidatesOf(g, top.tokens, columns.action);
  const qs = critic.q(candidates.tokens);
  const data = qs.map((logits) => lastColumn(g, logits));
  const { td, vLoss, parts } = CriticFit.fit(g, critic, columns, data, config, () => top);

  const where = config.conservativeOn === "passing" ? columns.passingWeight : columns.weight;
  const { bagging, temperature } = config;
  const weights = CriticFit.ofEach(g, columns, where, { critics: qs.length, bagging });
  const bound = reference === null ? null : g.reshape(reference, [columns.action.shape[0], 1]);
  const cql = total(
    g,
    qs.map((logits, i) => weighted(g, weights[i], difference(g, logits, candidates, temperature, bound))),
  );
  // The gap goes with the weights, so that micro-batches add up to the batch.
  const excess = g.sub(cql, g.mul(g.sum(total(g, weights), 0), config.targetGap ?? 0));
  const { alpha, dual } = multiplier(g, networks, config, excess);
  const critics = g.add(g.add(td, g.mul(cql, alpha)), vLoss);
  const rate = (to: Value): Value => {
    const below = qs.map((logits) => weighted(g, where, shareBelow(g, logits, candidates, to)));
    return g.mul(total(g, below), 1 / qs.length);
  };
  return {
    total: dual === null ? critics : g.add(critics, dual),
    parts: {
      ...parts,
      cql_diff: cql,
      entropy: weighted(g, columns.weight, entropy(g, top.logProbs)),
      ...(bound === null ? {} : { bound_rate: rate(bound) }),
      ...(dual === null ? {} : { alpha: g.mul(alpha, g.sum(columns.weight, 0)) }),
    },
  };
};

/** theta, where the multiplier is learned. */
export const parameters = (config: Config): ReadonlyArray<OwnParameter> =>
  config.targetGap === null
    ? []
    : [{ name: "theta", shape: [1], initial: Math.log(config.alpha) / DUAL_RATE }];

export const bootstraps = ({ backup }: Config): boolean => backup !== "monte-carlo";

export const refuse = ({ alpha, targetGap }: Config) =>
  targetGap !== null && !(alpha > 0 && alpha <= LARGEST_ALPHA)
    ? {
        reason: `a learned multiplier cannot start at alpha ${alpha}.`,
        remedy: `Give alpha a positive value up to ${LARGEST_ALPHA}, or leave targetGap out.`,
      }
    : null;

export const cql = make({
  name: "cql",
  config: Config,
  trains: "critic",
  loss: (g, networks, columns, config) => conservativeLoss(g, networks, columns, config, null),
  polyak: Settings.polyak,
  parameters,
  bootstraps,
  refuse,
});
