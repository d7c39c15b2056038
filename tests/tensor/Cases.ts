/** One small use of every op, for agreement of the executors and for the gradient check. */
import type { DType, Graph, Shape, Value } from "../../src/tensor/Graph.ts";
import type * as Random from "../../src/random/Random.ts";

export interface Input {
  readonly shape: Shape;
  /** Default: float32 of a standard normal. "ids" are integers in 0 .. below-1. */
  readonly kind?: "normal" | "positive" | "bool" | { readonly below: number; readonly from?: number };
}

export interface Case {
  readonly name: string;
  readonly inputs: ReadonlyArray<Input>;
  readonly build: (g: Graph, ...values: ReadonlyArray<Value>) => Value | ReadonlyArray<Value>;
  /** False: nothing to differentiate, or a kink that finite differences would step over. */
  readonly differentiable?: boolean;
}

export const dtypeOf = ({ kind = "normal" }: Input): DType =>
  kind === "bool" ? "bool" : typeof kind === "object" ? "int32" : "float32";

export const dataOf = ({ shape, kind = "normal" }: Input, random: Random.Random) => {
  const n = shape.reduce((a, b) => a * b, 1);
  if (kind === "bool") return Uint8Array.from({ length: n }, () => random.int(2));
  if (typeof kind === "object") {
    const from = kind.from ?? 0;
    return Int32Array.from({ length: n }, () => from + random.int(kind.below - from));
  }
  return Float32Array.from({ length: n }, () => {
    if (kind === "positive") return 0.5 + random.next() * 2;
    // Away from 0, where abs and relu have their kink and finite differences step over it.
    const x = random.normal();
    return x + Math.sign(x) * 0.05;
  });
};

const s = (...shape: ReadonlyArray<number>): Input => ({ shape });
const positive = (...shape: ReadonlyArray<number>): Input => ({ shape, kind: "positive" });
const ids = (below: number, ...shape: ReadonlyArray<number>): Input => ({ shape, kind: { below } });
const bools = (...shape: ReadonlyArray<number>): Input => ({ shape, kind: "bool" });

type Build = Case["build"];
const make = (name: string, inputs: ReadonlyArray<Input>, build: Build, differentiable = true): Case => ({
  name,
  inputs,
  build,
  differentiable,
});

const unary = (["neg", "exp", "square", "abs", "sigmoid", "tanh", "softplus", "relu"] as const).map((kind) =>
  make(kind, [s(3, 4)], (g, a) => g[kind](a)),
);
const unaryPositive = (["log", "sqrt", "rsqrt"] as const).map((kind) =>
  make(kind, [positive(3, 4)], (g, a) => g[kind](a)),
);
const shapesOfPairs = [
  [s(3, 4), positive(3, 4)],
  [s(3, 4), positive(4)],
  [s(3, 1), positive(2, 1, 4)],
  [s(), positive(3, 2)],
] as const;
const binary = (["add", "sub", "mul", "div", "maximum", "minimum"] as const).flatMap((kind) =>
  shapesOfPairs.map(([a, b]) =>
    make(`${kind} [${a.shape.join()}] [${b.shape.join()}]`, [a, b], (g, x, y) => g[kind](x, y)),
  ),
);
const compare = (["greater", "less", "greaterEqual", "lessEqual", "equal"] as const).flatMap((kind) => [
  make(kind, [s(3, 4), s(4)], (g, x, y) => g[kind](x, y), false),
  make(`${kind} int32`, [ids(3, 3, 4), ids(3, 4)], (g, x, y) => g[kind](x, y), false),
]);
const flips = [false, true].flatMap((x) => [false, true].map((y) => [x, y] as const));
const products = flips.flatMap(([p, q]) => [
  make(`matMul ${p} ${q}`, [p ? s(4, 3) : s(3, 4), q ? s(2, 4) : s(4, 2)], (g, a, b) =>
    g.matMul(a, b, { transposeA: p, transposeB: q }),
  ),
  make(
    `batchMatMul ${p} ${q}`,
    [p ? s(2, 3, 4, 3) : s(2, 3, 3, 4), q ? s(2, 3, 2, 4) : s(2, 3, 4, 2)],
    (g, a, b) => g.batchMatMul(a, b, { adjointA: p, adjointB: q }),
  ),
  make(
    `batchMatMul broadcasting ${p} ${q}`,
    [p ? s(2, 1, 4, 3) : s(2, 1, 3, 4), q ? s(3, 2, 4) : s(3, 4, 2)],
    (g, a, b) => g.batchMatMul(a, b, { adjointA: p, adjointB: q }),
  ),
]);
const reductions = (["sum", "mean", "max"] as const).flatMap((kind) => [
  make(`${kind} all`, [s(3, 4)], (g, a) => g[kind](a)),
  make(`${kind} axis`, [s(2, 3, 4)], (g, a) => g[kind](a, 1)),
  make(`${kind} axes kept`, [s(2, 3, 4)], (g, a) => g[kind](a, [0, -1], true)),
]);

