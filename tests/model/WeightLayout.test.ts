import { describe, expect, it } from "vitest";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as WeightLayout from "../../src/model/WeightLayout.ts";
import { tiny } from "./Support.ts";

const untied = { ...tiny, tie_word_embeddings: false };
const configs: Readonly<Record<string, ModelConfig.ModelConfig>> = {
  "Llama, tied": tiny,
  "Llama, untied": untied,
  "Llama with biases": { ...untied, attention_bias: true, mlp_bias: true },
  Qwen2: { ...tiny, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2" },
};

describe("WeightLayout", () => {
  for (const [kind, config] of Object.entries(configs)) {
    for (const storage of [
      WeightLayout.trained,
      WeightLayout.frozen("float32"),
      WeightLayout.frozen("bfloat16"),
    ]) {
      it(`packs and unpacks exactly: ${kind}, ${JSON.stringify(storage)}`, () => {
        const random = Transformer.randomWeights(config, 3);
        const read = (name: string) => random(name).map((x, i) => x + i / 64);
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
