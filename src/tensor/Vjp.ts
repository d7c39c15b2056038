/**
 * The table of vector-Jacobian products: for each op, the cotangents of its inputs from those of its outputs,
 * as more recorded ops. Cotangents may be smaller than their values (see Cotangent.ts).
 *
 * Where a function has a kink: maximum and minimum give a tie to the first operand, abs and relu give 0 at 0,
 * equal maxima share.
 */
import { align, restoreAxes, unbroadcast } from "./Cotangent.ts";
import type { Graph } from "./Graph.ts";
import type { Node, OpKind, UnaryGradKind, Value } from "./Ir.ts";
import { dim, fail, isFloat, sameShape, sizeOf } from "./Shapes.ts";

export interface VjpContext {
  readonly g: Graph;
  readonly node: Node;
  /** Whether anything asks for the cotangent of input i. */
  readonly needs: (input: number) => boolean;
  /**
   * sum(dy * y) over the last axis (kept) for a softmax y that feeds one batched product y V only: the same as
   * the row sums of the product times its cotangent, which are smaller (FlashAttention, appendix B).
   */
  readonly rowDots: () => Value | undefined;
}

/** Cotangents of the inputs, from those of the outputs (undefined: zero) and the context. */
type Vjp = (context: VjpContext, dys: ReadonlyArray<Value | undefined>) => ReadonlyArray<Value | undefined>;

/** For ops with one output. */
const of =
  (rule: (context: VjpContext, dy: Value) => ReadonlyArray<Value | undefined>): Vjp =>
  (context, dys) =>
    dys[0] === undefined ? [] : rule(context, dys[0]);

const input = (node: Node, i: number): Value => node.inputs[i];
const output = (node: Node): Value => node.outputs[0];

/** dx = f(g, x, y, dy), element by element. */
const unary = (f: (g: Graph, x: Value, y: Value, dy: Value) => Value): Vjp =>
  of(({ g, node }, dy) => [f(g, input(node, 0), output(node), dy)]);

/** Cotangents before the operands' broadcasting is undone. */
const binary = (
  f: readonly [
    (g: Graph, dy: Value, a: Value, b: Value, y: Value) => Value,
    (g: Graph, dy: Value, a: Value, b: Value, y: Value) => Value,
  ],
): Vjp =>
  of(({ g, node, needs }, dy) => {
    const [a, b, y] = [input(node, 0), input(node, 1), output(node)];
    return f.map((one, i) =>
      needs(i) ? unbroadcast(g, one(g, dy, a, b, y), y.shape, input(node, i).shape) : undefined,
    );
  });

/** A fused kernel where the cotangent is whole, else its formula. */
const fused = (g: Graph, kind: UnaryGradKind, y: Value, dy: Value, slope: (y: Value) => Value): Value =>
  sameShape(y.shape, dy.shape) ? g.unaryGrad(kind, y, dy) : g.mul(dy, slope(y));

const full = (g: Graph, dy: Value, node: Node): Value => g.broadcastTo(dy, output(node).shape);

const zero: Vjp = () => [];

/** [n, m] rows counted on: position (i, j) of a matrix in its flat order, for indices [n, k]. */
const flatIndices = (g: Graph, indices: Value, m: number): Value => {
  const [n, k] = [dim(indices.shape, 0), dim(indices.shape, 1)];
  const offsets = g.constant(
    Int32Array.from({ length: n }, (_, i) => i * m),
    [n, 1],
  );
  return g.reshape(g.add(indices, offsets), [n * k]);
};

/** The cotangent of [n, m] of which [n, k] elements were taken at `indices`. */
const scatterRows = (g: Graph, dy: Value, indices: Value, n: number, m: number): Value =>
  g.reshape(g.unsortedSegmentSum(g.reshape(dy, [-1]), flatIndices(g, indices, m), n * m), [n, m]);

const product = (g: Graph, a: Value, b: Value, flipA: boolean, flipB: boolean): Value =>
  a.shape.length === 2 && b.shape.length === 2
    ? g.matMul(a, b, { transposeA: flipA, transposeB: flipB })
    : g.batchMatMul(a, b, { adjointA: flipA, adjointB: flipB });

