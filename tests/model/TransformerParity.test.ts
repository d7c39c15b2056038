/** The transformer against Hugging Face's and PEFT's: tiny models of each architecture, golden/tiny-models.json. */
import { describe, expect, it } from "vitest";
import * as Generation from "../../src/model/generation/Generation.ts";
import * as Lora from "../../src/model/Lora.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as WeightLayout from "../../src/model/WeightLayout.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph, type Value } from "../../src/tensor/Graph.ts";
import { distance, open } from "./Support.ts";
import * as TinyLlama from "./TinyLlama.ts";

const golden = TinyLlama.golden();

const argMax = (x: Float32Array): number => x.indexOf(Math.max(...x));

const norm = (x: Float32Array): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));

/** |found - expected| / |expected|. */
const relative = (found: Float32Array, expected: Float32Array): number =>
  found.length === expected.length
    ? norm(found.map((x, i) => x - (expected[i] ?? 0))) / norm(expected)
    : Number.POSITIVE_INFINITY;

/** Loss and gradients (of the variables that train) on one sequence's next tokens. */
const step = (
  model: Transformer.Model,
  ids: ReadonlyArray<number>,
  options: {
    readonly read: (name: string) => Float32Array;
    readonly adapters?: (name: string) => Float32Array;
    readonly masks?: Uint8Array;
  },
) => {
  const g = new Graph();
  const T = ids.length;
  const dropout = Lora.maskFeed(g, model.config, model.lora, "masks", T);
  const hidden = Transformer.forward(g, model, g.feed("ids", [1, T], "int32"), { dropout });
  const rows = g.slice(hidden, [0, 0], [T - 1, model.config.hidden_size]);
  const loss = g.neg(g.mean(Transformer.logProbs(g, model, rows, g.feed("next", [T - 1], "int32"))));
  const parameters = Transformer.trainableParameters(model);
  const variables = parameters.map(({ name, shape }) => g.variable(name, shape));
  const fetches = gradients(g, loss, variables).map((x, i): [string, Value] => [
    parameters[i]?.name ?? "",
    x,
  ]);
  g.program("step", { fetches: { ...Object.fromEntries(fetches), loss } });
  const session = open(g, model, { read: options.read });
  const { adapters } = options;
  if (adapters !== undefined) {
    session.setVariables(new Map(parameters.map(({ name }) => [name, adapters(name)])));
  }
  const out = session.run("step", {
    ids: Int32Array.from(ids),
    next: Int32Array.from(ids.slice(1)),
    ...(dropout === undefined || options.masks === undefined ? {} : { masks: options.masks }),
  });
  session.dispose();
  return {
    loss: out["loss"]?.[0] ?? Number.NaN,
    gradient: (name: string) => Float32Array.from(out[name] ?? []),
  };
};

const expectNear = (
  found: (name: string) => Float32Array,
  expected: Readonly<Record<string, TinyLlama.Packed>>,
): void => {
  const errors = Object.entries(expected).map(([name, packed]) => ({
    name,
    error: relative(found(name), TinyLlama.unpacked(packed)),
  }));
  expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
};

it("golden weights are the formula's", () => {
  for (const [key, expected] of Object.entries(golden.check)) {
    const tensor = Number(key.split(" ")[1]);
    expect(
      distance(
        expected.map((_, i) => TinyLlama.value(tensor, i, tensor === 1)),
        expected,
      ),
    ).toBeLessThan(1e-7);
  }
});

