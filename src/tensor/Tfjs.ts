/**
 * The fallback: tfjs's public API on WebAssembly (or plain JavaScript). Slower than native by an order of
 * magnitude, but runs wherever Node does. bfloat16 is held as float32, without its rounding.
 */
import { createRequire } from "node:module";
import * as Path from "node:path";
import type * as TfjsModule from "@tensorflow/tfjs";
import type * as WasmModule from "@tensorflow/tfjs-backend-wasm";
import * as Interpreter from "./Interpreter.ts";
import type { DType, Node } from "./Ir.ts";
import type { Executor } from "./Session.ts";
import * as WasmHelper from "./WasmHelper.ts";
import * as WasmMemory from "./WasmMemory.ts";
import { broadcastAll, fail, sameShape, sizeOf } from "./Shapes.ts";

type Tfjs = typeof TfjsModule;
type Tensor = TfjsModule.Tensor;

const tfType = (dtype: DType): "float32" | "int32" | "bool" => (dtype === "bfloat16" ? "float32" : dtype);

/**
 * Products with more multiplications than this, one by one: the WebAssembly kernel for batches and for transposed
 * operands is a plain loop, that for two plain matrices is XNNPACK's.
 */
const WORTH_SPLITTING = 20_000;

/** What moves numbers about: the WebAssembly backend's memory, or tfjs's own operations. */
type Mover = Omit<WasmMemory.Memory, "view">;

interface Movers {
  readonly float: Mover;
  readonly other: Mover;
}

const plainMover = (tf: Tfjs): Mover => ({
  swapLast: (x) => {
    const r = x.rank;
    return tf.transpose(
      x,
      Array.from({ length: r }, (_, i) => (i < r - 2 ? i : 2 * r - 3 - i)),
    );
  },
  products: (a, b, _sizes, shape) => tf.reshape(tf.matMul(a, b), [...shape]),
  split: (x, sizes, axis) => tf.split(x, [...sizes], axis),
  concat: (list, axis) => tf.concat([...list], axis),
  roll: (x, shift, axis) => {
    const size = x.shape[axis];
    const [front, back] = tf.split(x, [size - shift, shift], axis) as [Tensor, Tensor];
    return tf.concat([back, front], axis);
  },
});

const product = (tf: Tfjs, mover: Mover, a: Tensor, b: Tensor, flipA: boolean, flipB: boolean): Tensor => {
  const plainA = flipA ? mover.swapLast(a) : a;
  const plainB = flipB ? mover.swapLast(b) : b;
  const [m, k] = plainA.shape.slice(-2) as [number, number];
  const n = plainB.shape.at(-1) as number;
  const batch = broadcastAll("batchMatMul", [plainA.shape.slice(0, -2), plainB.shape.slice(0, -2)]);
  // tfjs broadcasts the batches of a product wrongly when both do.
  const whole = (x: Tensor): Tensor => {
    const shape = [...batch, ...x.shape.slice(-2)];
    return sameShape(shape, x.shape) ? x : tf.broadcastTo(x, shape);
  };
  const [x, y] = [whole(plainA), whole(plainB)];
  const count = sizeOf(batch);
  if (m * k * n < WORTH_SPLITTING) return tf.matMul(x, y);
  return mover.products(x, y, [count, m, k, n], [...batch, m, n]);
};

/** In JavaScript: no backend but TensorFlow's has a fast one. */
const segmentSum = (tf: Tfjs, x: Tensor, ids: Tensor, segments: number): Tensor => {
  const rest = x.shape.slice(ids.rank);
  const width = sizeOf(rest);
  const from = x.dataSync();
  const rows = ids.dataSync();
  const out = x.dtype === "int32" ? new Int32Array(segments * width) : new Float32Array(segments * width);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (row < 0 || row >= segments) continue;
    for (let j = 0; j < width; j++) out[row * width + j] = out[row * width + j] + from[i * width + j];
  }
  return tf.tensor(out, [segments, ...rest], x.dtype);
};

const crossEntropy = (tf: Tfjs, logits: Tensor, labels: Tensor, used: ReadonlyArray<boolean>) => {
  const shifted = tf.sub(logits, tf.max(logits, -1, true));
  const e = tf.exp(shifted);
  const total = tf.sum(e, -1, true);
  const hit = tf.cast(tf.oneHot(tf.cast(labels, "int32"), logits.shape[1] as number), "float32");
  return [
    used[0] ? tf.sub(tf.squeeze(tf.log(total), [-1]), tf.sum(tf.mul(shifted, hit), -1)) : undefined,

    used[1] ? tf.sub(tf.div(e, total), hit) : undefined,
  ];
};

