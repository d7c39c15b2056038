import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import * as Executor from "../../src/tensor/Executor.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Executor as TensorExecutor } from "../../src/tensor/Session.ts";

/** Large products that are shared unevenly, and small ones that are not. */
const shapes: ReadonlyArray<readonly [ReadonlyArray<number>, ReadonlyArray<number>]> = [
  [
    [1021, 130],
    [130, 67],
  ],
  [
    [9, 127, 65],
    [9, 65, 66],
  ],
  [
    [2, 3, 128, 128],
    [2, 3, 128, 32],
  ],
  [
    [3, 5],
    [5, 2],
  ],
];

const products = (executor: TensorExecutor): ReadonlyArray<ArrayLike<number>> => {
  const g = new Graph();
  const random = Random.make("threads");
  const feeds: Record<string, Float32Array> = {};
  const fetches = Object.fromEntries(
    shapes.map(([a, b], i) => {
      const [x, y] = [g.feed(`a${i}`, a), g.feed(`b${i}`, b)];
      for (const { shape, name } of [
        { shape: a, name: `a${i}` },
        { shape: b, name: `b${i}` },
      ]) {
        feeds[name] = Float32Array.from({ length: shape.reduce((p, d) => p * d, 1) }, () => random.normal());
      }
      return [`c${i}`, a.length === 2 ? g.matMul(x, y) : g.batchMatMul(x, y)];
    }),
  );
  g.program("all", { fetches });
  const session = executor.open(g, () => undefined);
  const before = session.tensors();
  const out = session.run("all", feeds);
  expect(session.tensors()).toBe(before);
  session.dispose();
  return shapes.map((_, i) => out[`c${i}`]);
};

describe("WebAssembly with a second thread", () => {
  it("gives the same bits", async () => {
    const one = await Executor.load("wasm");
    const two = await Executor.load("wasm", { threads: 2 });
    expect(two.name).toContain("2 threads");
    const expected = products(one);
    for (let round = 0; round < 3; round++) expect(products(two)).toEqual(expected);
  });
});