describe.each(golden.cases)("beside transformers: $name", (one) => {
  const { config, sequences } = one;
  const V = config.vocab_size;
  const read = TinyLlama.weights(config);
  const B = sequences.length;
  // Each sequence with its greedy continuation, in one batch.
  const grown = sequences.map(({ ids, greedy }) => [...ids, ...greedy]);
  const T = Math.max(...grown.map((ids) => ids.length)) + 3;

  /** Logits [length][V] and next tokens' log-probs of each sequence in the batch padded on one side. */
  const batch = (model: Transformer.Model, side: "left" | "right") => {
    const g = new Graph();
    const starts = side === "left" ? g.feed("starts", [B], "int32") : undefined;
    const hidden = Transformer.forward(g, model, g.feed("ids", [B, T], "int32"), { starts });
    const next = Transformer.logProbs(g, model, hidden, g.feed("next", [B * T], "int32"));
    g.program("all", { fetches: { logits: Transformer.logits(g, model, hidden), next } });
    const session = open(g, model, { read });
    const begins = grown.map((ids, b) => b * T + (side === "left" ? T - ids.length : 0));
    const fed = new Int32Array(B * T).fill(5);
    grown.forEach((ids, b) => fed.set(ids, begins[b]));
    const out = session.run("all", {
      ids: fed,
      next: Int32Array.from(fed, (_, i) => fed[i + 1] ?? 0),
      ...(side === "left" ? { starts: Int32Array.from(begins, (begin, b) => begin - b * T) } : {}),
    });
    session.dispose();
    return grown.map((ids, b) => {
      const begin = begins[b] ?? 0;
      return {
        rows: ids.map((_, t) => (out["logits"] as Float32Array).slice((begin + t) * V, (begin + t + 1) * V)),
        logProbs: (out["next"] as Float32Array).slice(begin, begin + ids.length),
      };
    });
  };

  const variants = [
    ["trained, padded on the right", Transformer.trainable(config), "right"],
    ["frozen, padded on the left", Transformer.frozen(config, "float32"), "left"],
  ] as const;
  it.each(variants)("logits, log-probs and greedy tokens: %s", (_, model, side) => {
    const real = batch(model, side).map(({ rows, logProbs }, b) => {
      const { ids, logits, greedy, ...known } = sequences[b];
      expect(distance(rows[ids.length - 1] ?? [], TinyLlama.unpacked(logits))).toBeLessThan(2e-5);
      const some = logProbs.slice(0, ids.length - 1);
      expect(distance(some, TinyLlama.unpacked(known.logProbs))).toBeLessThan(2e-5);
      expect(greedy.map((__, i) => argMax(rows[ids.length - 1 + i] as Float32Array))).toEqual(greedy);
      return rows.slice(0, ids.length).flatMap((row) => [...row]);
    });
    expect(distance(real.flat(), TinyLlama.unpacked(one.padded))).toBeLessThan(2e-5);
  });

  it("greedy tokens, generated with the cache", () => {
    const model = Transformer.frozen(config, "float32");
    const g = new Graph();
    const maxPrompt = Math.max(...sequences.map(({ ids }) => ids.length));
    const spec = { name: "generate", batch: B, maxPrompt, maxNew: 12, heads: null };
    const programs = Generation.record(g, model, { ...spec, modes: ["greedy"] });
    const session = open(g, model, { read });
    const items = sequences.map(({ ids }, seed) => ({ promptIds: ids, seed }));
    const settings = { temperature: 0, tilt: 0, maxNewTokens: 12, ends: [] };
    const samples = new Generation.Generator(session, programs).generate(items, settings);
    session.dispose();
    expect(samples.map(({ tokens }) => tokens)).toEqual(sequences.map(({ greedy }) => greedy));
  });

  it("logits near these with the weights in bfloat16", () => {
    const rounded = batch(Transformer.frozen(config, "bfloat16"), "right").flatMap(({ rows }, b) =>
      rows.slice(0, sequences[b]?.ids.length).flatMap((row) => [...row]),
    );
    expect(relative(Float32Array.from(rounded), TinyLlama.unpacked(one.padded))).toBeLessThan(0.02);
  });

  it("loss and the gradient of every weight", () => {
    const model = Transformer.trainable(config);
    const found = step(model, sequences[0]?.ids ?? [], { read });
    expect(Math.abs(found.loss - one.loss)).toBeLessThan(1e-5);
    const gradient = WeightLayout.reader(Transformer.weights(model), found.gradient);
    expectNear(gradient, one.gradients);
  });

  it.each(one.lora)("loss and the gradient of every adapter, dropout $dropout", (lora) => {
    const spec: Lora.Lora = { rank: 3, alpha: 6, targets: Lora.TARGETS, dropout: lora.dropout };
    const model = Transformer.frozen(config, "float32", spec);
    const parameters = Lora.parameters(config, spec);
    const bits = Buffer.from(lora.masks, "base64");
    const masks = Uint8Array.from(
      { length: bits.length * 8 },
      (_, i) => ((bits[i >> 3] ?? 0) >> (i & 7)) & 1,
    );
    const adapters = (name: string): Float32Array => {
      const number = parameters.findIndex((p) => p.name === name);
      const [input, output] = parameters[number].shape as readonly [number, number];
      const torch = Float32Array.from({ length: input * output }, (_, i) =>
        TinyLlama.value(1000 + number, i, false),
      );
      return Lora.transposed(torch, output);
    };
    const found = step(model, sequences[0]?.ids ?? [], { read, adapters, masks });
    expect(Math.abs(found.loss - lora.loss)).toBeLessThan(1e-5);
    const inputs = new Map(parameters.map(({ name, shape }) => [name, shape[0] ?? 0]));
    expectNear((name) => Lora.transposed(found.gradient(name), inputs.get(name) ?? 0), lora.gradients);
  });
});