/** The cotangent of a loss's logits [n, v] as its rows, and the scale [n, 1] or [] that they have yet to be multiplied by. */
const scaledRows = (g: Graph, dy: Value): { readonly rows: Value; readonly scale: Value } | undefined => {
  const last = g.producer(dy);
  const { op, inputs } = last.op.kind === "cast" ? g.producer(last.inputs[0]) : last;
  const [rows, scale] = inputs;
  return op.kind === "mul" && g.producer(rows).op.kind === "sparseCrossEntropy"
    ? { rows: g.cast(rows, dy.dtype), scale }
    : undefined;
};

/** x times a float32 scale, in x's dtype. */
const times = (g: Graph, x: Value, scale: Value): Value =>
  g.cast(g.mul(g.cast(x, "float32"), scale), x.dtype);

/** C = op(A) op(B). */
const productVjp = (context: VjpContext, dyLazy: Value, flipA: boolean, flipB: boolean) => {
  const { g, node, needs } = context;
  const [a, b, dy] = [input(node, 0), input(node, 1), full(g, dyLazy, node)];
  const scaled = flipA ? undefined : scaledRows(g, dy);
  if (scaled !== undefined) {
    // Logits are many times wider than what they are made of: it is cheaper to scale that.
    const { rows, scale } = scaled;
    const small = () => times(g, a, scale);
    return [
      needs(0) ? times(g, product(g, rows, b, false, !flipB), scale) : undefined,
      needs(1)
        ? flipB
          ? product(g, rows, small(), true, false)
          : product(g, small(), rows, true, false)
        : undefined,
    ];
  }
  const da = () => (flipA ? product(g, b, dy, flipB, true) : product(g, dy, b, false, !flipB));
  const db = () => (flipB ? product(g, dy, a, true, flipA) : product(g, a, dy, !flipA, false));
  // The batch dimensions of an operand may have been repeated; its matrix dimensions never are.
  const reduce = (d: Value, x: Value) =>
    unbroadcast(g, d, [...output(node).shape.slice(0, -2), ...x.shape.slice(-2)], x.shape);
  return [needs(0) ? reduce(da(), a) : undefined, needs(1) ? reduce(db(), b) : undefined];
};

