/**
 * Cotangents are kept as small as they can be: the cotangent of a value has a shape that broadcasts to the
 * value's, and is repeated only where an op needs it whole. So the gradient of a mean over 10^6 elements is one
 * number, and that of a row sum one number a row.
 */
import type { Graph } from "./Graph.ts";
import type { Shape, Value } from "./Ir.ts";
import { dim, sameShape, sizeOf } from "./Shapes.ts";

/** With leading dimensions of size 1 up to a rank. */
export const align = (g: Graph, dy: Value, rank: number): Value =>
  dy.shape.length === rank
    ? dy
    : g.reshape(dy, [...Array.from({ length: rank - dy.shape.length }, () => 1), ...dy.shape]);

/** The cotangent of an operand of shape `target` that was broadcast to `out`: summed over what was repeated. */
export const unbroadcast = (g: Graph, dy: Value, out: Shape, target: Shape): Value => {
  if (sameShape(out, target)) return dy;
  const rank = out.length;
  const missing = rank - target.length;
  const whole = align(g, dy, rank);
  const axes: Array<number> = [];
  let repeats = 1;
  for (let i = 0; i < rank; i++) {
    const size = i < missing ? 1 : dim(target, i - missing);
    if (size !== 1 || out[i] === 1) continue;
    if (whole.shape[i] === 1) repeats *= dim(out, i);
    else axes.push(i);
  }
  const summed = axes.length === 0 ? whole : g.sum(whole, axes, true);
  const scaled = repeats === 1 ? summed : g.mul(summed, repeats);
  return g.reshape(scaled, scaled.shape.slice(missing));
};

/** The cotangent of a reduction's result, with the reduced axes back as size 1. */
export const restoreAxes = (
  g: Graph,
  dy: Value,
  axes: ReadonlyArray<number>,
  keepDims: boolean,
  rank: number,
): Value => {
  if (sizeOf(dy.shape) === 1) return g.reshape(dy, []);
  if (keepDims) return dy;
  const inner = align(g, dy, rank - axes.length).shape;
  const shape: Array<number> = [];
  let at = 0;
  for (let i = 0; i < rank; i++) shape.push(axes.includes(i) ? 1 : dim(inner, at++));
  return g.reshape(dy, shape);
};
