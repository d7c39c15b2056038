import { beforeAll, describe, expect, it } from "vitest";
import * as Generation from "../../src/model/generation/Generation.ts";
import * as Heads from "../../src/model/Heads.ts";
import * as Lora from "../../src/model/Lora.ts";
import type * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Scoring from "../../src/model/Scoring.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import * as Executors from "../../src/tensor/Executor.ts";
import * as NativeEager from "../../src/tensor/NativeEager.ts";
import * as Binding from "../../src/tensor/native/Binding.ts";
import type { Executor } from "../../src/tensor/Session.ts";
import * as Tfjs from "../../src/tensor/Tfjs.ts";
import * as Requirements from "../support/Requirements.ts";
import { distance, executor, open, randomIds, tiny } from "./Support.ts";

const SEED = 21;
const heads: Heads.Heads = { ...Heads.defaults, candidates: 5, valueWidth: 4 };
const model = Transformer.frozen(tiny, "float32", { rank: 2, alpha: 2, targets: ["q", "down"] });
const random = Random.make(SEED);
const prefix = randomIds(random, 6, tiny.vocab_size);
const items = Array.from({ length: 7 }, (_, i) => ({
  promptIds: [...prefix, ...randomIds(random, 1 + (i % 4), tiny.vocab_size)],
  programIds: randomIds(random, 2 + i, tiny.vocab_size),
  seed: i,
}));

/** Everything that generation and scoring give on an executor. */
const outcome = (on: Executor) => {
  const g = new Graph();
  const generation = Generation.record(g, model, {
    name: "generate",
    batch: 3,
    prefillBatch: 2,
    maxPrompt: 10,
    maxNew: 6,
    heads,
    sharePrefix: true,
  });
  const scoring = Scoring.record(g, model, { name: "score", batch: 3, maxTokens: 20, heads });
  const session = open(g, model, { heads, headNoise: 0.5, on });
  const generator = new Generation.Generator(session, generation);
  const base = { temperature: 1, tilt: 0, maxNewTokens: 6, ends: [0] };
  const samples = [
    { ...base },
    { ...base, temperature: 0 },
    { ...base, topK: 4, topP: 0.9 },
    { ...base, tilt: 3 },
  ].map((settings) => generator.generate(items, settings));
  const before = session.tensors();
  const alone = generator.generate(items.slice(0, 1), base);
  const leaked = session.tensors() - before;
  const scores = Scoring.score(session, scoring, items);
  session.dispose();
  return { samples: [...samples, alone], scores, leaked };
};

const others: ReadonlyArray<readonly [string, () => Executor | Promise<Executor>]> = [
  ["native eager", () => NativeEager.make(Binding.load(Executors.flavourOf(Executors.nativeBackend())))],
  ["tfjs on WebAssembly", () => Tfjs.make("wasm")],
];

describe.skipIf(!Requirements.native())("generation and scoring on other executors", () => {
  let expected: ReturnType<typeof outcome>;
  beforeAll(() => {
    expected = outcome(executor);
  });
  for (const [name, make] of others) {
    it(`are those of the native graph: ${name}`, async () => {
      const found = outcome(await make());
      expect(found.samples.map((all) => all.map((s) => s.tokens))).toEqual(
        expected.samples.map((all) => all.map((s) => s.tokens)),
      );
      const logProbs = ({ samples }: typeof found) => samples.flat().flatMap((s) => s.logProbs);
      expect(distance(logProbs(found), logProbs(expected))).toBeLessThan(1e-4);
      const scores = (all: typeof found) =>
        all.scores.flatMap((s) => [s.logProb, s.tokens, s.advantage ?? Number.NaN, s.value ?? Number.NaN]);
      expect(distance(scores(found), scores(expected))).toBeLessThan(1e-3);
      expect(found.leaked).toBe(0);
    });
  }
  it("leaks no tensor", () => expect(expected.leaked).toBe(0));
});

/** Loss and gradients of a pass with biases, scaled rotary embeddings, dropout and left padding. */
const pass = (on: Executor, lora: Lora.Lora | null): ReadonlyArray<number> => {
  const config: ModelConfig.ModelConfig = {
    ...tiny,
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    rope_scaling: { rope_type: "linear", factor: 2 },
  };
  const draws = Random.make(SEED);
  const own = lora === null ? Transformer.trainable(config) : Transformer.frozen(config, "float32", lora);
  const [batch, time] = [3, 7];
  const ids = Int32Array.from(randomIds(draws, batch * time, config.vocab_size));
  const g = new Graph();
  const dropout = Lora.maskFeed(g, config, lora, "masks", batch * time);
  const starts = g.feed("starts", [batch], "int32");
  const hidden = Transformer.forward(g, own, g.feed("ids", [batch, time], "int32"), { dropout, starts });
  const rows = g.gather(hidden, g.feed("rows", [2], "int32"));
  const loss = g.neg(g.mean(Transformer.logProbs(g, own, rows, g.feed("labels", [2], "int32"))));
  const parameters = Transformer.trainableParameters(own);
  const variables = parameters.map(({ name, shape }) => g.variable(name, shape));
  const fetches = gradients(g, loss, variables).map((x, i) => [parameters[i].name, x]);
  g.program("pass", { fetches: { ...Object.fromEntries(fetches), loss } });
  const plain = Transformer.randomWeights(config, SEED);
  // Biases start at zero in a random model.
  const read = (name: string) =>
    name.endsWith(".bias") ? plain(name).map((_, i) => 0.1 * ((i % 5) - 2)) : plain(name);
  const session = open(g, own, { read, on });
  for (const { name } of lora === null ? [] : parameters) {
    session.setVariable(
      name,
      Float32Array.from(session.getVariable(name), () => 0.3 * draws.normal()),
    );
  }
  const out = session.run("pass", {
    ids,
    starts: Int32Array.of(0, 2, 5),
    rows: Int32Array.of(11, 19),
    labels: Int32Array.of(3, 8),
    ...(lora === null ? {} : { masks: Lora.drawMask(config, lora, batch * time, draws) }),
  });
  session.dispose();
  return ["loss", ...parameters.map(({ name }) => name)].flatMap((name) => [...(out[name] ?? [])]);
};

describe.skipIf(!Requirements.native())("biases, dropout and left padding on other executors", () => {
  for (const [name, make] of others) {
    for (const lora of [null, { rank: 2, alpha: 4, targets: Lora.TARGETS, dropout: 0.4 }]) {
      it(`are those of the native graph: ${name}, ${lora === null ? "all weights" : "adapters"}`, async () => {
        const expected = pass(executor, lora);
        expect(expected.every(Number.isFinite)).toBe(true);
        expect(distance(pass(await make(), lora), expected)).toBeLessThan(1e-5);
      });
    }
  }
});
