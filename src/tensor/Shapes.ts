/** Static shape arithmetic; every failure names the op and the shapes it was given. */
import { type DType, type Shape, TensorError } from "./Ir.ts";

export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

export const show = (shape: Shape): string => `[${shape.join(",")}]`;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((d, i) => d === b[i]);

export const fail = (op: string, message: string): never => {
  throw new TensorError(`${op}: ${message}`);
};

/** Dimension `axis` of a shape that is known to have it. */
export const dim = (shape: Shape, axis: number): number => shape[axis];

export const checkShape = (op: string, shape: Shape): void => {
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0)
      fail(op, `a shape must hold non-negative integers, found ${show(shape)}`);
  }
};

/** The axis counted from the front; negative axes count from the back. */
export const axisOf = (op: string, axis: number, rank: number): number => {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    fail(op, `axis ${axis} is outside a tensor of ${rank} dimension${rank === 1 ? "" : "s"}`);
  }
  return at;
};

export const axesOf = (
  op: string,
  axes: number | ReadonlyArray<number> | undefined,
  rank: number,
): Array<number> => {
  const list = axes === undefined ? Array.from({ length: rank }, (_, i) => i) : [axes].flat();
  const out = list.map((axis) => axisOf(op, axis, rank)).sort((a, b) => a - b);
  if (new Set(out).size !== out.length) fail(op, `an axis is named twice in ${show(list)}`);
  return out;
};

export const reduced = (shape: Shape, axes: ReadonlyArray<number>, keepDims: boolean): Array<number> =>
  keepDims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));

/** NumPy broadcasting of two shapes; undefined where they do not fit. */
export const broadcast = (a: Shape, b: Shape): Array<number> | undefined => {
  const rank = Math.max(a.length, b.length);
  const out: Array<number> = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    out.push(x === 1 ? y : x);
  }
  return out;
};

export const broadcastAll = (op: string, shapes: ReadonlyArray<Shape>): Array<number> => {
  let out: Array<number> = [];
  for (const shape of shapes) {
    const next = broadcast(out, shape);
    if (next === undefined) return fail(op, `shapes ${shapes.map(show).join(" and ")} do not broadcast`);
    out = next;
  }
  return out;
};

export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "bfloat16";
