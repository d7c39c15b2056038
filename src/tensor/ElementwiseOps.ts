/** The op interface, continued: constants, and ops that work element by element. See Graph. */
import type {
  ArithmeticKind,
  CompareKind,
  DType,
  LogicalKind,
  Shape,
  UnaryGradKind,
  UnaryKind,
  Value,
} from "./Ir.ts";
import { ShapeOps } from "./ShapeOps.ts";
import { broadcastAll, fail, isFloat, sameShape, show } from "./Shapes.ts";

export type Operand = Value | number;

export class ElementwiseOps extends ShapeOps {
  // ---- sources

  /** Float32Array is float32, Int32Array int32, Uint8Array bool. Identical constants are one node; do not change the data afterwards. */
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

  protected isScalar(operand: Operand, x: number): boolean {
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
    if (this.producer(a).op.kind === "stopGradient") return a;
    return this.one({ kind: "stopGradient" }, [a], a.shape, a.dtype);
  }
  /** The value itself, of which the backward sweep may start over when it recomputes what comes after (Recompute.ts). */
  checkpoint(a: Value): Value {
    return this.one({ kind: "checkpoint" }, [a], a.shape, a.dtype);
  }
  /** The value itself, but nothing made of it is computed before `dependency` is. */
  after(a: Value, dependency: Value): Value {
    return this.one({ kind: "after" }, [a, dependency], a.shape, a.dtype);
  }
  /** The derivative of a function by its output: kind "sigmoidGrad" is dy * y * (1 - y), and so on. Equal shapes. */
  unaryGrad(kind: UnaryGradKind, y: Value, dy: Value): Value {
    if (!sameShape(y.shape, dy.shape)) fail(kind, `shapes differ: ${show(y.shape)} and ${show(dy.shape)}`);
    return this.one({ kind }, [y, dy], y.shape, y.dtype);
  }
}
