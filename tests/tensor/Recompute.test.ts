import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph, type Value } from "../../src/tensor/Graph.ts";
import { executors, expectClose } from "./Executors.ts";

const seed = 5;
const LAYERS = 4;

/** Residual blocks with a checkpoint before each, and their gradients by name. */
const network = (recompute: boolean) => {
  const g = new Graph();
  const names = Array.from({ length: LAYERS }, (_, l) => [`w${l}`, `u${l}`]).flat();
  let x: Value = g.feed("x", [6, 8]);
  for (let l = 0; l < LAYERS; l++) {
    x = g.checkpoint(x);
    const inner = g.tanh(g.matMul(x, g.variable(`w${l}`, [8, 12])));
    const gate = g.softmax(g.mul(inner, g.sigmoid(inner)));
    x = g.add(x, g.matMul(gate, g.variable(`u${l}`, [12, 8])));
  }
  const loss = g.mean(g.square(x));
  const found = gradients(
    g,
    loss,
    names.map((name) => g.variable(name, name.startsWith("w") ? [8, 12] : [12, 8])),
    { recompute },
  );
  const { nodes } = g.program("gradients", {
    fetches: { loss, ...Object.fromEntries(names.map((name, i) => [name, found[i]])) },
  });
  return { g, nodes };
};

describe(`recomputation (seed ${seed})`, async () => {
  const kinds = (recompute: boolean, kind: string) =>
    network(recompute).nodes.filter(({ op }) => op.kind === kind).length;

  it("computes each segment but the last a second time, behind a barrier", () => {
    expect(kinds(true, "after")).toBe(LAYERS - 1);
    expect(kinds(true, "tanh")).toBe(kinds(false, "tanh") + LAYERS - 1);
  });

  it("keeps of a segment its checkpoint alone", () => {
    const { nodes } = network(true);
    const barrier = nodes.find(({ op }) => op.kind === "after")?.id ?? 0;
    const kept = nodes.filter(
      ({ id, outputs }) => id < barrier && nodes.some((n) => n.id > barrier && n.inputs.includes(outputs[0])),
    );
    const kindsOf = new Set(kept.map(({ op }) => op.kind));
    // Of the forward pass: checkpoints, and the last segment's values.
    const tanhs = kept.filter(({ op }) => op.kind === "tanh");
    expect(kindsOf).toContain("checkpoint");
    expect(tanhs.length).toBeLessThanOrEqual(1);
  });

  for (const { name, executor } of await executors("wasm")) {
    // TensorFlow fuses products that a forward pass without memory no longer shares: other rounding.
    const exact = name !== "native graph";
    it(`gives the same gradients${exact ? " bit for bit" : ""} (${name})`, () => {
      const random = Random.make(seed);
      const x = Float32Array.from({ length: 48 }, () => random.normal());
      const [plain, again] = [false, true].map((recompute) => {
        const session = executor.open(network(recompute).g, (key, shape) => {
          const own = Random.make(`${seed}/${key}`);
          return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => own.normal() * 0.4);
        });
        const out = session.run("gradients", { x });
        session.dispose();
        return out;
      });
      if (exact) expect(again).toEqual(plain);
      for (const key of Object.keys(plain)) expectClose(again[key], plain[key], 1e-6, key);
      expect(Math.abs(plain["w0"][0])).toBeGreaterThan(0);
    });
  }
});
