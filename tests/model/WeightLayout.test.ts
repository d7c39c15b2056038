import { describe, expect, it } from "vitest";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as WeightLayout from "../../src/model/WeightLayout.ts";
import { tiny } from "./Support.ts";

describe("WeightLayout", () => {
  for (const tied of [true, false]) {
    for (const storage of [
      WeightLayout.trained,
      WeightLayout.frozen("float32"),
      WeightLayout.frozen("bfloat16"),
    ]) {
      it(`packs and unpacks exactly, tied ${tied}, ${JSON.stringify(storage)}`, () => {
        const config = { ...tiny, tie_word_embeddings: tied };
        const read = Transformer.randomWeights(config, 3);
        const layout = WeightLayout.layout(config, storage);
        const variables = new Map(layout.map((stored) => [stored.name, WeightLayout.pack(stored, read)]));
        for (const { name, shape } of layout) {
          expect(variables.get(name)?.length).toBe(shape.reduce((a, b) => a * b, 1));
        }
        const back = WeightLayout.reader(layout, (name) => variables.get(name) as Float32Array);
        for (const { name } of ModelConfig.tensorShapes(config)) expect(back(name)).toEqual(read(name));
        expect(new Set(layout.map(({ name }) => name)).size).toBe(layout.length);
      });
    }
  }

  it("refuses a matrix of another size by its name", () => {
    const [stored] = WeightLayout.layout(tiny, WeightLayout.trained);
    expect(() => WeightLayout.pack(stored, () => new Float32Array(3))).toThrow(
      /embed_tokens.*3 numbers, expected 29 x 16/,
    );
  });
});