export const cases: ReadonlyArray<Case> = [
  ...unary,
  ...unaryPositive,
  ...binary,
  ...compare,
  ...products,
  ...reductions,
  make("floor", [s(3, 4)], (g, a) => g.floor(a), false),
  make(
    "int32 arithmetic",
    [ids(9, 3, 4), ids(5, 4)],
    (g, a, b) => {
      const [x, y] = [a, b];
      return [g.add(x, y), g.sub(x, y), g.mul(x, 3), g.maximum(x, y), g.neg(x), g.sum(x, 0)];
    },
    false,
  ),
  make(
    "logic",
    [bools(3, 4), bools(4)],
    (g, a, b) => {
      const [x, y] = [a, b];
      return [g.and(x, y), g.or(x, y), g.not(x)];
    },
    false,
  ),
  make("select", [bools(3, 1), s(3, 4), s(4)], (g, c, a, b) => g.select(c, a, b)),
  make("select number", [bools(3, 4), s(3, 4)], (g, c, a) => g.select(c, a, -1)),
  make(
    "cast",
    [s(3, 4), ids(4, 3), bools(2)],
    (g, a, b, c) => [
      g.cast(a, "int32"),
      g.cast(b, "float32"),
      g.cast(b, "bool"),
      g.cast(c, "float32"),
      g.cast(c, "int32"),
    ],
    false,
  ),
  make("stopGradient", [s(3)], (g, a) => g.add(g.mul(a, 2), g.mul(g.stopGradient(a), 0))),
  make("argMax", [s(3, 4)], (g, a) => [g.argMax(a), g.argMax(a, 0)], false),
  make("cumsum", [s(2, 3, 2)], (g, a) => [g.cumsum(a, 1), g.cumsum(a, -1, true)]),
  make("topK", [s(3, 5)], (g, a) => g.topK(a, 2).values),
  make("topK of three dimensions", [s(2, 2, 4)], (g, a) => g.topK(a, 3).values),
  make("topK indices", [s(3, 5)], (g, a) => g.topK(a, 3).indices, false),
  make("reshape", [s(3, 4)], (g, a) => [g.reshape(a, [2, -1]), g.reshape(a, [12])]),
  make("broadcastTo", [s(3, 1)], (g, a) => g.broadcastTo(a, [2, 3, 4])),
  make("transpose", [s(2, 3, 4)], (g, a) => g.transpose(a, [2, 0, 1])),
  make("concat", [s(2, 3), s(2, 1), s(2, 2)], (g, ...list) => g.concat(list, 1)),
  make("split", [s(2, 6)], (g, a) => g.split(a, [1, 3, 2], 1)),
  make("split equal", [s(4, 3)], (g, a) => g.split(a, [2, 2], 0)),
  make("split, one part used", [s(2, 6)], (g, a) => g.split(a, [1, 3, 2], -1)[1]),
  make("slice", [s(3, 4)], (g, a) => g.slice(a, [1, 0], [2, 3])),
  make("pad", [s(2, 3)], (g, a) =>
    g.pad(a, [
      [1, 0],
      [2, 1],
    ]),
  ),
  make("roll", [s(2, 5)], (g, a) => [g.roll(a, 2, 1), g.roll(a, -1, 0)]),
  make("tile", [s(2, 3)], (g, a) => g.tile(a, [2, 3])),
  make("oneHot", [{ shape: [2, 3], kind: { below: 4, from: -1 } }], (g, a) => g.oneHot(a, 3), false),
  make("gather rows", [s(5, 3), ids(5, 2, 2)], (g, a, i) => g.gather(a, i)),
  make("gather columns", [s(2, 5, 3), ids(5, 4)], (g, a, i) => g.gather(a, i, 1)),
  make("gatherBatch", [s(3, 5), ids(5, 3, 4)], (g, a, i) => g.gatherBatch(a, i)),
  make("unsortedSegmentSum", [s(4, 2), { shape: [4], kind: { below: 3, from: -1 } }], (g, a, i) =>
    g.unsortedSegmentSum(a, i, 3),
  ),
  make("unsortedSegmentSum of a matrix of ids", [s(2, 3, 2), ids(4, 2, 3)], (g, a, i) =>
    g.unsortedSegmentSum(a, i, 4),
  ),
  make("softmax", [s(2, 3, 4)], (g, a) => g.softmax(a)),
  make("logSoftmax", [s(3, 4)], (g, a) => g.logSoftmax(a)),
  make("sparseCrossEntropy", [s(3, 5), ids(5, 3)], (g, a, i) => g.sparseCrossEntropy(a, i)),
  make("mean of sparseCrossEntropy", [s(3, 5), ids(5, 3)], (g, a, i) => g.mean(g.sparseCrossEntropy(a, i))),
  make("RMSNorm", [s(3, 4), s(4)], (g, a, gain) => {
    const x = a;
    const r = g.rsqrt(g.add(g.mean(g.square(x), -1, true), 1e-5));
    return g.mul(g.mul(x, r), gain);
  }),
  make("attention", [s(2, 5, 3), s(2, 6, 3), s(2, 6, 3)], (g, q, k, v) => {
    const scores = g.mul(g.batchMatMul(q, k, { adjointB: true }), 0.5);
    const p = g.reshape(g.softmax(g.reshape(scores, [2, 1, 5, 6])), [2, 5, 6]);
    return g.batchMatMul(p, v);
  }),
  make("attention whose weights are used twice", [s(2, 5, 3), s(2, 6, 3)], (g, q, k) => {
    const p = g.softmax(g.batchMatMul(q, k, { adjointB: true }));
    return [g.batchMatMul(p, k), g.square(p)];
  }),
  make("SwiGLU", [s(3, 4), s(4, 6), s(3, 2)], (g, x, w, y) => {
    const [gate, up] = g.split(g.matMul(x, w), [3, 3], 1) as [Value, Value];
    return g.matMul(g.mul(g.mul(gate, g.sigmoid(gate)), up), y);
  }),
  make("a value used many times", [s(3)], (g, a) => {
    const x = a;
    return g.mul(g.add(g.mul(x, x), g.sum(x)), g.exp(x));
  }),
];

/** Records a case; its inputs are the feeds PREFIX0, PREFIX1, ... */
export const record = (
  g: Graph,
  one: Case,
  prefix = "",
): { readonly inputs: Array<Value>; readonly outputs: Array<Value> } => {
  const inputs = one.inputs.map((input, i) => g.feed(`${prefix}${i}`, input.shape, dtypeOf(input)));
  const built = one.build(g, ...inputs);
  return { inputs, outputs: "id" in built ? [built] : [...built] };
};