const logSoftmax = (tf: Tfjs, x: Tensor): Tensor => {
  const shifted = tf.sub(x, tf.max(x, -1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
};

const gatherRows = (tf: Tfjs, params: Tensor, indices: Tensor): Tensor => {
  const [n, m] = params.shape as [number, number];
  const offsets = tf.tensor(
    Int32Array.from({ length: n }, (_, i) => i * m),
    [n, 1],
    "int32",
  );
  return tf.gather(tf.reshape(params, [-1]), tf.cast(tf.add(indices, offsets), "int32"));
};

const apply = (
  tf: Tfjs,
  movers: Movers,
  { op, outputs }: Node,
  inputs: ReadonlyArray<Tensor>,
  used: ReadonlyArray<boolean>,
): ReadonlyArray<Tensor | undefined> => {
  const [a, b, c] = inputs as [Tensor, Tensor, Tensor];
  const { shape, dtype } = outputs[0];
  const mover = a?.dtype === "float32" ? movers.float : movers.other;
  switch (op.kind) {
    case "feed":
    case "constant":
    case "variable":
    case "buffer":
      return fail("tfjs", `${op.kind} is a source`);
    case "neg":
    case "exp":
    case "log":
    case "sqrt":
    case "rsqrt":
    case "square":
    case "abs":
    case "sigmoid":
    case "tanh":
    case "softplus":
    case "relu":
    case "floor":
      return [tf[op.kind](a)];
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "maximum":
    case "minimum":
    case "greater":
    case "less":
    case "greaterEqual":
    case "lessEqual":
    case "equal":
      return [tf[op.kind](a, b)];
    case "and":
      return [tf.logicalAnd(a, b)];
    case "or":
      return [tf.logicalOr(a, b)];
    case "not":
      return [tf.logicalNot(a)];
    case "select":
      return [tf.where(a, b, c)];
    case "cast":
      if (a.dtype === tfType(dtype)) return [tf.clone(a)];
      // The WebAssembly backend's own cast to bool keeps the number.
      return [dtype === "bool" ? tf.notEqual(a, tf.zerosLike(a)) : tf.cast(a, tfType(dtype))];
    case "stopGradient":
    case "checkpoint":
    case "after":
      return [tf.clone(a)];
    case "sigmoidGrad":
      return [tf.mul(tf.mul(b, a), tf.sub(1, a))];
    case "tanhGrad":
      return [tf.mul(b, tf.sub(1, tf.square(a)))];
    case "reluGrad":
      return [tf.mul(b, tf.cast(tf.greater(a, 0), "float32"))];
    case "matMul":
      return [product(tf, mover, a, b, op.transposeA, op.transposeB)];
    case "batchMatMul":
      return [product(tf, mover, a, b, op.adjointA, op.adjointB)];
    case "sum":
    case "mean":
    case "max":
      return [tf[op.kind](a, [...op.axes], op.keepDims)];
    case "argMax":
      return [tf.argMax(a, op.axis)];
    case "cumsum":
      return [tf.cumsum(a, op.axis, false, op.reverse)];
    case "topK": {
      const { values, indices } = tf.topk(a, op.k, true);
      return [values, indices];
    }
    case "reshape":
      return [tf.reshape(a, [...shape])];
    case "broadcastTo":
      return [tf.broadcastTo(a, [...shape])];
    case "transpose":
      return [tf.transpose(a, [...op.perm])];
    case "concat":
      return [mover.concat(inputs, op.axis)];
    case "split":
      return mover.split(a, op.sizes, op.axis);
    case "slice":
      return [tf.slice(a, [...op.begin], [...op.size])];
    case "pad":
      return [
        tf.pad(
          a,
          op.paddings.map(([before, after]) => [before, after]),
        ),
      ];
    case "roll":
      return [mover.roll(a, op.shift, op.axis)];
    case "tile":
      return [tf.tile(a, [...op.multiples])];
    case "oneHot":
      return [tf.cast(tf.oneHot(a, op.depth), "float32")];
    case "gather":
      return [tf.gather(a, b, op.axis)];
    case "gatherBatch":
      return [gatherRows(tf, a, b)];
    case "unsortedSegmentSum":
      return [segmentSum(tf, a, b, op.segments)];
    case "softmax":
      return [tf.softmax(a)];
    case "logSoftmax":
      return [logSoftmax(tf, a)];
    case "sparseCrossEntropy":
      return crossEntropy(tf, a, b, used);
    case "updateRows":
      return [tf.tensorScatterUpdate(a, tf.reshape(b, [-1, 1]), c)];
  }
};

const kernels = (tf: Tfjs, movers: Movers): Interpreter.Kernels<Tensor> => ({
  create: (data, { shape, dtype }) => tf.tensor(data.slice(), [...shape], tfType(dtype)),
  read: (tensor) => tensor.dataSync().slice(),
  free: (tensor) => tensor.dispose(),
  same: (tensor) => tf.clone(tensor),
  apply: (node, inputs, used) => {
    const kept: Array<Tensor | undefined> = [];
    tf.tidy(() => {
      for (const out of apply(tf, movers, node, inputs, used))
        kept.push(out === undefined ? undefined : tf.keep(out));
    });
    return kept;
  },
  tensors: () => tf.memory().numTensors,
});

/** tfjs on a backend. @throws Error when tfjs has no such backend here. */
export const start = async (backend: "wasm" | "cpu"): Promise<Tfjs> => {
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs") as Tfjs;
  tf.enableProdMode();
  if (backend === "wasm") {
    const wasm = require("@tensorflow/tfjs-backend-wasm") as typeof WasmModule;
    const main = require.resolve("@tensorflow/tfjs-backend-wasm");
    wasm.setWasmPaths(`${Path.dirname(main)}${Path.sep}`);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs cannot start its ${backend} backend here.`);
  return tf;
};

/** WebAssembly has at most two `threads`, whose results are the same. @throws Error as `start` does. */
export const make = async (backend: "wasm" | "cpu", threads = 1): Promise<Executor> => {
  const tf = await start(backend);
  const other = plainMover(tf);
  if (backend === "cpu") return named(tf, "plain JavaScript, 1 thread", { float: other, other });
  const helper = threads > 1 ? await WasmHelper.open() : undefined;
  const where = `WebAssembly, ${helper === undefined ? "1 thread" : "2 threads"}`;
  return named(tf, where, { float: WasmMemory.make(tf, helper), other });
};

const named = (tf: Tfjs, where: string, movers: Movers): Executor => ({
  name: `tfjs ${tf.version_core} (${where})`,
  open: (graph, initial) => Interpreter.open(kernels(tf, movers), graph, initial),
});
