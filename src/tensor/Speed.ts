/** How fast this machine is at what models are made of, for the doctor: about a second of products. */
import { AttrType, type Binding, DType } from "./native/Binding.ts";

export interface Speed {
  /** GFLOP/s of products of 1024 x 1024 matrices: training, prefill. */
  readonly float32: number;
  readonly bfloat16: number;
  /** GB/s at which one row is multiplied by a float32 matrix of 64 MB: what bounds decoding one sequence. */
  readonly bandwidth: number;
}

const SIZE = 1024;
/** Columns and rows of the matrix that one row is multiplied by. */
const WIDE = 4096;
const MILLISECONDS = 300;

/** Units of work a second in the best of some repetitions, so that other programs' noise is left out. */
const best = (work: number, step: () => void): number => {
  step();
  let fastest = Number.POSITIVE_INFINITY;
  const start = performance.now();
  for (let before = start; before - start < MILLISECONDS; ) {
    step();
    const now = performance.now();
    fastest = Math.min(fastest, now - before);
    before = now;
  }
  return (1000 * work) / fastest;
};

/** Measures in this thread, which it blocks. */
export const measure = (binding: Binding): Speed => {
  const made: Array<number> = [];
  const matrix = (rows: number, columns: number): number => {
    const data = new Float32Array(rows * columns).fill(0.5);
    const id = binding.createTensor([rows, columns], DType.float32, data);
    made.push(id);
    return id;
  };
  const product = (a: number, b: number) => () => {
    for (const { id } of binding.executeOp("MatMul", [], [a, b], 1)) binding.deleteTensor(id);
  };
  try {
    const square = matrix(SIZE, SIZE);
    const low = binding.executeOp(
      "Cast",
      [{ name: "DstT", type: AttrType.type, value: DType.bfloat16 }],
      [square],
      1,
    )[0].id;
    made.push(low);
    const gigaflop = (2 * SIZE ** 3) / 1e9;
    return {
      float32: best(gigaflop, product(square, square)),
      bfloat16: best(gigaflop, product(low, low)),
      bandwidth: best((4 * WIDE * WIDE) / 1e9, product(matrix(1, WIDE), matrix(WIDE, WIDE))),
    };
  } finally {
    for (const id of made) binding.deleteTensor(id);
  }
};
