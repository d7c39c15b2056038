import { describe, expect, it } from "vitest";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Lora from "../../src/model/Lora.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { distance, open, randomIds, reference, tiny } from "./Support.ts";

const SEED = 11;
const ids = randomIds(Random.make(SEED), 12, tiny.vocab_size);

/** Logits [T][V] of one sequence, padded to `time`, as row `row` of a batch of `batch`. */
const logitsOf = (
  model: Transformer.Model,
  sequence: ReadonlyArray<number>,
  {
    time = sequence.length,
    batch = 1,
    row = 0,
    padding = 0,
    read,
  }: {
    time?: number;
    batch?: number;
    row?: number;
    padding?: number;
    read?: (name: string) => Float32Array;
  } = {},
): Float32Array => {
  const g = new Graph();
  const feed = g.feed("ids", [batch, time], "int32");
  g.program("logits", {
    fetches: { logits: Transformer.logits(g, model, Transformer.forward(g, model, feed)) },
  });
  const session = open(g, model, read === undefined ? {} : { read });
  const fed = new Int32Array(batch * time).fill(padding);
  fed.set(sequence, row * time);
  const out = session.run("logits", { ids: fed })["logits"] as Float32Array;
  session.dispose();
  const V = model.config.vocab_size;
  return out.slice(row * time * V, (row * time + sequence.length) * V);
};

