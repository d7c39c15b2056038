/**
 * The op interface: a model or a loss is plain TypeScript that calls these methods. Each checks its arguments,
 * infers the static shape and dtype of its result, and records a node; nothing is computed here. One graph is
 * opened as one session by an executor and holds several named programs over shared variables and buffers.
 *
 * Where an operand may be a number it becomes a scalar constant of the other operand's dtype.
 * All errors are `TensorError`s that name the op, and what was found.
 */
import { ElementwiseOps, type Operand } from "./ElementwiseOps.ts";
import type { ReduceKind, Value } from "./Ir.ts";
import { axesOf, axisOf, broadcast, dim, fail, isFloat, reduced, sameShape, show } from "./Shapes.ts";

export type { Operand } from "./ElementwiseOps.ts";
export type { DType, Program, Shape, Value } from "./Ir.ts";
export { TensorError } from "./Ir.ts";

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

export class Graph extends ElementwiseOps {
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
    for (const slot of slots) this.variable(slot, shape, "float32", true);
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
