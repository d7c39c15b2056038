import { describe, expect, it } from "vitest";
import * as Executor from "../../src/tensor/Executor.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import * as NativeStore from "../../src/tensor/native/NativeStore.ts";
import * as Requirements from "../support/Requirements.ts";

const double = (executor: Awaited<ReturnType<typeof Executor.load>>) => {
  const g = new Graph();
  g.program("p", { fetches: { y: g.mul(g.feed("x", [2]), 2) } });
  const session = executor.open(g, () => undefined);
  const { y } = session.run("p", { x: Float32Array.of(1, 2) });
  session.dispose();
  return Array.from(y);
};

describe("Executor.load", () => {
  it("wasm", async () => {
    const executor = await Executor.load("wasm");
    expect(executor.name).toMatch(/WebAssembly/);
    expect(double(executor)).toEqual([2, 4]);
  });

  it.skipIf(!Requirements.native())("native, with the threads asked for in its name", async () => {
    const executor = await Executor.load("native", { threads: 1 });
    expect(executor.name).toMatch(/native TensorFlow .*graph.* 1 threads/);
    expect(double(executor)).toEqual([2, 4]);
  });

  it.skipIf(NativeStore.find("gpu") !== undefined)("says what to do without a GPU installation", async () => {
    await expect(Executor.load("native-gpu")).rejects.toThrow(/npm run setup|--backend/);
  });
});
