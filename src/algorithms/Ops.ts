/** Pieces that losses share. */
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";
import type { Columns } from "./Algorithm.ts";

/** sum_t w_t x_t of [N] columns: a mean where the weights are normalised. */
export const weighted = (g: Graph, weight: Value, x: Value): Value => g.sum(g.mul(weight, x), 0);

/** sum over each sequence's rows of x [N] -> [B]. */
export const sequenceSum = (g: Graph, columns: Columns, x: Value): Value => {
  const { sequence, sequences, length } = columns;
  const own = g.constant(
    Int32Array.from({ length: sequences }, (_, b) => b),
    [sequences, 1],
  );
  const rows = g.reshape(sequence, [1, sequence.shape[0]]);
  // Filling rows name a sequence too.
  const real = g.mul(x, g.cast(g.greater(length, 0), "float32"));
  const member = g.cast(g.equal(own, rows), "float32");
  return g.reshape(g.matMul(member, g.reshape(real, [x.shape[0], 1])), [sequences]);
};

/** y [B] of each row's sequence -> [N]. */
export const ofSequence = (g: Graph, { sequence }: Columns, y: Value): Value => g.gather(y, sequence, 0);

/** x_1 + x_2 + ..., of one shape and at least one. */
export const total = (g: Graph, values: ReadonlyArray<Value>): Value => values.reduce((a, b) => g.add(a, b));

/** The least of x_1, x_2, ... element by element. */
export const minimum = (g: Graph, values: ReadonlyArray<Value>): Value =>
  values.reduce((a, b) => g.minimum(a, b));

/** The largest of x_1, x_2, ... element by element. */
export const maximum = (g: Graph, values: ReadonlyArray<Value>): Value =>
  values.reduce((a, b) => g.maximum(a, b));

/** Binary cross-entropy of a logit against a target in [0, 1]: softplus(q) - y q. */
export const binaryCrossEntropy = (g: Graph, logit: Value, target: Value): Value =>
  g.sub(g.softplus(logit), g.mul(target, logit));

/** T log sum_v exp(x_v / T) over the last axis of [N, n], with `mask` [N, n] (0 or very negative) added to x / T. */
export const logSumExp = (g: Graph, x: Value, mask: Value, temperature: number): Value => {
  const scaled = g.add(g.mul(x, 1 / temperature), mask);
  const top = g.stopGradient(g.max(scaled, 1, true));
  const sum = g.sum(g.exp(g.sub(scaled, top)), 1);
  return g.mul(g.add(g.log(sum), g.reshape(top, sum.shape)), temperature);
};

/** Entropy of softmax(x) over the last axis of [N, n], in nats. */
export const entropy = (g: Graph, x: Value): Value => {
  const logP = g.logSoftmax(x);
  return g.neg(g.sum(g.mul(g.exp(logP), logP), 1));
};

/** The last column of [N, n] as [N]. */
export const lastColumn = (g: Graph, x: Value): Value => {
  const [rows, columns] = x.shape as [number, number];
  return g.reshape(g.slice(x, [0, columns - 1], [rows, 1]), [rows]);
};

/** sum_v m_v x_v / sum_v m_v over the last axis of [N, n]: an expectation, with masses m renormalised. */
export const expectation = (g: Graph, mass: Value, x: Value): Value =>
  g.div(g.sum(g.mul(mass, x), 1), g.sum(mass, 1));
