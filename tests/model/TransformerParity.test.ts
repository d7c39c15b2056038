/** The transformer against Hugging Face's: logits, log-probs, greedy tokens, loss and gradients of tiny models. */
import { describe, expect, it } from "vitest";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as WeightLayout from "../../src/model/WeightLayout.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { distance, executor, open, reference } from "./Support.ts";
import * as TinyLlama from "./TinyLlama.ts";

const golden = TinyLlama.golden();

const argMax = (x: ReadonlyArray<number>): number => x.indexOf(Math.max(...x));

describe("golden values of transformers", () => {
  it("rest on the same weights", () => {
    for (const [key, expected] of Object.entries(golden.check)) {
      const tensor = Number(key.split(" ")[1]);
      const found = expected.map((_, i) => TinyLlama.value(tensor, i, tensor === 1));
      expect(distance(found, expected)).toBeLessThan(1e-7);
    }
  });

  for (const { name, config, sequences } of golden.cases) {
    it(`are those of the formulas in float64: ${name}`, () => {
      const read = TinyLlama.weights(config);
      const names = ModelConfig.tensorShapes(config).map((t) => t.name);
      const all = new Map(names.map((tensor) => [tensor, read(tensor)]));
      for (const { ids, logits, greedy } of sequences) {
        const grown = [...ids];
        for (const token of greedy) {
          const rows = reference(config, (tensor) => all.get(tensor) ?? read(tensor), grown);
          const last = rows.at(-1) ?? [];
          if (grown.length === ids.length) expect(distance(last, logits)).toBeLessThan(2e-5);
          expect(argMax(last)).toBe(token);
          grown.push(token);
        }
      }
    });
  }
});

describe.skipIf(executor === null)("Transformer beside transformers", () => {
  for (const { name, config, sequences, loss, gradients: expectedGradients } of golden.cases) {
    const read = TinyLlama.weights(config);

    it(`gives its logits and log-probs: ${name}`, () => {
      for (const model of [Transformer.trainable(config), Transformer.frozen(config, "float32")]) {
        for (const { ids, logits, logProbs } of sequences) {
          const g = new Graph();
          const T = ids.length;
          const hidden = Transformer.forward(g, model, g.feed("ids", [1, T], "int32"));
          const next = Transformer.logProbs(
            g,
            model,
            g.reshape(hidden, [T, -1]),
            g.feed("next", [T], "int32"),
          );
          g.program("all", { fetches: { logits: Transformer.logits(g, model, hidden), next } });
          const session = open(g, model, { read });
          const out = session.run("all", {
            ids: Int32Array.from(ids),
            next: Int32Array.from([...ids.slice(1), 0]),
          });
          session.dispose();
          const last = (out["logits"] ?? []).slice(-config.vocab_size);
          expect(distance(last, logits)).toBeLessThan(2e-5);
          expect(distance((out["next"] ?? []).slice(0, T - 1), logProbs)).toBeLessThan(2e-5);
        }
      }
    });

    it(`gives its loss and gradients: ${name}`, () => {
      const model = Transformer.trainable(config);
      const ids = sequences[0]?.ids ?? [];
      const T = ids.length;
      const g = new Graph();
      const hidden = g.reshape(Transformer.forward(g, model, g.feed("ids", [1, T], "int32")), [T, -1]);
      const rows = g.slice(hidden, [0, 0], [T - 1, config.hidden_size]);
      const value = g.neg(g.mean(Transformer.logProbs(g, model, rows, g.feed("next", [T - 1], "int32"))));
      const stored = Transformer.weights(model);
      const variables = stored.map((s) => g.variable(s.name, s.shape));
      const fetches = gradients(g, value, variables).map((gradient, i) => [stored[i]?.name ?? "", gradient]);
      g.program("step", { fetches: { ...Object.fromEntries(fetches), value } });
      const session = open(g, model, { read });
      const out = session.run("step", { ids: Int32Array.from(ids), next: Int32Array.from(ids.slice(1)) });
      session.dispose();
      expect(Math.abs((out["value"]?.[0] ?? 0) - loss)).toBeLessThan(1e-5);
      const gradientOf = WeightLayout.reader(stored, (variable) => Float32Array.from(out[variable] ?? []));
      for (const [tensor, expected] of Object.entries(expectedGradients)) {
        const found = gradientOf(tensor);
        const norm = Math.sqrt(found.reduce((sum, x) => sum + x * x, 0));
        const near =
          Math.abs(norm - expected.norm) < 1e-4 * expected.norm &&
          distance(found.slice(0, 4), expected.first) < 1e-4 * expected.norm;
        expect({ tensor, norm, near }).toMatchObject({ tensor, near: true });
      }
    });
  }
});
