import { describe, expect, it } from "vitest";
import * as Lora from "../../src/model/Lora.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { open, randomIds, tiny } from "./Support.ts";

const SEED = 11;
const ids = randomIds(Random.make(SEED), 12, tiny.vocab_size);

describe("gradients of the transformer", () => {
  const loss = (g: Graph, model: Transformer.Model) => {
    const rows = g.feed("rows", [8], "int32");
    const hidden = g.gather(Transformer.forward(g, model, g.feed("ids", [2, 6], "int32")), rows);
    const labels = g.feed("labels", [8], "int32");
    return g.neg(g.mean(Transformer.logProbs(g, model, hidden, labels, 3)));
  };
  const feeds = {
    ids: Int32Array.from(ids),
    rows: Int32Array.of(1, 2, 3, 4, 7, 8, 9, 10),
    labels: Int32Array.from(randomIds(Random.make(SEED + 1), 8, tiny.vocab_size)),
  };

  for (const lora of [null, { rank: 3, alpha: 6, targets: Lora.TARGETS } satisfies Lora.Lora]) {
    it(`has the gradients of finite differences${lora === null ? "" : ", adapters"}`, () => {
      const model = lora === null ? Transformer.trainable(tiny) : Transformer.frozen(tiny, "float32", lora);
      const g = new Graph();
      const value = loss(g, model);
      const parameters = Transformer.trainableParameters(model);
      const variables = parameters.map(({ name, shape }) => g.variable(name, shape));
      const fetches = Object.fromEntries(
        gradients(g, value, variables).map((gradient, i) => [parameters[i]?.name, gradient]),
      );
      g.program("gradients", { fetches: { ...fetches, value } });
      g.program("loss", { fetches: { value } });
      const session = open(g, model);
      const random = Random.make(SEED + 2);
      // B starts at zero, where A has no gradient.
      for (const { name } of parameters.filter((p) => p.name.endsWith(".B"))) {
        session.setVariable(
          name,
          session.getVariable(name).map(() => 0.3 * random.normal()),
        );
      }
      const exact = session.run("gradients", feeds);
      for (const { name } of parameters) {
        const before = session.getVariable(name);
        // Along a random direction: every element counts.
        const direction = before.map(() => random.normal());
        const at = (step: number): number => {
          session.setVariable(
            name,
            before.map((x, i) => x + step * direction[i]),
          );
          return session.run("loss", feeds)["value"]?.[0];
        };
        const h = 2e-3;
        const numeric = (at(h) - at(-h)) / (2 * h);
        session.setVariable(name, before);
        const gradient = exact[name] as Float32Array;
        const analytic = gradient.reduce((sum, x, i) => sum + x * direction[i], 0);
        expect(
          Math.abs(analytic - numeric),
          `${name}: ${analytic} and ${numeric}, seed ${SEED}`,
        ).toBeLessThan(2e-3 + 0.02 * Math.abs(numeric));
      }
      session.dispose();
    });
  }
});
