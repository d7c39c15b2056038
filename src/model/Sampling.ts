/**
 * Choosing the next token inside the graph.
 *
 * A token is the inverse of the cumulative distribution at one uniform number that the host draws from the
 * sample's own stream: the choice depends on the sample's seed and step, never on its place in a batch.
 * Order of operations: tilt, temperature, top-k, top-p (nucleus: Holtzman et al., arXiv 1904.09751).
 */
import type { Graph, Value } from "../tensor/Graph.ts";
import * as Heads from "./Heads.ts";
import type * as Transformer from "./Transformer.ts";

/** "greedy": the most probable. "full": from all tokens. "truncated": from the top-k, top-p of the WINDOW most probable. */
export const MODES = ["greedy", "full", "truncated"] as const;
export type Mode = (typeof MODES)[number];

/** Tokens that the truncated mode looks at: top-k may be at most this, and a nucleus is cut to it. */
export const WINDOW = 256;

/** What the host feeds besides the tokens; each mode uses its own part. */
export interface Controls {
  /** float32 [B], in [0, 1 - 2^-23]; see `uniform`. */
  readonly uniform: Value;
  /** float32 scalar above 0. */
  readonly temperature: Value;
  /** int32 scalar in 1 .. WINDOW. */
  readonly topK: Value;
  /** float32 scalar in (0, 1]. */
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

/** The next token int32 [B] by log-probabilities [B, V], tilted or not. */
export const choose = (g: Graph, mode: Mode, logProbs: Value, c: Controls): Value => {
  const [B, V] = logProbs.shape as readonly [number, number];
  const u = g.reshape(c.uniform, [B, 1]);
  switch (mode) {
    case "greedy":
      return g.argMax(logProbs, 1);
    case "full": {
      const weights = g.softmax(g.div(logProbs, c.temperature));
      return V > 4096 && V % BLOCK === 0 ? invertBlocks(g, weights, u) : invert(g, weights, u);
    }
    case "truncated": {
      const window = Math.min(WINDOW, V);
      const top = g.topK(logProbs, window);
      const ranks = g.constant(
        Int32Array.from({ length: window }, (_, i) => i),
        [1, window],
      );
      const kept = g.cast(g.less(ranks, c.topK), "float32");
      const weights = g.mul(g.softmax(g.div(top.values, c.temperature)), kept);
      const share = g.div(weights, g.sum(weights, 1, true));
      // A token stays where those before it hold less than top-p: the first always does.
      const before = g.sub(g.cumsum(share, 1), share);
      const first = g.cast(g.less(ranks, 1), "float32");
      const nucleus = g.maximum(g.cast(g.less(before, c.topP), "float32"), first);
      const index = invert(g, g.mul(share, nucleus), u);
      return g.reshape(g.gatherBatch(top.indices, g.reshape(index, [B, 1])), [B]);
    }
  }
};

/**
 * log pi + beta (minQ - V) on the k most probable tokens, log pi elsewhere; [B, V]. With beta 0 the result is
 * log pi bit for bit, because what is added is 0. `beta` is a float32 scalar.
 */
export const tilt = (
  g: Graph,
  model: Transformer.Model,
  heads: Heads.Heads,
  hidden: Value,
  logProbs: Value,
  beta: Value,
): Value => {
  const [B, V] = logProbs.shape as readonly [number, number];
  const k = Math.min(heads.candidates, V);
  const { indices } = g.topK(logProbs, k);
  const value = g.reshape(g.sigmoid(Heads.valueLogits(g, model, heads, hidden)), [B, 1]);
  const advantage = g.sub(Heads.minQ(g, model, hidden, indices), value);
  const rows = g.constant(
    Int32Array.from({ length: B }, (_, b) => b * V),
    [B, 1],
  );
  const places = g.reshape(g.add(indices, rows), [B * k]);
  const added = g.unsortedSegmentSum(g.reshape(g.mul(advantage, beta), [B * k]), places, B * V);
  return g.add(logProbs, g.reshape(added, [B, V]));
};
