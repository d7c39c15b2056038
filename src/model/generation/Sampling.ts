/**
 * Choosing the next token inside the graph, each row (a slot of the batch) by its own settings.
 *
 * A token is the inverse of the cumulative distribution at one uniform number that the host draws from the
 * sample's own stream: the choice depends on the sample's seed, settings and step, never on its place in a
 * batch or on the other rows. Order of operations: tilt, temperature, top-k, top-p (nucleus: Holtzman et al.,
 * arXiv 1904.09751).
 */
import type { Graph, Value } from "../../tensor/Graph.ts";
import * as Heads from "../Heads.ts";
import type * as Transformer from "../Transformer.ts";

/**
 * How a program chooses. "greedy": the most probable token. "full": from all tokens. "mixed": each row as its
 * settings say, greedy at temperature 0, else from all tokens or from the top-k, top-p of the WINDOW most
 * probable; what it chooses for a row is what the row's own mode would.
 */
export const MODES = ["greedy", "full", "mixed"] as const;
export type Mode = (typeof MODES)[number];

/** Tokens that a truncated row looks at: top-k may be at most this, and a nucleus is cut to it. */
export const WINDOW = 256;

/** What the host feeds besides the tokens, one for each row; each mode uses its own part. */
export interface Controls {
  /** float32 [B], in [0, 1 - 2^-23]; see `uniform`. */
  readonly uniform: Value;
  /** float32 [B]; 0 is greedy. */
  readonly temperature: Value;
  /** int32 [B] in 1 .. WINDOW; the vocabulary's size for no cut. */
  readonly topK: Value;
  /** float32 [B] in (0, 1]. */
  readonly topP: Value;
}

const LARGEST_UNIFORM = 1 - 2 ** -23;
/** A uniform number in [0, 1) as the graph takes it: below 1 by more than one rounding of u * total. */
export const uniform = (u: number): number => Math.min(Math.fround(u), LARGEST_UNIFORM);

/** Vocabulary sizes above this that BLOCK divides are searched in two levels. */
const BLOCK = 256;

/** Index [B] of the first element whose running sum exceeds u * total; weights [B, m] >= 0, u [B, 1]. */
const invert = (g: Graph, weights: Value, u: Value): Value => {
  const [, m] = weights.shape as readonly [number, number];
  const sums = g.cumsum(weights, 1);
  const total = g.slice(sums, [0, m - 1], [weights.shape[0], 1]);
  const below = g.cast(g.lessEqual(sums, g.mul(u, total)), "int32");
  return g.minimum(g.sum(below, 1), g.scalar(m - 1, "int32"));
};

/** As `invert`, over blocks first and then within one: a running sum of the whole vocabulary is slow. */
const invertBlocks = (g: Graph, weights: Value, u: Value): Value => {
  const [B, V] = weights.shape as readonly [number, number];
  const blocks = V / BLOCK;
  const byBlock = g.reshape(weights, [B, blocks, BLOCK]);
  const masses = g.sum(byBlock, 2);
  const sums = g.cumsum(masses, 1);
  const total = g.slice(sums, [0, blocks - 1], [B, 1]);
  const goal = g.mul(u, total);
  const below = g.cast(g.lessEqual(sums, goal), "int32");
  const block = g.minimum(g.sum(below, 1), g.scalar(blocks - 1, "int32"));
  const column = g.reshape(block, [B, 1]);
  const rowOf = g.constant(
    Int32Array.from({ length: B }, (_, b) => b * blocks),
    [B],
  );
  const inside = g.gather(g.reshape(weights, [B * blocks, BLOCK]), g.add(rowOf, block));
  // The share of the goal that is left, as a uniform number within the block.
  const mass = g.gatherBatch(masses, column);
  const before = g.sub(g.gatherBatch(sums, column), mass);
  const rest = g.div(g.sub(goal, before), g.maximum(mass, 1e-30));
  const within = g.minimum(g.maximum(rest, 0), LARGEST_UNIFORM);
  return g.add(g.mul(block, g.scalar(BLOCK, "int32")), invert(g, inside, within));
};

/** From all tokens of scores [B, V] divided by temperature [B, 1]. */
const full = (g: Graph, scores: Value, temperature: Value, u: Value): Value => {
  const V = scores.shape[1];
  const weights = g.softmax(g.div(scores, temperature));
  return V > 4096 && V % BLOCK === 0 ? invertBlocks(g, weights, u) : invert(g, weights, u);
};

