import { describe, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { type Case, cases, dataOf, record } from "./Cases.ts";
import { executors, expectClose } from "./Executors.ts";

const seed = 7;
const all = await executors("wasm");

const graphOf = (one: Case) => {
  const g = new Graph();
  const { inputs, outputs } = record(g, one);
  g.program("forward", { fetches: Object.fromEntries(outputs.map((o, i) => [String(i), o])) });
  if (one.differentiable === false) return g;
  const loss = outputs.map((o) => g.sum(g.square(o))).reduce((a, b) => g.add(a, b));
  const floats = inputs.filter((v) => v.dtype === "float32");
  const fetches = gradients(g, loss, floats).map((v, i) => [String(i), v]);
  g.program("gradient", { fetches: Object.fromEntries(fetches) });
  return g;
};

describe(`the same on every executor (seed ${seed})`, () => {
  for (const one of cases) {
    it(`op ${one.name}`, () => {
      const random = Random.make(`${seed}/${one.name}`);
      const feeds = Object.fromEntries(one.inputs.map((input, i) => [String(i), dataOf(input, random)]));
      const results = all.map(({ name, executor }) => {
        const g = graphOf(one);
        const session = executor.open(g, () => undefined);
        const outputs = [...g.programs.keys()].flatMap((program) =>
          Object.entries(session.run(program, feeds)).map(([key, data]) => ({
            at: `${program} ${key}`,
            kind: data.constructor.name,
            data,
          })),
        );
        session.dispose();
        return { name, outputs };
      });
      const reference = results[results.length - 1];
      for (const { name, outputs } of results) {
        for (const [i, expected] of reference.outputs.entries()) {
          const where = `${name} against ${reference.name}, ${expected.at}`;
          if (outputs[i].kind !== expected.kind) throw new Error(`${where}: a ${outputs[i].kind}`);
          expectClose(outputs[i].data, expected.data, 2e-5, where);
        }
      }
    });
  }
});
