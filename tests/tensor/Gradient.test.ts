import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { Graph, type Value } from "../../src/tensor/Graph.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { cases, dataOf, record } from "./Cases.ts";
import { executors, expectClose } from "./Executors.ts";

const seed = 11;
const { executor } = (await executors("cpu"))[0] as {
  executor: Awaited<ReturnType<typeof executors>>[0]["executor"];
};
const step = 1e-2;

describe(`gradients against central differences (seed ${seed}, step ${step}, on ${executor.name})`, () => {
  for (const one of cases.filter((c) => c.differentiable !== false)) {
    it(`of ${one.name}`, () => {
      const random = Random.make(`${seed}/${one.name}`);
      const g = new Graph();
      const { inputs, outputs } = record(g, one);
      // A random linear functional of the outputs, so that no symmetry hides an error.
      const loss = outputs
        .map((o) => {
          const n = o.shape.reduce((a, b) => a * b, 1);
          return g.sum(
            g.mul(
              o,
              g.constant(
                Float32Array.from({ length: n }, () => random.normal()),
                o.shape,
              ),
            ),
          );
        })
        .reduce((a, b) => g.add(a, b));
      const floats = inputs.filter((v) => v.dtype === "float32");
      const grads = gradients(g, loss, floats);
      g.program("loss", { fetches: { loss } });
      g.program("gradients", { fetches: Object.fromEntries(grads.map((v, i) => [String(i), v])) });
      const session = executor.open(g, () => undefined);
      const feeds = Object.fromEntries(one.inputs.map((input, i) => [String(i), dataOf(input, random)]));
      const found = session.run("gradients", feeds);
      for (const [i, value] of floats.entries()) {
        const name = String(inputs.indexOf(value));
        const data = feeds[name] as Float32Array;
        const gradient = found[String(i)] as Float32Array;
        expect(gradient.length).toBe(data.length);
        for (let j = 0; j < data.length; j++) {
          const at = (delta: number): number => {
            const moved = data.slice();
            moved[j] = moved[j] + delta;
            return (session.run("loss", { ...feeds, [name]: moved })["loss"] as Float32Array)[0];
          };
          const expected = (at(step) - at(-step)) / (2 * step);
          expectClose([gradient[j]], [expected], 4e-3, `input ${name}[${j}] = ${data[j]}`);
        }
      }
      session.dispose();
    });
  }
});

describe("gradients", () => {
  const run = (g: Graph, values: ReadonlyArray<Value>) => {
    g.program("p", { fetches: Object.fromEntries(values.map((v, i) => [String(i), v])) });
    const session = executor.open(g, () => undefined);
    const out = session.run("p", {});
    session.dispose();
    return values.map((_, i) => Array.from(out[String(i)] ?? []));
  };

  it("are zeros in the value's shape where the loss does not depend on it", () => {
    const g = new Graph();
    const [x, y] = [g.variable("x", [2]), g.variable("y", [2, 2])];
    expect(run(g, gradients(g, g.sum(x), [y, x]))).toEqual([
      [0, 0, 0, 0],
      [1, 1],
    ]);
  });

  it("stop at stopGradient", () => {
    const g = new Graph();
    const x = g.constant(Float32Array.of(3, 4), [2]);
    const y = g.mul(x, g.stopGradient(x));
    expect(run(g, gradients(g, g.sum(y), [x]))).toEqual([[3, 4]]);
  });

  it("with respect to an intermediate value", () => {
    const g = new Graph();
    const x = g.constant(Float32Array.of(3, 4), [2]);
    const y = g.square(x);
    expect(run(g, gradients(g, g.sum(g.square(y)), [y, x]))).toEqual([
      [18, 32],
      [108, 256],
    ]);
  });

  it("name what cannot be differentiated", () => {
    const g = new Graph();
    const x = g.feed("x", [2, 2]);
    const b = g.updateRows(g.buffer("b", [4, 2]), g.feed("rows", [2], "int32"), x);
    expect(() => gradients(g, g.sum(b), [x])).toThrow(/updateRows has no gradient/);
    expect(() => gradients(g, x, [x])).toThrow(/the loss must be one float, found float32\[2,2\]/);
  });
});
