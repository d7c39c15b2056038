/**
 * The one file that knows what is private to tfjs's WebAssembly backend (4.22): where a tensor's numbers lie in its
 * memory, and how its matrix product is called on a part of a tensor. Moving numbers about is faster in JavaScript
 * than by the backend's own kernels, which copy a tensor element by element through index arithmetic; and its
 * product of batches, or of transposed operands, is a plain loop, where that of two plain matrices is XNNPACK's.
 *
 * All tensors here are float32.
 */
import type * as TfjsModule from "@tensorflow/tfjs";
import type { Helper, Sizes } from "./WasmHelper.ts";

type Tensor = TfjsModule.Tensor;

interface Backend {
  readonly makeOutput: (shape: ReadonlyArray<number>, dtype: "float32") => TfjsModule.TensorInfo;
  readonly typedArrayFromHeap: (info: TfjsModule.TensorInfo) => Float32Array;
  readonly wasm: {
    readonly cwrap: (name: string, result: null, parameters: ReadonlyArray<string>) => BatchMatMul;
    readonly tfjs: {
      readonly registerTensor: (id: number, size: number, offset: number) => void;
      readonly disposeData: (id: number) => void;
    };
  };
}

type BatchMatMul = (
  a: number,
  aShape: Uint8Array,
  aRank: number,
  b: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: boolean,
  transposeB: boolean,
  out: number,
) => void;

/** Numbers for parts of tensors, far above those that the backend gives out one after the other. */
const [LEFT, RIGHT, OUT] = [2 ** 30, 2 ** 30 + 1, 2 ** 30 + 2];

const bytes = (shape: ReadonlyArray<number>): Uint8Array => new Uint8Array(Int32Array.from(shape).buffer);

/** Copies `count` numbers; a call of `set` costs as much as about thirty of them. */
const copy = (from: Float32Array, at: number, to: Float32Array, where: number, count: number): void => {
  if (count >= 32) to.set(from.subarray(at, at + count), where);
  else for (let i = 0; i < count; i++) to[where + i] = from[at + i];
};

const size = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1);

export interface Memory {
  /** Swaps the last two axes. */
  readonly swapLast: (x: Tensor) => Tensor;
  /** Products of `count` pairs: [count, m, k] x [count, k, n] -> `shape`. */
  readonly products: (a: Tensor, b: Tensor, sizes: Sizes, shape: ReadonlyArray<number>) => Tensor;
  readonly split: (x: Tensor, sizes: ReadonlyArray<number>, axis: number) => Array<Tensor>;
  readonly concat: (list: ReadonlyArray<Tensor>, axis: number) => Tensor;
  /** Moves every element `shift` >= 0 places up an axis; those beyond its end come in at its beginning. */
  readonly roll: (x: Tensor, shift: number, axis: number) => Tensor;
  /** The numbers where they lie: gone when anything is allocated. */
  readonly view: (x: Tensor) => Float32Array;
}