const table: Partial<Record<OpKind, Vjp>> = {
  neg: unary((g, _x, _y, dy) => g.neg(dy)),
  exp: unary((g, _x, y, dy) => g.mul(dy, y)),
  log: unary((g, x, _y, dy) => g.div(dy, x)),
  sqrt: unary((g, _x, y, dy) => g.mul(dy, g.div(0.5, y))),
  rsqrt: unary((g, _x, y, dy) => g.mul(dy, g.mul(g.mul(y, g.square(y)), -0.5))),
  square: unary((g, x, _y, dy) => g.mul(g.mul(dy, 2), x)),
  abs: unary((g, x, _y, dy) =>
    g.mul(dy, g.sub(g.cast(g.greater(x, 0), x.dtype), g.cast(g.less(x, 0), x.dtype))),
  ),
  sigmoid: unary((g, _x, y, dy) => fused(g, "sigmoidGrad", y, dy, (s) => g.mul(s, g.sub(1, s)))),
  tanh: unary((g, _x, y, dy) => fused(g, "tanhGrad", y, dy, (t) => g.sub(1, g.square(t)))),
  relu: unary((g, _x, y, dy) => fused(g, "reluGrad", y, dy, (r) => g.cast(g.greater(r, 0), r.dtype))),
  softplus: unary((g, x, _y, dy) => g.mul(dy, g.sigmoid(x))),
  add: binary([(_g, dy) => dy, (_g, dy) => dy]),
  sub: binary([(_g, dy) => dy, (g, dy) => g.neg(dy)]),
  mul: binary([(g, dy, _a, b) => g.mul(dy, b), (g, dy, a) => g.mul(dy, a)]),
  div: binary([(g, dy, _a, b) => g.div(dy, b), (g, dy, _a, b, y) => g.neg(g.mul(dy, g.div(y, b)))]),
  maximum: binary([
    (g, dy, a, b) => g.select(g.greaterEqual(a, b), dy, 0),
    (g, dy, a, b) => g.select(g.greaterEqual(a, b), g.scalar(0, dy.dtype), dy),
  ]),
  minimum: binary([
    (g, dy, a, b) => g.select(g.lessEqual(a, b), dy, 0),
    (g, dy, a, b) => g.select(g.lessEqual(a, b), g.scalar(0, dy.dtype), dy),
  ]),
  select: of(({ g, node, needs }, dy) => {
    const condition = input(node, 0);
    const pick = (i: number, a: Value, b: Value) =>
      needs(i)
        ? unbroadcast(g, g.select(condition, a, b), output(node).shape, input(node, i).shape)
        : undefined;
    const none = g.scalar(0, dy.dtype);
    return [undefined, pick(1, dy, none), pick(2, none, dy)];
  }),
  cast: unary((g, x, _y, dy) => g.cast(dy, x.dtype)),
  checkpoint: unary((_g, _x, _y, dy) => dy),
  after: unary((_g, _x, _y, dy) => dy),
  matMul: of((context, dy) => {
    const { op } = context.node;
    return op.kind === "matMul" ? productVjp(context, dy, op.transposeA, op.transposeB) : [];
  }),
  batchMatMul: of((context, dy) => {
    const { op } = context.node;
    return op.kind === "batchMatMul" ? productVjp(context, dy, op.adjointA, op.adjointB) : [];
  }),
  sum: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "sum") return [];
    return [restoreAxes(g, dy, op.axes, op.keepDims, input(node, 0).shape.length)];
  }),
  mean: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "mean") return [];
    const { shape } = input(node, 0);
    const count = op.axes.reduce((n, axis) => n * dim(shape, axis), 1);
    return [g.mul(restoreAxes(g, dy, op.axes, op.keepDims, shape.length), 1 / count)];
  }),
  max: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "max") return [];
    const x = input(node, 0);
    const rank = x.shape.length;
    const y = g.reshape(
      output(node),
      x.shape.map((d, i) => (op.axes.includes(i) ? 1 : d)),
    );
    const hits = g.cast(g.equal(x, y), x.dtype);
    const share = g.div(restoreAxes(g, dy, op.axes, op.keepDims, rank), g.sum(hits, op.axes, true));
    return [g.mul(hits, share)];
  }),
  cumsum: of(({ g, node }, dy) => {
    const { op } = node;
    return op.kind === "cumsum" ? [g.cumsum(full(g, dy, node), op.axis, !op.reverse)] : [];
  }),
  topK: ({ g, node }, [dy]) => {
    if (dy === undefined) return [];
    const { shape } = input(node, 0);
    const m = shape.at(-1) as number;
    const n = sizeOf(shape) / m;
    const indices = node.outputs[1];
    const rows = g.reshape(indices, [n, -1]);
    return [g.reshape(scatterRows(g, full(g, dy, node), rows, n, m), shape)];
  },
  reshape: of(({ g, node }, dy) =>
    sizeOf(dy.shape) === 1 ? [g.reshape(dy, [])] : [g.reshape(full(g, dy, node), input(node, 0).shape)],
  ),
  broadcastTo: of(({ g, node }, dy) => [unbroadcast(g, dy, output(node).shape, input(node, 0).shape)]),
  transpose: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "transpose") return [];
    if (sizeOf(dy.shape) === 1) return [g.reshape(dy, [])];
    const back = op.perm.map((_, i) => op.perm.indexOf(i));
    return [g.transpose(align(g, dy, back.length), back)];
  }),
  concat: of(({ g, node, needs }, dyLazy) => {
    const { op, inputs } = node;
    if (op.kind !== "concat") return [];
    const dy = align(g, dyLazy, output(node).shape.length);
    if (dy.shape[op.axis] === 1) return inputs.map(() => dy);
    const sizes = inputs.map(({ shape }) => dim(shape, op.axis));
    const wanted = inputs.map((_, i) => i).filter(needs);
    if (wanted.length > 1) return g.split(dy, sizes, op.axis);
    return inputs.map((_, i) => {
      if (!needs(i)) return undefined;
      const before = sizes.slice(0, i).reduce((a, b) => a + b, 0);
      const begin = dy.shape.map((_size, axis) => (axis === op.axis ? before : 0));
      return g.slice(dy, begin, dy.shape.with(op.axis, dim(sizes, i)));
    });
  }),
  split: ({ g, node }, dys) => {
    const { op, outputs } = node;
    if (op.kind !== "split") return [];
    return [
      g.concat(
        outputs.map((y, i) => {
          const dy = dys[i];
          return dy === undefined ? g.zeros(y.shape, y.dtype) : g.broadcastTo(dy, y.shape);
        }),
        op.axis,
      ),
    ];
  },
  slice: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "slice") return [];
    const after = (d: number, i: number) => d - dim(op.begin, i) - dim(op.size, i);
    return [
      g.pad(
        full(g, dy, node),
        input(node, 0).shape.map((d, i) => [dim(op.begin, i), after(d, i)] as const),
      ),
    ];
  }),
  pad: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "pad") return [];
    return [
      g.slice(
        full(g, dy, node),
        op.paddings.map(([before]) => before),
        input(node, 0).shape,
      ),
    ];
  }),
  roll: of(({ g, node }, dyLazy) => {
    const { op } = node;
    if (op.kind !== "roll") return [];
    const dy = align(g, dyLazy, output(node).shape.length);
    return [dy.shape[op.axis] === 1 ? dy : g.roll(dy, -op.shift, op.axis)];
  }),
  tile: of(({ g, node }, dy) => {
    const { op } = node;
    if (op.kind !== "tile") return [];
    const { shape } = input(node, 0);
    const pairs = shape.flatMap((d, i) => [dim(op.multiples, i), d]);
    const repeated = shape.map((_, i) => 2 * i);
    return [g.sum(g.reshape(full(g, dy, node), pairs), repeated)];
  }),
  gather: of(({ g, node }, dyLazy) => {
    const { op } = node;
    if (op.kind !== "gather") return [];
    const [{ shape }, indices] = [input(node, 0), input(node, 1)];
    const [axis, n] = [op.axis, indices.shape.length];
    const dy = full(g, dyLazy, node);
    // The gathered axes to the front, summed by index there, and back.
    const front = dy.shape.map((_, i) => i);
    const toFront = [...front.slice(axis, axis + n), ...front.slice(0, axis), ...front.slice(axis + n)];
    const summed = g.unsortedSegmentSum(g.transpose(dy, toFront), indices, dim(shape, axis));
    const back = shape.map((_, i) => (i < axis ? i + 1 : i === axis ? 0 : i));
    return [g.transpose(summed, back)];
  }),
  gatherBatch: of(({ g, node }, dy) => {
    const [n, m] = input(node, 0).shape;
    return [scatterRows(g, full(g, dy, node), input(node, 1), n, m)];
  }),
  unsortedSegmentSum: of(({ g, node }, dy) => {
    const [x, ids] = [input(node, 0), input(node, 1)];
    const rows = g.gather(full(g, dy, node), g.maximum(ids, 0));
    const kept = g.reshape(
      g.greaterEqual(ids, 0),
      x.shape.map((d, i) => (i < ids.shape.length ? d : 1)),
    );
    return [g.select(kept, rows, 0)];
  }),
  softmax: of(({ g, node, rowDots }, dy) => {
    const y = output(node);
    return [g.mul(g.sub(dy, rowDots() ?? g.sum(g.mul(dy, y), -1, true)), y)];
  }),
  logSoftmax: of(({ g, node }, dyLazy) => {
    const dy = full(g, dyLazy, node);
    return [g.sub(dy, g.mul(g.exp(output(node)), g.sum(dy, -1, true)))];
  }),
  sparseCrossEntropy: of(({ g, node }, dy) => {
    const column = sizeOf(dy.shape) === 1 ? g.reshape(dy, []) : g.reshape(dy, [-1, 1]);
    return [g.mul(node.outputs[1], column)];
  }),
  floor: zero,
  stopGradient: zero,
  oneHot: zero,
};

/** Cotangents of a node's inputs. @throws TensorError for the few ops that cannot be differentiated. */
export const vjp: Vjp = (context, dys) => {
  const { node } = context;
  if (!isFloat(output(node).dtype)) return [];
  const rule = table[node.op.kind];
  return rule === undefined
    ? fail("gradients", `${node.op.kind} has no gradient; put stopGradient before it`)
    : rule(context, dys);
};
