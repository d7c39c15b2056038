import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph, type Value } from "../../src/tensor/Graph.ts";
import { executors } from "./Executors.ts";

const { executor } = (await executors("cpu"))[0];

describe("Graph says what is wrong", () => {
  const g = new Graph();
  const a = g.feed("a", [2, 3]);
  const b = g.feed("b", [4, 5]);
  const i = g.feed("i", [2], "int32");
  const buffer = g.buffer("cache", [4, 3]);
  g.variable("w", [2, 3]);
  const mistakes: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
    ["inner sizes", () => g.matMul(a, b), /matMul: the inner sizes differ: \[2,3\] x \[4,5\]/],
    ["ranks", () => g.matMul(a, g.reshape(b, [2, 2, 5])), /matMul: .*\[2,2,5\]/],
    ["broadcasting", () => g.add(a, b), /add: shapes \[2,3\] and \[4,5\] do not broadcast/],
    ["dtypes", () => g.add(a, i), /add: the operands are float32 and int32; cast one/],
    ["elements", () => g.reshape(a, [4]), /reshape: \[2,3\] does not hold as many elements as \[4\]/],
    ["axis", () => g.sum(a, 2), /sum: axis 2 is outside a tensor of 2 dimensions/],
    ["permutation", () => g.transpose(a, [0, 0]), /transpose: \[0,0\] is no permutation/],
    ["concat", () => g.concat([a, b], 0), /concat: \[2,3\] and \[4,5\] differ outside axis 0/],
    ["split", () => g.split(a, [1, 1], 1), /split: sizes \[1,1\] do not add up to axis 1 of \[2,3\]/],
    ["slice", () => g.slice(a, [1, 0], [2, 3]), /slice: .* leave a tensor of \[2,3\]/],
    [
      "constant",
      () => g.constant(Float32Array.of(1), [2]),
      /constant: 1 numbers do not fill the shape \[2\]/,
    ],
    ["ids", () => g.gather(a, a), /gather: indices must be int32, found float32/],
    [
      "labels",
      () => g.sparseCrossEntropy(a, g.feed("j", [3], "int32")),
      /sparseCrossEntropy: .*\[2,3\] and \[3\]/,
    ],
    ["another graph", () => new Graph().neg(a), /neg: the input value .* was recorded by another graph/],
    ["declaration", () => g.variable("w", [3]), /variable: w was declared as float32\[2,3\]/],
    ["name", () => g.feed("a b", []), /feed: a name may hold/],
    ["assign", () => g.assign("w", b), /assign: w is float32\[2,3\], the value is float32\[4,5\]/],
    ["unknown variable", () => g.assign("v", b), /assign: there is no variable v/],
    [
      "rows",
      () => g.updateRows(buffer, i, b),
      /updateRows: rows \[2\] of values \[4,5\] do not fit a buffer of \[4,3\]/,
    ],
    ["no buffer", () => g.updateRows(a, i, a), /updateRows: the first argument must be a buffer/],
    ["empty program", () => g.program("p", { fetches: {} }), /program: p fetches nothing and has no effect/],
    [
      "adam",
      () =>
        g.adam("w", b, {
          learningRate: 1,
          beta1: 0.9,
          beta2: 0.9,
          epsilon: 1,
          beta1Power: 0.9,
          beta2Power: 0.9,
        }),
      /adam: w is \[2,3\], its gradient is \[4,5\]/,
    ],
  ];
  for (const [name, run, message] of mistakes) it(`about ${name}`, () => expect(run).toThrow(message));

  it("a buffer's old content read beside its update", () => {
    const h = new Graph();
    const cache = h.buffer("cache", [4, 2]);
    const next = h.updateRows(cache, h.feed("rows", [1], "int32"), h.feed("x", [1, 2]));
    expect(() => h.program("p", { fetches: { y: h.add(cache, next) } })).toThrow(
      /program p: buffer cache is read or updated again/,
    );
  });
});

describe("Graph records little", () => {
  it("finds identical nodes, and drops what changes nothing", () => {
    const g = new Graph();
    const x = g.feed("x", [2, 3]);
    expect(g.add(x, 1)).toBe(g.add(x, 1));
    expect(g.mul(g.mul(x, 2), 3)).toBe(g.mul(x, 6));
    expect(g.reshape(g.reshape(x, [6]), [2, 3])).toBe(x);
    expect(g.transpose(g.transpose(x, [1, 0]), [1, 0])).toBe(x);
    expect(g.mul(x, 1)).toBe(x);
    expect(g.cast(x, "float32")).toBe(x);
    expect(g.variable("w", [2])).toBe(g.variable("w", [2]));
  });

  it("keeps only what a program needs", () => {
    const g = new Graph();
    const x = g.feed("x", [2]);
    g.exp(x);
    const y = g.neg(x);
    const program = g.program("p", { fetches: { y } });
    expect(program.nodes.map(({ op }) => op.kind)).toEqual(["feed", "neg"]);
  });
});

/** A random program of element-wise ops and products, with repeated parts and dead ends. */
const randomProgram = (g: Graph, seed: number) => {
  const random = Random.make(seed);
  const x = g.feed("x", [3, 3]);
  const values: Array<Value> = [x, g.constant(Float32Array.from({ length: 9 }, random.normal), [3, 3])];
  const pick = () => random.pick(values);
  const ops: ReadonlyArray<() => Value> = [
    () => g.add(pick(), pick()),
    () => g.mul(pick(), pick()),
    () => g.tanh(pick()),
    () => g.sigmoid(pick()),
    () => g.matMul(pick(), pick(), { transposeB: random.chance(0.5) }),
    () => g.mul(pick(), random.int(3)),
    () => g.transpose(pick(), [1, 0]),
    () => g.reshape(g.reshape(pick(), [9]), [3, 3]),
    () => g.softmax(pick()),
    () => g.mean(pick(), 0, true),
  ];
  for (let i = 0; i < 14; i++) values.push(g.tanh(g.broadcastTo(random.pick(ops)(), [3, 3])));
  const y = values.at(-1) as Value;
  const [dx] = gradients(g, g.sum(y), [x]) as [Value];
  g.program("p", { fetches: { y, dx } });
  // Other programs of the graph must not change this one.
  g.program("q", { fetches: { z: pick() } });
};

describe("sharing and dropping nodes", () => {
  it("changes no result", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seed) => {
        const feeds = { x: Float32Array.from({ length: 9 }, Random.make(seed).split("x").normal) };
        const [shared, plain] = [true, false].map((deduplicate) => {
          const g = new Graph({ deduplicate });
          randomProgram(g, seed);
          const session = executor.open(g, () => undefined);
          const out = session.run("p", feeds);
          session.dispose();
          return { out, nodes: g.nodes.length };
        });
        expect(shared?.out).toEqual(plain?.out);
        expect(shared?.nodes).toBeLessThanOrEqual(plain?.nodes ?? 0);
      }),
      { numRuns: 15, seed: 5 },
    );
  });
});