describe("Transformer", () => {
  for (const tied of [true, false]) {
    it(`agrees with the formulas in float64, tied ${tied}`, () => {
      const config = { ...tiny, tie_word_embeddings: tied };
      const expected = reference(config, Transformer.randomWeights(config, 1), ids).flat();
      for (const model of [Transformer.trainable(config), Transformer.frozen(config, "float32")]) {
        expect(distance(logitsOf(model, ids), expected)).toBeLessThan(1e-4);
      }
      const rounded = logitsOf(Transformer.frozen(config, "bfloat16"), ids);
      const scale = Math.max(...expected.map(Math.abs));
      expect(distance(rounded, expected)).toBeLessThan(0.05 * scale);
    });
  }

  it("does not see padding, or the rest of the batch", () => {
    const model = Transformer.trainable(tiny);
    const alone = logitsOf(model, ids);
    expect(distance(logitsOf(model, ids, { time: 20, batch: 3, row: 1, padding: 5 }), alone)).toBeLessThan(
      1e-5,
    );
    expect(distance(logitsOf(model, ids, { time: 20, batch: 3, row: 2, padding: 9 }), alone)).toBeLessThan(
      1e-5,
    );
  });

  const feeds = {
    ids: Int32Array.from(ids),
    rows: Int32Array.of(1, 2, 3, 4, 7, 8, 9, 10),
    labels: Int32Array.from(randomIds(Random.make(SEED + 1), 8, tiny.vocab_size)),
  };

  it("computes log-probs and top tokens of the rows asked for, in chunks", () => {
    const model = Transformer.frozen(tiny, "float32");
    const g = new Graph();
    const hidden = g.gather(
      Transformer.forward(g, model, g.feed("ids", [2, 6], "int32")),
      g.feed("rows", [8], "int32"),
    );
    const labels = g.feed("labels", [8], "int32");
    const top = Transformer.topTokens(g, model, hidden, labels, 5, 3);
    g.program("all", {
      fetches: {
        log: g.logSoftmax(Transformer.logits(g, model, hidden)),
        logProbs: Transformer.logProbs(g, model, hidden, labels, 3),
        ids: top.ids,
        top: top.logProbs,
        label: top.labelLogProbs,
      },
    });
    const session = open(g, model);
    const out = session.run("all", feeds);
    const log = out["log"] as Float32Array;
    const V = tiny.vocab_size;
    for (let row = 0; row < 8; row++) {
      const all = Array.from(log.slice(row * V, (row + 1) * V));
      const label = all[feeds.labels[row]];
      expect(out["logProbs"]?.[row]).toBeCloseTo(label, 4);
      expect(out["label"]?.[row]).toBeCloseTo(label, 4);
      const sorted = all.map((_, v) => v).sort((a, b) => all[b] - all[a]);
      expect(Array.from(out["ids"]?.slice(row * 5, row * 5 + 5) ?? [])).toEqual(sorted.slice(0, 5));
      sorted.slice(0, 5).forEach((v, i) => expect(out["top"]?.[row * 5 + i]).toBeCloseTo(all[v], 4));
    }
    session.dispose();
  });

  it("starts adapters at the frozen model, and merges them exactly", () => {
    const lora: Lora.Lora = { rank: 2, alpha: 8, targets: Lora.TARGETS };
    const model = Transformer.frozen(tiny, "float32", lora);
    const base = Transformer.frozen(tiny, "float32");
    expect(distance(logitsOf(model, ids), logitsOf(base, ids))).toBe(0);
    const g = new Graph();
    const feed = g.feed("ids", [1, ids.length], "int32");
    g.program("logits", {
      fetches: { logits: Transformer.logits(g, model, Transformer.forward(g, model, feed)) },
    });
    const session = open(g, model);
    const random = Random.make(SEED + 3);
    for (const { name } of Lora.parameters(tiny, lora)) {
      session.setVariable(
        name,
        session.getVariable(name).map(() => 0.2 * random.normal()),
      );
    }
    const adapted = session.run("logits", { ids: Int32Array.from(ids) })["logits"] as Float32Array;
    const merged = Transformer.exported(model, session.getVariable);
    const out = logitsOf(base, ids, { read: merged });
    session.dispose();
    expect(distance(adapted, logitsOf(base, ids))).toBeGreaterThan(0.1);
    expect(distance(out, adapted)).toBeLessThan(2e-4);
  });

  it("trains biases with the other weights, and exports them", () => {
    const config: ModelConfig.ModelConfig = {
      ...tiny,
      architectures: ["Qwen2ForCausalLM"],
      model_type: "qwen2",
    };
    const model = Transformer.trainable(config);
    const g = new Graph();
    const hidden = Transformer.forward(g, model, g.feed("ids", [2, 6], "int32"));
    const labels = g.feed("labels", [12], "int32");
    const loss = g.neg(g.mean(Transformer.logProbs(g, model, hidden, labels)));
    const parameters = Transformer.trainableParameters(model);
    const variables = parameters.map(({ name, shape }) => g.variable(name, shape));
    gradients(g, loss, variables).forEach((gradient, i) => {
      const { name } = parameters[i];
      g.assign(name, g.sub(variables[i], g.mul(gradient, 0.1)));
    });
    g.program("step", { fetches: { loss } });
    const session = open(g, model);
    const random = Random.make(SEED + 4);
    const step = () =>
      session.run("step", {
        ids: Int32Array.from(ids),
        labels: Int32Array.from(randomIds(random, 12, config.vocab_size)),
      });
    step();
    step();
    const exported = Transformer.exported(model, session.getVariable);
    const start = Transformer.randomWeights(config, 1);
    for (const { name, shape } of ModelConfig.tensorShapes(config)) {
      expect(exported(name).length).toBe(shape.reduce((a, b) => a * b, 1));
      expect({ name, moved: distance(exported(name), start(name)) > 1e-7 }).toEqual({ name, moved: true });
    }
    session.dispose();
  });

  it("draws masks that drop the share asked for, each time others, by the generator alone", () => {
    const lora: Lora.Lora = { rank: 2, alpha: 8, targets: ["q", "down"], dropout: 0.25 };
    const random = Random.make(SEED);
    const [first, second] = [0, 1].map(() => Lora.drawMask(tiny, lora, 500, random)) as [
      Uint8Array,
      Uint8Array,
    ];
    expect(first.length).toBe(500 * (tiny.hidden_size + tiny.intermediate_size) * tiny.num_hidden_layers);
    const kept = first.reduce((sum, x) => sum + x, 0) / first.length;
    // Four standard deviations of 40,000 draws.
    expect(Math.abs(kept - 0.75)).toBeLessThan(0.009);
    expect(distance(first, second)).toBe(1);
    expect(Lora.drawMask(tiny, lora, 500, Random.make(SEED))).toEqual(first);
  });
});
