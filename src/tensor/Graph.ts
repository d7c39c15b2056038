/**
 * The op interface: a model or a loss is plain TypeScript that calls these methods. Each checks its arguments,
 * infers the static shape and dtype of its result, and records a node; nothing is computed here. One graph is
 * opened as one session by an executor and holds several named programs over shared variables and buffers.
 *
 * Where an operand may be a number it becomes a scalar constant of the other operand's dtype.
 * All errors are `TensorError`s that name the op, and what was found.
 */
import type {
  ArithmeticKind,
  CompareKind,
  DType,
  LogicalKind,
  Op,
  ReduceKind,
  Shape,
  UnaryGradKind,
  UnaryKind,
  Value,
} from "./Ir.ts";
import { Recorder } from "./Recorder.ts";
import {
  axesOf,
  axisOf,
  broadcast,
  broadcastAll,
  checkShape,
  dim,
  fail,
  isFloat,
  reduced,
  sameShape,
  show,
  sizeOf,
} from "./Shapes.ts";

export type { DType, Program, Shape, Value } from "./Ir.ts";
export { TensorError } from "./Ir.ts";

export type Operand = Value | number;
export type Axes = number | ReadonlyArray<number>;

/** Scalars (shape []) or numbers. */
export interface AdamOptions {
  readonly learningRate: Operand;
  readonly beta1: Operand;
  readonly beta2: Operand;
  readonly epsilon: Operand;
  /** beta1^t and beta2^t of this step t = 1, 2, ...: feed them. */
  readonly beta1Power: Operand;
  readonly beta2Power: Operand;
  /** Decoupled decay, 0 for none: weights lose learningRate * weightDecay of themselves first (AdamW). */
  readonly weightDecay?: Operand;
  /** Prefix of the moments' names, so that two optimizers of one variable keep their own. Default: the variable's name. */
  readonly slots?: string;
}

export class Graph extends Recorder {
  private one(op: Op, inputs: ReadonlyArray<Value>, shape: Shape, dtype: DType): Value {
    return this.record(op, inputs, [{ shape, dtype }])[0];
  }

  // ---- sources

  /** Float32Array is float32, Int32Array int32, Uint8Array bool. Identical small constants are one node. */
  constant(data: Float32Array | Int32Array | Uint8Array, shape: Shape): Value {
    const dtype = data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "bool";
    return this.recordConstant(data, shape, dtype);
  }

  scalar(x: number, dtype: DType = "float32"): Value {
    if (dtype === "int32" && !Number.isInteger(x)) fail("scalar", `${x} is no int32`);
    const data =
      dtype === "int32" ? Int32Array.of(x) : dtype === "bool" ? Uint8Array.of(x) : Float32Array.of(x);
    return this.recordConstant(data, [], dtype);
  }

  zeros(shape: Shape, dtype: DType = "float32"): Value {
    return this.broadcastTo(this.scalar(0, dtype), shape);
  }

  /** The one number that a scalar constant holds; undefined for anything else. */
  scalarOf(value: Value): number | undefined {
    if (value.shape.length > 0) return undefined;
    const { op } = this.producer(value);
    return op.kind === "constant" ? op.data[0] : undefined;
  }

  // ---- element-wise, broadcasting as NumPy does

  private pair(op: string, a: Operand, b: Operand): readonly [Value, Value] {
    if (typeof a === "number") {
      if (typeof b === "number") return fail(op, "both operands are numbers; compute it in TypeScript");
      return [this.scalar(a, b.dtype), b];
    }
    const other = typeof b === "number" ? this.scalar(b, a.dtype) : b;
    if (a.dtype !== other.dtype) fail(op, `the operands are ${a.dtype} and ${other.dtype}; cast one`);
    return [a, other];
  }

  private binary(kind: ArithmeticKind | CompareKind, a: Operand, b: Operand, out?: DType): Value {
    const [x, y] = this.pair(kind, a, b);
    if (x.dtype === "bool") fail(kind, "the operands are bool; cast them");
    return this.one({ kind }, [x, y], broadcastAll(kind, [x.shape, y.shape]), out ?? x.dtype);
  }

