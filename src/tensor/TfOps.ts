/** How each recorded op is said in TensorFlow's own ops; shared by the graph and the eager executor. */
import type { DType, Node, OpKind } from "./Ir.ts";
import { fail } from "./Shapes.ts";

/** TensorFlow's DataType numbers. */
export const dataType: Record<DType, number> = { float32: 1, int32: 3, bool: 10, bfloat16: 14 };

export type Attr =
  | { readonly kind: "type" | "int" | "float"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "shape"; readonly value: ReadonlyArray<number> };
export type Attrs = Readonly<Record<string, Attr>>;

export const type = (dtype: DType): Attr => ({ kind: "type", value: dataType[dtype] });
export const flag = (value: boolean): Attr => ({ kind: "bool", value });
export const int = (value: number): Attr => ({ kind: "int", value });

/** What receives TensorFlow ops: `H` is its handle of one tensor. */
export interface Emitter<H> {
  readonly op: (name: string, inputs: ReadonlyArray<H>, attrs: Attrs, outputs: number) => ReadonlyArray<H>;
  /** An int32 constant in host memory. */
  readonly ints: (values: ReadonlyArray<number>, shape: ReadonlyArray<number>) => H;
  readonly float: (value: number) => H;
}

const names: Partial<Record<OpKind, string>> = {
  neg: "Neg",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  rsqrt: "Rsqrt",
  square: "Square",
  abs: "Abs",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  softplus: "Softplus",
  relu: "Relu",
  floor: "Floor",
  add: "AddV2",
  sub: "Sub",
  mul: "Mul",
  div: "RealDiv",
  maximum: "Maximum",
  minimum: "Minimum",
  greater: "Greater",
  less: "Less",
  greaterEqual: "GreaterEqual",
  lessEqual: "LessEqual",
  equal: "Equal",
  sigmoidGrad: "SigmoidGrad",
  tanhGrad: "TanhGrad",
  softmax: "Softmax",
  logSoftmax: "LogSoftmax",
  updateRows: "InplaceUpdate",
  stopGradient: "Identity",
};
const reductions = { sum: "Sum", mean: "Mean", max: "Max" } as const;

const index = type("int32");

/** Emits one node; feeds, constants, variables and buffers are the executor's own affair. */
export const emit = <H>(to: Emitter<H>, node: Node, inputs: ReadonlyArray<H>): ReadonlyArray<H> => {
  const { op, outputs } = node;
  const a = inputs[0];
  const shape = outputs[0]?.shape ?? [];
  const first = node.inputs[0];
  const T = type(first?.dtype ?? "float32");
  const vector = (values: ReadonlyArray<number>) => to.ints(values, [values.length]);
  const number = (value: number) => to.ints([value], []);
  const one = (name: string, ins: ReadonlyArray<H>, attrs: Attrs) => to.op(name, ins, attrs, 1);
  switch (op.kind) {
    case "feed":
    case "constant":
    case "variable":
    case "buffer":
      return fail("emit", `${op.kind} is a source`);
    case "and":
      return one("LogicalAnd", inputs, {});
    case "or":
      return one("LogicalOr", inputs, {});
    case "not":
      return one("LogicalNot", inputs, {});
    case "checkpoint":
    case "after":
      return one("Identity", [a], { T });
    case "select":
      return one("SelectV2", inputs, { T: type(outputs[0]?.dtype ?? "float32") });
    case "cast":
      return one("Cast", inputs, { SrcT: T, DstT: type(outputs[0]?.dtype ?? "float32") });
    case "reluGrad":
      return one("ReluGrad", [inputs[1], a], { T });
    case "matMul":
      return one("MatMul", inputs, { T, transpose_a: flag(op.transposeA), transpose_b: flag(op.transposeB) });
    case "batchMatMul":
      return one("BatchMatMulV2", inputs, { T, adj_x: flag(op.adjointA), adj_y: flag(op.adjointB) });
    case "sum":
    case "mean":
    case "max":
      return one(reductions[op.kind], [a, vector(op.axes)], { T, Tidx: index, keep_dims: flag(op.keepDims) });
    case "argMax":
      return one("ArgMax", [a, number(op.axis)], { T, Tidx: index, output_type: index });
    case "cumsum":
      return one("Cumsum", [a, number(op.axis)], {
        T,
        Tidx: index,
        exclusive: flag(false),
        reverse: flag(op.reverse),
      });
    case "topK":
      return to.op("TopKV2", [a, number(op.k)], { T, sorted: flag(true) }, 2);
    case "reshape":
      return one("Reshape", [a, vector(shape)], { T, Tshape: index });
    case "broadcastTo":
      return one("BroadcastTo", [a, vector(shape)], { T, Tidx: index });
    case "transpose":
      return one("Transpose", [a, vector(op.perm)], { T, Tperm: index });
    case "concat":
      return one("ConcatV2", [...inputs, number(op.axis)], { T, N: int(inputs.length), Tidx: index });
    case "split": {
      const n = op.sizes.length;
      return op.sizes.every((size) => size === op.sizes[0])
        ? to.op("Split", [number(op.axis), a], { T, num_split: int(n) }, n)
        : to.op("SplitV", [a, vector(op.sizes), number(op.axis)], { T, Tlen: index, num_split: int(n) }, n);
    }
    case "slice":
      return one("Slice", [a, vector(op.begin), vector(op.size)], { T, Index: index });
    case "pad":
      return one("Pad", [a, to.ints(op.paddings.flat(), [op.paddings.length, 2])], { T, Tpaddings: index });
    case "roll":
      return one("Roll", [a, number(op.shift), number(op.axis)], { T, Tshift: index, Taxis: index });
    case "tile":
      return one("Tile", [a, vector(op.multiples)], { T, Tmultiples: index });
    case "oneHot":
      return one("OneHot", [a, number(op.depth), to.float(1), to.float(0)], {
        T: type("float32"),
        TI: index,
        axis: int(-1),
      });
    case "gather":
    case "gatherBatch":
      return one("GatherV2", [...inputs, number(op.kind === "gather" ? op.axis : 1)], {
        Tparams: T,
        Tindices: index,
        Taxis: index,
        batch_dims: int(op.kind === "gather" ? 0 : 1),
      });
    case "unsortedSegmentSum":
      return one("UnsortedSegmentSum", [...inputs, number(op.segments)], {
        T,
        Tindices: index,
        Tnumsegments: index,
      });
    case "sparseCrossEntropy":
      return to.op("SparseSoftmaxCrossEntropyWithLogits", inputs, { T, Tlabels: index }, 2);
    default:
      return one(names[op.kind] ?? fail("emit", `${op.kind} has no TensorFlow op`), inputs, { T });
  }
};

/** The 16 bits of each number in bfloat16, rounded to the nearest, ties to even. */
export const toBfloat16 = (data: Float32Array): Uint16Array => {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(bits, (x, i) => {
    if (Number.isNaN(data[i])) return 0x7fc0;
    return (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  });
};
