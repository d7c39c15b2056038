import { beforeAll, describe, expect, it } from "vitest";
import * as Generation from "../../src/model/Generation.ts";
import * as Heads from "../../src/model/Heads.ts";
import * as Scoring from "../../src/model/Scoring.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Random from "../../src/random/Random.ts";
import { Graph } from "../../src/tensor/Graph.ts";
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

describe.skipIf(!Requirements.native())("generation and scoring on other executors", () => {
  let expected: ReturnType<typeof outcome>;
  beforeAll(() => {
    expected = outcome(executor);
  });
  const others: ReadonlyArray<readonly [string, () => Executor | Promise<Executor>]> = [
    ["native eager", () => NativeEager.make(Binding.load())],
    ["tfjs on WebAssembly", () => Tfjs.make("wasm")],
  ];
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