/** The memory of tfjs's current backend, which must be the WebAssembly one. A helper takes half of large products. */
export const make = (tf: typeof TfjsModule, helper?: Helper): Memory => {
  const backend = tf.backend() as unknown as Backend;
  const { wasm } = backend;
  const { registerTensor, disposeData } = wasm.tfjs;
  const multiply = wasm.cwrap("BatchMatMul", null, [
    "number",
    "array",
    "number",
    "number",
    "array",
    "number",
    "number",
    "number",
    "number",
  ]);
  const view = (x: Tensor): Float32Array => backend.typedArrayFromHeap(x);
  const allocate = (shape: ReadonlyArray<number>): Tensor =>
    tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, "float32"));
  return {
    view,
    swapLast: (x) => {
      const [rows, columns] = x.shape.slice(-2) as [number, number];
      const out = allocate([...x.shape.slice(0, -2), columns, rows]);
      const [from, to] = [view(x), view(out)];
      // In blocks, so that neither side of the copy misses the cache at each step.
      const block = 32;
      for (let base = 0; base < from.length; base += rows * columns) {
        for (let r0 = 0; r0 < rows; r0 += block) {
          const r1 = Math.min(rows, r0 + block);
          for (let c0 = 0; c0 < columns; c0 += block) {
            const c1 = Math.min(columns, c0 + block);
            for (let c = c0; c < c1; c++) {
              const at = base + c * rows;
              for (let r = r0; r < r1; r++) to[at + r] = from[base + r * columns + c];
            }
          }
        }
      }
      return out;
    },
    products: (a, b, sizes, shape) => {
      const [count, m, k, n] = sizes;
      const out = allocate(shape);
      const multiplyPart = (pairs: number, rows: number): void => {
        const [left, right, result] = [view(a).byteOffset, view(b).byteOffset, view(out).byteOffset];
        const [aShape, bShape] = [bytes([1, rows, k]), bytes([1, k, n])];
        for (let i = 0; i < pairs; i++) {
          registerTensor(LEFT, rows * k, left + 4 * i * m * k);
          registerTensor(RIGHT, k * n, right + 4 * i * k * n);
          registerTensor(OUT, rows * n, result + 4 * i * m * n);
          multiply(LEFT, aShape, 3, RIGHT, bShape, 3, false, false, OUT);
          for (const id of [LEFT, RIGHT, OUT]) disposeData(id);
        }
      };
      if (helper === undefined || !helper.takes(sizes)) {
        multiplyPart(count, m);
        return out;
      }
      // The helper's half: the last pairs, or the last rows of the only one.
      const [ownPairs, ownRows] = count > 1 ? [Math.ceil(count / 2), m] : [1, 4 * Math.ceil(m / 8)];
      const theirs: Sizes = count > 1 ? [count - ownPairs, m, k, n] : [1, m - ownRows, k, n];
      const skipped = count > 1 ? ownPairs * m : ownRows;
      const right = count > 1 ? view(b).subarray(ownPairs * k * n) : view(b);
      helper.start(view(a).subarray(skipped * k), right, theirs);
      multiplyPart(ownPairs, ownRows);
      helper.finish(view(out).subarray(skipped * n));
      return out;
    },
    split: (x, sizes, axis) => {
      const inner = size(x.shape.slice(axis + 1));
      const stride = inner * x.shape[axis];
      const outer = size(x.shape.slice(0, axis));
      const parts = sizes.map((part) => allocate(x.shape.map((d, i) => (i === axis ? part : d))));
      const from = view(x);
      let start = 0;
      for (const [p, part] of parts.entries()) {
        const to = view(part);
        const width = sizes[p] * inner;
        for (let o = 0; o < outer; o++) copy(from, o * stride + start, to, o * width, width);
        start += width;
      }
      return parts;
    },
    concat: (list, axis) => {
      const shape = list[0].shape;
      const inner = size(shape.slice(axis + 1));
      const total = list.reduce((sum, x) => sum + x.shape[axis], 0);
      const outer = size(shape.slice(0, axis));
      const out = allocate(shape.map((d, i) => (i === axis ? total : d)));
      const to = view(out);
      let start = 0;
      for (const x of list) {
        const from = view(x);
        const width = x.shape[axis] * inner;
        for (let o = 0; o < outer; o++) copy(from, o * width, to, o * total * inner + start, width);
        start += width;
      }
      return out;
    },
    roll: (x, shift, axis) => {
      const inner = size(x.shape.slice(axis + 1));
      const stride = inner * x.shape[axis];
      const out = allocate(x.shape);
      const [from, to] = [view(x), view(out)];
      const back = shift * inner;
      for (let at = 0; at < from.length; at += stride) {
        copy(from, at, to, at + back, stride - back);
        copy(from, at + stride - back, to, at, back);
      }
      return out;
    },
  };
};
