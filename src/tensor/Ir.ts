/**
 * The recorded program: values, nodes, effects. Plain data; `Graph` builds it, executors read it.
 */

export type DType = "float32" | "bfloat16" | "int32" | "bool";
export type Shape = ReadonlyArray<number>;
export type TensorData = Float32Array | Int32Array | Uint8Array;

/** One SSA value: static shape, one producer. */
export interface Value {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
}

export type UnaryKind =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "rsqrt"
  | "square"
  | "abs"
  | "sigmoid"
  | "tanh"
  | "softplus"
  | "relu"
  | "floor";
export type ArithmeticKind = "add" | "sub" | "mul" | "div" | "maximum" | "minimum";
export type CompareKind = "greater" | "less" | "greaterEqual" | "lessEqual" | "equal";
export type LogicalKind = "and" | "or";
export type ReduceKind = "sum" | "mean" | "max";
/** f'(x) * dy in one kernel, written in the terms that the forward pass already has: (y, dy). */
export type UnaryGradKind = "sigmoidGrad" | "tanhGrad" | "reluGrad";

export type Op =
  | { readonly kind: "feed"; readonly name: string }
  | { readonly kind: "constant"; readonly data: TensorData }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "buffer"; readonly name: string }
  | { readonly kind: UnaryKind | ArithmeticKind | CompareKind | LogicalKind | UnaryGradKind }
  | { readonly kind: "not" | "select" | "cast" | "stopGradient" }
  /** The input itself; "after" has a second input, which must have been computed before. */
  | { readonly kind: "checkpoint" | "after" }
  | { readonly kind: "matMul"; readonly transposeA: boolean; readonly transposeB: boolean }
  | { readonly kind: "batchMatMul"; readonly adjointA: boolean; readonly adjointB: boolean }
  | { readonly kind: ReduceKind; readonly axes: ReadonlyArray<number>; readonly keepDims: boolean }
  | { readonly kind: "argMax"; readonly axis: number }
  | { readonly kind: "cumsum"; readonly axis: number; readonly reverse: boolean }
  | { readonly kind: "topK"; readonly k: number }
  | { readonly kind: "reshape" }
  | { readonly kind: "broadcastTo" }
  | { readonly kind: "transpose"; readonly perm: ReadonlyArray<number> }
  | { readonly kind: "concat"; readonly axis: number }
  | { readonly kind: "split"; readonly axis: number; readonly sizes: ReadonlyArray<number> }
  | { readonly kind: "slice"; readonly begin: ReadonlyArray<number>; readonly size: ReadonlyArray<number> }
  | { readonly kind: "pad"; readonly paddings: ReadonlyArray<readonly [number, number]> }
  | { readonly kind: "roll"; readonly shift: number; readonly axis: number }
  | { readonly kind: "tile"; readonly multiples: ReadonlyArray<number> }
  | { readonly kind: "oneHot"; readonly depth: number }
  | { readonly kind: "gather"; readonly axis: number }
  | { readonly kind: "gatherBatch" }
  | { readonly kind: "unsortedSegmentSum"; readonly segments: number }
  | { readonly kind: "softmax" | "logSoftmax" }
  /** Outputs: losses [n], and their gradient with respect to the logits [n, v]. */
  | { readonly kind: "sparseCrossEntropy" }
  | { readonly kind: "updateRows"; readonly name: string };

export type OpKind = Op["kind"];

export interface Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: ReadonlyArray<Value>;
  readonly outputs: ReadonlyArray<Value>;
}

/** What a program does to the session's state, after everything that the program reads. */
export type Effect =
  | { readonly kind: "assign"; readonly name: string; readonly value: Value }
  | {
      readonly kind: "adam";
      readonly name: string;
      /** The variables that hold the two moments. */
      readonly slots: readonly [string, string];
      readonly gradient: Value;
      readonly learningRate: Value;
      readonly beta1: Value;
      readonly beta2: Value;
      readonly epsilon: Value;
      readonly beta1Power: Value;
      readonly beta2Power: Value;
      /** Decoupled decay (AdamW): weights lose learningRate * weightDecay of themselves. Absent for none. */
      readonly weightDecay?: Value;
    }
  | { readonly kind: "updateRows"; readonly name: string; readonly value: Value };

export interface Program {
  readonly name: string;
  readonly fetches: ReadonlyMap<string, Value>;
  readonly effects: ReadonlyArray<Effect>;
  /** The nodes that this program needs and no others, in order. */
  readonly nodes: ReadonlyArray<Node>;
}

export interface Declared {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Starts at zero in every session (Adam's moments): nobody is asked for its initial value. */
  readonly zero?: boolean;
}

/** A mistake in a program as it is recorded, or in how one is run: the message says which op and what it found. */
export class TensorError extends Error {
  override readonly name = "TensorError";
}

/** The values that an effect reads. */
export const effectInputs = (effect: Effect): ReadonlyArray<Value> => {
  if (effect.kind !== "adam") return [effect.value];
  const { gradient, learningRate, beta1, beta2, epsilon, beta1Power, beta2Power, weightDecay } = effect;
  const inputs = [gradient, learningRate, beta1, beta2, epsilon, beta1Power, beta2Power];
  return weightDecay === undefined ? inputs : [...inputs, weightDecay];
};