const mixed = (g: Graph, scores: Value, temperature: Value, u: Value, c: Controls): Value => {
  const [B, V] = scores.shape as readonly [number, number];
  const window = Math.min(WINDOW, V);
  const top = g.topK(scores, window);
  const ranks = g.constant(
    Int32Array.from({ length: window }, (_, i) => i),
    [1, window],
  );
  const topK = g.reshape(c.topK, [B, 1]);
  const kept = g.cast(g.less(ranks, topK), "float32");
  const weights = g.mul(g.softmax(g.div(top.values, temperature)), kept);
  const share = g.div(weights, g.sum(weights, 1, true));
  // A token stays where those before it hold less than top-p: the first always does.
  const before = g.sub(g.cumsum(share, 1), share);
  const first = g.cast(g.less(ranks, 1), "float32");
  const nucleus = g.maximum(g.cast(g.less(before, g.reshape(c.topP, [B, 1])), "float32"), first);
  const index = invert(g, g.mul(share, nucleus), u);
  const truncated = g.reshape(g.gatherBatch(top.indices, g.reshape(index, [B, 1])), [B]);
  const whole = g.and(g.greaterEqual(c.topK, g.scalar(V, "int32")), g.greaterEqual(c.topP, 1));
  const sampled = g.select(whole, full(g, scores, temperature, u), truncated);
  return g.select(g.greater(c.temperature, 0), sampled, g.argMax(scores, 1));
};

/** The next token int32 [B] by scores [B, V]: logits, tilted or not. */
export const choose = (g: Graph, mode: Mode, scores: Value, c: Controls): Value => {
  const B = scores.shape[0];
  if (mode === "greedy") return g.argMax(scores, 1);
  const u = g.reshape(c.uniform, [B, 1]);
  // Greedy rows have temperature 0, and what is sampled for them is not taken.
  const positive = g.select(g.greater(c.temperature, 0), c.temperature, g.scalar(1));
  const temperature = g.reshape(positive, [B, 1]);
  return mode === "full" ? full(g, scores, temperature, u) : mixed(g, scores, temperature, u, c);
};

/** log sum exp of each row of logits [B, V]: [B, 1]. */
export const logSum = (g: Graph, logits: Value): Value => {
  const most = g.max(logits, 1, true);
  return g.add(g.log(g.sum(g.exp(g.sub(logits, most)), 1, true)), most);
};

/**
 * logits + beta (minQ - V) on the k most probable tokens; [B, V]. With beta 0 the result is the logits bit for
 * bit, because what is added is 0. `beta` is float32 [B].
 */
export const tilt = (
  g: Graph,
  model: Transformer.Model,
  heads: Heads.Heads,
  hidden: Value,
  logits: Value,
  beta: Value,
): Value => {
  const [B, V] = logits.shape as readonly [number, number];
  const k = Math.min(heads.candidates, V);
  const { indices } = g.topK(logits, k);
  const value = g.reshape(g.sigmoid(Heads.valueLogits(g, model, heads, hidden)), [B, 1]);
  const advantage = g.sub(Heads.minQ(g, model, heads, hidden, indices), value);
  const rows = g.constant(
    Int32Array.from({ length: B }, (_, b) => b * V),
    [B, 1],
  );
  const places = g.reshape(g.add(indices, rows), [B * k]);
  const added = g.unsortedSegmentSum(
    g.reshape(g.mul(advantage, g.reshape(beta, [B, 1])), [B * k]),
    places,
    B * V,
  );
  return g.add(logits, g.reshape(added, [B, V]));
};

/** What is reported of each row's chosen token int32 [B]; without heads only the tokens beside it. */
export interface Report {
  /** The REPORTED most probable tokens [B, REPORTED] and their log pi. */
  readonly topTokens: Value;
  readonly topLogProbs: Value;
  /** V of the row's state, min Q of the chosen token, and E_pi of min Q over the candidates: [B] each. */
  readonly value?: Value;
  readonly q?: Value;
  readonly expected?: Value;
}

/** Tokens that a report holds at most. */
export const REPORTED = 20;

/** The report on chosen tokens; `logZ` [B, 1] as `logSum` gives it. */
export const report = (
  g: Graph,
  model: Transformer.Model,
  heads: Heads.Heads | null,
  hidden: Value,
  logits: Value,
  logZ: Value,
  chosen: Value,
): Report => {
  const [B, V] = logits.shape as readonly [number, number];
  const top = g.topK(logits, Math.min(REPORTED, V));
  const tops = { topTokens: top.indices, topLogProbs: g.sub(top.values, logZ) };
  if (heads === null) return tops;
  const among = Heads.candidates(g, model, heads, hidden, chosen);
  const q = Heads.minQ(g, model, heads, hidden, among.ids);
  const taken = g.slice(q, [0, among.ids.shape[1] - 1], [B, 1]);
  return {
    ...tops,
    value: g.sigmoid(Heads.valueLogits(g, model, heads, hidden)),
    q: g.reshape(taken, [B]),
    expected: Heads.expectation(g, among, q),
  };
};