  private isScalar(operand: Operand, x: number): boolean {
    return operand === x || (typeof operand !== "number" && this.scalarOf(operand) === x);
  }

  add(a: Operand, b: Operand): Value {
    if (this.isScalar(b, 0) && typeof a !== "number") return a;
    if (this.isScalar(a, 0) && typeof b !== "number") return b;
    return this.binary("add", a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.isScalar(b, 0) && typeof a !== "number" ? a : this.binary("sub", a, b);
  }
  mul(a: Operand, b: Operand): Value {
    if (this.isScalar(b, 1) && typeof a !== "number") return a;
    if (this.isScalar(a, 1) && typeof b !== "number") return b;
    const [x, y] = this.pair("mul", a, b);
    const [s, t] = [this.scalarOf(x), this.scalarOf(y)];
    if (s !== undefined && t !== undefined && x.dtype === "float32") return this.scalar(s * t);
    const factor = t ?? s;
    const scaled = this.producer(t === undefined ? y : x);
    if (factor !== undefined && scaled.op.kind === "mul" && x.dtype === "float32") {
      // (z * u) * t = z * (u t) for numbers u and t.
      const [z, u] = scaled.inputs as [Value, Value];
      const inner = this.scalarOf(u);
      if (inner !== undefined) return this.binary("mul", z, inner * factor);
    }
    return t === undefined && s !== undefined ? this.binary("mul", y, x) : this.binary("mul", x, y);
  }
  /** Of float32 or bfloat16. */
  div(a: Operand, b: Operand): Value {
    if (this.isScalar(b, 1) && typeof a !== "number") return a;
    const [x] = this.pair("div", a, b);
    if (!isFloat(x.dtype)) fail("div", `needs floats, found ${x.dtype}`);
    return this.binary("div", a, b);
  }
  maximum(a: Operand, b: Operand): Value {
    return this.binary("maximum", a, b);
  }
  minimum(a: Operand, b: Operand): Value {
    return this.binary("minimum", a, b);
  }

  private unary(kind: UnaryKind, a: Value): Value {
    const integral = kind === "neg" || kind === "abs" || kind === "square" || kind === "relu";
    if (!isFloat(a.dtype) && !(integral && a.dtype === "int32"))
      fail(kind, `does not take ${a.dtype}; cast it`);
    return this.one({ kind }, [a], a.shape, a.dtype);
  }
  neg(a: Value): Value {
    return this.unary("neg", a);
  }
  exp(a: Value): Value {
    return this.unary("exp", a);
  }
  log(a: Value): Value {
    return this.unary("log", a);
  }
  sqrt(a: Value): Value {
    return this.unary("sqrt", a);
  }
  rsqrt(a: Value): Value {
    return this.unary("rsqrt", a);
  }
  square(a: Value): Value {
    return this.unary("square", a);
  }
  abs(a: Value): Value {
    return this.unary("abs", a);
  }
  sigmoid(a: Value): Value {
    return this.unary("sigmoid", a);
  }
  tanh(a: Value): Value {
    return this.unary("tanh", a);
  }
  /** log(1 + exp(a)), stable. */
  softplus(a: Value): Value {
    return this.unary("softplus", a);
  }
  relu(a: Value): Value {
    return this.unary("relu", a);
  }
  /** Gradient zero. */
  floor(a: Value): Value {
    return this.unary("floor", a);
  }

  greater(a: Operand, b: Operand): Value {
    return this.binary("greater", a, b, "bool");
  }
  less(a: Operand, b: Operand): Value {
    return this.binary("less", a, b, "bool");
  }
  greaterEqual(a: Operand, b: Operand): Value {
    return this.binary("greaterEqual", a, b, "bool");
  }
  lessEqual(a: Operand, b: Operand): Value {
    return this.binary("lessEqual", a, b, "bool");
  }
  equal(a: Operand, b: Operand): Value {
    return this.binary("equal", a, b, "bool");
  }

  private logical(kind: LogicalKind, a: Value, b: Value): Value {
    if (a.dtype !== "bool" || b.dtype !== "bool") fail(kind, `needs bool, found ${a.dtype} and ${b.dtype}`);
    return this.one({ kind }, [a, b], broadcastAll(kind, [a.shape, b.shape]), "bool");
  }
  and(a: Value, b: Value): Value {
    return this.logical("and", a, b);
  }
  or(a: Value, b: Value): Value {
    return this.logical("or", a, b);
  }
  not(a: Value): Value {
    if (a.dtype !== "bool") fail("not", `needs bool, found ${a.dtype}`);
    return this.one({ kind: "not" }, [a], a.shape, "bool");
  }
  /** `a` where `condition` holds, else `b`; the three broadcast. */
  select(condition: Value, a: Operand, b: Operand): Value {
    if (condition.dtype !== "bool") fail("select", `the condition must be bool, found ${condition.dtype}`);
    const [x, y] = this.pair("select", a, b);
    const shape = broadcastAll("select", [condition.shape, x.shape, y.shape]);
    return this.one({ kind: "select" }, [condition, x, y], shape, x.dtype);
  }
  /** Float to int32 truncates; bool is 0 or 1; a number is true unless 0. */
  cast(a: Value, dtype: DType): Value {
    return a.dtype === dtype ? a : this.one({ kind: "cast" }, [a], a.shape, dtype);
  }
  /** The value itself, through which no gradient flows. */
  stopGradient(a: Value): Value {
    return this.one({ kind: "stopGradient" }, [a], a.shape, a.dtype);
  }
  /** The derivative of a function by its output: kind "sigmoidGrad" is dy * y * (1 - y), and so on. Equal shapes. */
  unaryGrad(kind: UnaryGradKind, y: Value, dy: Value): Value {
    if (!sameShape(y.shape, dy.shape)) fail(kind, `shapes differ: ${show(y.shape)} and ${show(dy.shape)}`);
    return this.one({ kind }, [y, dy], y.shape, y.dtype);
  }

  // ---- linear algebra

  /** [m,k] x [k,n] -> [m,n] after the transpositions. float32, or bfloat16 with a bfloat16 result. */
  matMul(
    a: Value,
    b: Value,
    options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
  ): Value {
    const { transposeA = false, transposeB = false } = options;
    const [m, n] = this.product("matMul", a, b, transposeA, transposeB);
    if (a.shape.length !== 2 || b.shape.length !== 2) {
      fail("matMul", `needs two matrices, found ${show(a.shape)} and ${show(b.shape)}`);
    }
    return this.one({ kind: "matMul", transposeA, transposeB }, [a, b], [m, n], a.dtype);
  }

  /** [...,m,k] x [...,k,n] -> [...,m,n]; leading dimensions broadcast. */
  batchMatMul(
    a: Value,
    b: Value,
    options: { readonly adjointA?: boolean; readonly adjointB?: boolean } = {},
  ): Value {
    const { adjointA = false, adjointB = false } = options;
    const [m, n] = this.product("batchMatMul", a, b, adjointA, adjointB);
    const batch =
      broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)) ??
      fail("batchMatMul", `the leading dimensions of ${show(a.shape)} and ${show(b.shape)} do not broadcast`);
    return this.one({ kind: "batchMatMul", adjointA, adjointB }, [a, b], [...batch, m, n], a.dtype);
  }

  private product(op: string, a: Value, b: Value, flipA: boolean, flipB: boolean): [number, number] {
    if (a.shape.length < 2 || b.shape.length < 2) {
      fail(op, `needs at least two dimensions, found ${show(a.shape)} and ${show(b.shape)}`);
    }
    if (a.dtype !== b.dtype || !isFloat(a.dtype)) {
      fail(op, `needs two float32 or two bfloat16 tensors, found ${a.dtype} and ${b.dtype}`);
    }
    const [m, k] = [dim(a.shape, a.shape.length - 2), dim(a.shape, a.shape.length - 1)];
    const [l, n] = [dim(b.shape, b.shape.length - 2), dim(b.shape, b.shape.length - 1)];
    if ((flipA ? m : k) !== (flipB ? n : l)) {
      const sides = `${show(a.shape)}${flipA ? " transposed" : ""} x ${show(b.shape)}${flipB ? " transposed" : ""}`;
      fail(op, `the inner sizes differ: ${sides}`);
    }
    return [flipA ? k : m, flipB ? l : n];
  }

  // ---- reductions

  private reduce(kind: ReduceKind, a: Value, axes: Axes | undefined, keepDims: boolean): Value {
    if (a.dtype === "bool" || (kind === "mean" && !isFloat(a.dtype)))
      fail(kind, `does not take ${a.dtype}; cast it`);
    const list = axesOf(kind, axes, a.shape.length);
    if (list.length === 0) return a;
    if (list.every((axis) => a.shape[axis] === 1)) return this.reshape(a, reduced(a.shape, list, keepDims));
    return this.one({ kind, axes: list, keepDims }, [a], reduced(a.shape, list, keepDims), a.dtype);
  }
  /** Over `axes`, or over all of them. */
  sum(a: Value, axes?: Axes, keepDims = false): Value {
    return this.reduce("sum", a, axes, keepDims);
  }
  mean(a: Value, axes?: Axes, keepDims = false): Value {
    return this.reduce("mean", a, axes, keepDims);
  }
  /** Equal maxima share the gradient equally. */
  max(a: Value, axes?: Axes, keepDims = false): Value {
    return this.reduce("max", a, axes, keepDims);
  }
  /** Index of the first maximum, int32. */
  argMax(a: Value, axis = -1): Value {
    const at = axisOf("argMax", axis, a.shape.length);
    return this.one({ kind: "argMax", axis: at }, [a], reduced(a.shape, [at], false), "int32");
  }
  /** Running sum along an axis, the element itself included; from the end with `reverse`. */
  cumsum(a: Value, axis: number, reverse = false): Value {
    if (a.dtype === "bool") fail("cumsum", "does not take bool; cast it");
    return this.one(
      { kind: "cumsum", axis: axisOf("cumsum", axis, a.shape.length), reverse },
      [a],
      a.shape,
      a.dtype,
    );
  }
  /** The k largest of the last axis in falling order, of equals the first; indices are int32. */
  topK(a: Value, k: number): { readonly values: Value; readonly indices: Value } {
    const last = a.shape.at(-1) ?? fail("topK", "needs at least one dimension");
    if (!Number.isInteger(k) || k < 1 || k > last) fail("topK", `k must be in 1 .. ${last}, found ${k}`);
    const shape = [...a.shape.slice(0, -1), k];
    const [values, indices] = this.record(
      { kind: "topK", k },
      [a],
      [
        { shape, dtype: a.dtype },
        { shape, dtype: "int32" },
      ],
    );
    return { values: values, indices: indices };
  }

  // ---- shape

  /** One dimension may be -1: it is what the others leave. */
  reshape(a: Value, shape: Shape): Value {
    const known = shape.reduce((x, d) => (d === -1 ? x : x * d), 1);
    const full = shape.map((d) => (d === -1 ? sizeOf(a.shape) / known : d));
    checkShape("reshape", full);
    if (sizeOf(full) !== sizeOf(a.shape) || shape.filter((d) => d === -1).length > 1) {
      fail("reshape", `${show(a.shape)} does not hold as many elements as ${show(shape)}`);
    }
    if (sameShape(full, a.shape)) return a;
    const from = this.producer(a);
    if (from.op.kind === "reshape") return this.reshape(from.inputs[0], full);
    return this.one({ kind: "reshape" }, [a], full, a.dtype);
  }
  /** Repeats dimensions of size 1 (and missing leading ones). */
  broadcastTo(a: Value, shape: Shape): Value {
    checkShape("broadcastTo", shape);
    if (sameShape(a.shape, shape)) return a;
    if (!sameShape(broadcast(a.shape, shape) ?? [], shape)) {
      fail("broadcastTo", `${show(a.shape)} does not broadcast to ${show(shape)}`);
    }
    if (sizeOf(a.shape) === sizeOf(shape)) return this.reshape(a, shape);
    return this.one({ kind: "broadcastTo" }, [a], shape, a.dtype);
  }
  /** Axis i of the result is axis perm[i] of the input. */
  transpose(a: Value, perm: ReadonlyArray<number>): Value {
    if (perm.length !== a.shape.length || [...perm].sort((x, y) => x - y).some((p, i) => p !== i)) {
      fail("transpose", `${show(perm)} is no permutation of the axes of ${show(a.shape)}`);
    }
    if (perm.every((p, i) => p === i)) return a;
    const from = this.producer(a);
    if (from.op.kind === "transpose") {
      const inner = from.op.perm;
      return this.transpose(
        from.inputs[0],
        perm.map((p) => dim(inner, p)),
      );
    }
    return this.one(
      { kind: "transpose", perm: [...perm] },
      [a],
      perm.map((p) => dim(a.shape, p)),
      a.dtype,
    );
  }
  concat(list: ReadonlyArray<Value>, axis: number): Value {
    const first = list[0] ?? fail("concat", "needs at least one tensor");
    if (list.length === 1) return first;
    const at = axisOf("concat", axis, first.shape.length);
    for (const { shape, dtype } of list) {
      if (dtype !== first.dtype) fail("concat", `dtypes differ: ${first.dtype} and ${dtype}`);
      if (shape.length !== first.shape.length || shape.some((d, i) => i !== at && d !== first.shape[i])) {
        fail("concat", `${show(first.shape)} and ${show(shape)} differ outside axis ${at}`);
      }
    }
    const total = list.reduce((n, { shape }) => n + dim(shape, at), 0);
    return this.one({ kind: "concat", axis: at }, list, first.shape.with(at, total), first.dtype);
  }
  split(a: Value, sizes: ReadonlyArray<number>, axis: number): ReadonlyArray<Value> {
    const at = axisOf("split", axis, a.shape.length);
    checkShape("split", sizes);
    if (sizes.reduce((n, s) => n + s, 0) !== a.shape[at]) {
      fail("split", `sizes ${show(sizes)} do not add up to axis ${at} of ${show(a.shape)}`);
    }
    if (sizes.length === 1) return [a];
    return this.record(
      { kind: "split", axis: at, sizes: [...sizes] },
      [a],
      sizes.map((size) => ({ shape: a.shape.with(at, size), dtype: a.dtype })),
    );
  }
  slice(a: Value, begin: ReadonlyArray<number>, size: ReadonlyArray<number>): Value {
    checkShape("slice", begin);
    checkShape("slice", size);
    const rank = a.shape.length;
    if (
      begin.length !== rank ||
      size.length !== rank ||
      size.some((s, i) => s + dim(begin, i) > dim(a.shape, i))
    ) {
      fail("slice", `begin ${show(begin)} and size ${show(size)} leave a tensor of ${show(a.shape)}`);
    }
    if (sameShape(size, a.shape)) return a;
    return this.one({ kind: "slice", begin: [...begin], size: [...size] }, [a], size, a.dtype);
  }
  /** Zeros before and after, a pair an axis. */
  pad(a: Value, paddings: ReadonlyArray<readonly [number, number]>): Value {
    checkShape("pad", paddings.flat());
    if (paddings.length !== a.shape.length)
      fail("pad", `${paddings.length} pairs for a tensor of ${show(a.shape)}`);
    if (paddings.every(([before, after]) => before + after === 0)) return a;
    const shape = a.shape.map((d, i) => d + (paddings[i]?.[0] ?? 0) + (paddings[i]?.[1] ?? 0));
    return this.one({ kind: "pad", paddings }, [a], shape, a.dtype);
  }
  /** Element i goes to i + shift, round the end. */
  roll(a: Value, shift: number, axis: number): Value {
    const at = axisOf("roll", axis, a.shape.length);
    if (!Number.isInteger(shift)) fail("roll", `the shift must be an integer, found ${shift}`);
    const size = Math.max(1, dim(a.shape, at));
    const forward = ((shift % size) + size) % size;
    return forward === 0 ? a : this.one({ kind: "roll", shift: forward, axis: at }, [a], a.shape, a.dtype);
  }
  /** The whole tensor repeated, a count an axis. */
  tile(a: Value, multiples: ReadonlyArray<number>): Value {
    checkShape("tile", multiples);
    if (multiples.length !== a.shape.length)
      fail("tile", `${show(multiples)} for a tensor of ${show(a.shape)}`);
    if (multiples.every((m) => m === 1)) return a;
    const shape = a.shape.map((d, i) => d * dim(multiples, i));
    return this.one({ kind: "tile", multiples: [...multiples] }, [a], shape, a.dtype);
  }
  private ids(op: string, ids: Value): Value {
    return ids.dtype === "int32" ? ids : fail(op, `indices must be int32, found ${ids.dtype}`);
  }
  /** int32 [...] -> float32 [..., depth]; an id outside 0 .. depth-1 gives zeros. */
  oneHot(ids: Value, depth: number): Value {
    checkShape("oneHot", [depth]);
    return this.one({ kind: "oneHot", depth }, [this.ids("oneHot", ids)], [...ids.shape, depth], "float32");
  }
  /** Takes `indices` (any shape) along `axis`: [..., indices..., ...]. Indices must be in range. */
  gather(params: Value, indices: Value, axis = 0): Value {
    const at = axisOf("gather", axis, params.shape.length);
    const shape = [...params.shape.slice(0, at), ...indices.shape, ...params.shape.slice(at + 1)];
    return this.one({ kind: "gather", axis: at }, [params, this.ids("gather", indices)], shape, params.dtype);
  }
  /** Row by row: params [n,m], indices [n,k] -> [n,k]. */
  gatherBatch(params: Value, indices: Value): Value {
    if (params.shape.length !== 2 || indices.shape.length !== 2 || params.shape[0] !== indices.shape[0]) {
      fail("gatherBatch", `needs [n,m] and [n,k], found ${show(params.shape)} and ${show(indices.shape)}`);
    }
    return this.one(
      { kind: "gatherBatch" },
      [params, this.ids("gatherBatch", indices)],
      indices.shape,
      params.dtype,
    );
  }
  /** Sums rows by id: x [ids..., rest...] -> [segments, rest...]; negative ids are dropped. */
  unsortedSegmentSum(x: Value, ids: Value, segments: number): Value {
    checkShape("unsortedSegmentSum", [segments]);
    const rank = this.ids("unsortedSegmentSum", ids).shape.length;
    if (!sameShape(x.shape.slice(0, rank), ids.shape)) {
      fail("unsortedSegmentSum", `ids ${show(ids.shape)} are no prefix of ${show(x.shape)}`);
    }
    const shape = [segments, ...x.shape.slice(rank)];
    return this.one({ kind: "unsortedSegmentSum", segments }, [x, ids], shape, x.dtype);
  }

  // ---- neural net

  /** Over the last axis. */
  softmax(a: Value): Value {
    if (!isFloat(a.dtype) || a.shape.length < 1) fail("softmax", `does not take ${a.dtype}${show(a.shape)}`);
    return this.one({ kind: "softmax" }, [a], a.shape, a.dtype);
  }
  logSoftmax(a: Value): Value {
    if (!isFloat(a.dtype) || a.shape.length < 1)
      fail("logSoftmax", `does not take ${a.dtype}${show(a.shape)}`);
    return this.one({ kind: "logSoftmax" }, [a], a.shape, a.dtype);
  }
  /** -log softmax(logits)[label]: logits float32 [n,v], labels int32 [n] in 0 .. v-1 -> [n]. */
  sparseCrossEntropy(logits: Value, labels: Value): Value {
    const ids = this.ids("sparseCrossEntropy", labels);
    if (logits.shape.length !== 2 || ids.shape.length !== 1 || ids.shape[0] !== logits.shape[0]) {
      fail("sparseCrossEntropy", `needs [n,v] and [n], found ${show(logits.shape)} and ${show(ids.shape)}`);
    }
    if (logits.dtype !== "float32") fail("sparseCrossEntropy", `needs float32 logits, found ${logits.dtype}`);
    return this.record(
      { kind: "sparseCrossEntropy" },
      [logits, ids],
      [
        { shape: ids.shape, dtype: "float32" },
        { shape: logits.shape, dtype: "float32" },
      ],
    )[0];
  }

  // ---- state

  /**
   * Writes values [n, rest...] over rows [n] (int32) of a buffer [m, rest...], in place; the result is the
   * buffer's new content, which later runs see. The old content must not be read again in the program.
   */
  updateRows(buffer: Value, rows: Value, values: Value): Value {
    const { op } = this.producer(buffer);
    if (op.kind !== "buffer" && op.kind !== "updateRows") {
      return fail("updateRows", `the first argument must be a buffer or an updateRows, found ${op.kind}`);
    }
    this.ids("updateRows", rows);
    if (rows.shape.length !== 1 || !sameShape(values.shape, [dim(rows.shape, 0), ...buffer.shape.slice(1)])) {
      fail(
        "updateRows",
        `rows ${show(rows.shape)} of values ${show(values.shape)} do not fit a buffer of ${show(buffer.shape)}`,
      );
    }
    if (values.dtype !== buffer.dtype)
      fail("updateRows", `values are ${values.dtype}, the buffer is ${buffer.dtype}`);
    const value = this.one(
      { kind: "updateRows", name: op.name },
      [buffer, rows, values],
      buffer.shape,
      buffer.dtype,
    );
    this.effect({ kind: "updateRows", name: op.name, value });
    return value;
  }

  /** Sets a variable (declared before) at the end of the program; the program itself reads its old value. */
  assign(name: string, value: Value): void {
    const { shape, dtype } = this.variableOf("assign", name);
    if (!sameShape(shape, value.shape) || dtype !== value.dtype) {
      fail("assign", `${name} is ${dtype}${show(shape)}, the value is ${value.dtype}${show(value.shape)}`);
    }
    this.effect({ kind: "assign", name, value });
  }

  /**
   * One step of Adam (Kingma and Ba 2015, the form before section 2.1 with the bias corrections in the step
   * size; decay decoupled as in Loshchilov and Hutter 2019) on a float32 variable. Moments are the variables
   * SLOTS/m and SLOTS/v. All updates of a program happen after all of its gradients.
   */
  adam(name: string, gradient: Value, options: AdamOptions): void {
    const { shape, dtype } = this.variableOf("adam", name);
    if (dtype !== "float32" || gradient.dtype !== "float32")
      fail("adam", `${name} and its gradient must be float32`);
    if (!sameShape(shape, gradient.shape)) {
      fail("adam", `${name} is ${show(shape)}, its gradient is ${show(gradient.shape)}`);
    }
    const scalar = (key: string, x: Operand): Value => {
      if (typeof x === "number") return this.scalar(x);
      return x.shape.length === 0 && x.dtype === "float32"
        ? x
        : fail("adam", `${key} must be a float32 scalar`);
    };
    const prefix = options.slots ?? name;
    const slots = [`${prefix}/m`, `${prefix}/v`] as const;
    for (const slot of slots) this.declareZeroVariable(slot, shape);
    const decay = options.weightDecay ?? 0;
    this.effect({
      kind: "adam",
      name,
      slots,
      gradient,
      learningRate: scalar("learningRate", options.learningRate),
      beta1: scalar("beta1", options.beta1),
      beta2: scalar("beta2", options.beta2),
      epsilon: scalar("epsilon", options.epsilon),
      beta1Power: scalar("beta1Power", options.beta1Power),
      beta2Power: scalar("beta2Power", options.beta2Power),
      ...(this.isScalar(decay, 0) ? {} : { weightDecay: scalar("weightDecay", decay) }),
    });
  }
}
