import { describe, expect, it } from "vitest";
import * as Heads from "../../src/model/Heads.ts";
import * as Scoring from "../../src/model/Scoring.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Random from "../../src/random/Random.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { distance, open, randomIds, tiny } from "./Support.ts";

const SEED = 8;
const V = tiny.vocab_size;
const model = Transformer.frozen(tiny, "float32");
const random = Random.make(SEED);
const items = Array.from({ length: 7 }, (_, i) => ({
  promptIds: randomIds(random, 1 + i, V),
  programIds: randomIds(random, 2 + ((i * 5) % 9), V),
}));
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe("Heads", () => {
  it("start pessimistic, twins apart, targets equal to what they follow", () => {
    for (const parameter of Heads.parameters(tiny, Heads.defaults)) {
      const online = Heads.initial(Heads.defaults, parameter, SEED);
      const target = { ...parameter, name: Heads.targetOf(parameter.name) };
      expect(Heads.initial(Heads.defaults, target, SEED)).toEqual(online);
    }
    expect(Heads.targetParameters(tiny, Heads.defaults).map((p) => p.name)).toContain("heads.target.q1.W");
    const g = new Graph();
    const h = g.feed("h", [3, tiny.hidden_size]);
    const ids = g.feed("ids", [3, 4], "int32");
    const [q1, q2] = Heads.qLogits(g, model, Heads.defaults, ["q1", "q2"], h, ids) as [typeof h, typeof h];
    const v = Heads.valueLogits(g, model, Heads.defaults, h);
    g.program("heads", { fetches: { q1, q2, v } });
    const session = open(g, model, { heads: Heads.defaults });
    const out = session.run("heads", {
      h: Float32Array.from({ length: 3 * tiny.hidden_size }, () => random.normal()),
      ids: Int32Array.from(randomIds(random, 12, V)),
    });
    session.dispose();
    for (const name of ["q1", "q2", "v"]) {
      for (const x of out[name] as Float32Array)
        expect(Math.abs(x - Heads.defaults.initialLogit)).toBeLessThan(0.02);
    }
    expect(distance(out["q1"] as Float32Array, out["q2"] as Float32Array)).toBeGreaterThan(0);
  });

  for (const valueWidth of [0, 5]) {
    it(`give on candidates what they give over the vocabulary, V of width ${valueWidth}`, () => {
      const heads: Heads.Heads = { ...Heads.defaults, candidates: V, valueWidth };
      const g = new Graph();
      const h = g.feed("h", [4, tiny.hidden_size]);
      const labels = g.feed("labels", [4], "int32");
      const among = Heads.candidates(g, model, heads, h, labels);
      const [q1, q2] = Heads.qLogits(g, model, heads, ["q1", "target.q2"], h, among.ids) as [
        typeof h,
        typeof h,
      ];
      g.program("all", {
        fetches: {
          ids: among.ids,
          logProbs: among.logProbs,
          counted: among.counted,
          q1,
          q2,
          mean: Heads.expectation(g, among, q1),
          full1: Heads.fullLogits(g, model, heads, "q1", h),
          full2: Heads.fullLogits(g, model, heads, "target.q2", h),
          log: g.logSoftmax(Transformer.logits(g, model, h)),
          v: Heads.valueLogits(g, model, heads, h),
        },
      });
      const session = open(g, model, { heads, headNoise: 0.5 });
      const out = session.run("all", {
        h: Float32Array.from({ length: 4 * tiny.hidden_size }, () => random.normal()),
        labels: Int32Array.of(3, 0, 28, 7),
      });
      session.dispose();
      const at = (name: string, i: number): number => out[name]?.[i];
      for (let row = 0; row < 4; row++) {
        let mean = 0;
        for (let i = 0; i <= V; i++) {
          const here = row * (V + 1) + i;
          const v = at("ids", here);
          expect(at("q1", here)).toBeCloseTo(at("full1", row * V + v), 4);
          expect(at("q2", here)).toBeCloseTo(at("full2", row * V + v), 4);
          expect(at("logProbs", here)).toBeCloseTo(at("log", row * V + v), 4);
          expect(at("counted", here)).toBe(i < V ? 1 : 0);
          if (i < V) mean += Math.exp(at("log", row * V + v)) * at("full1", row * V + v);
        }
        expect(at("mean", row)).toBeCloseTo(mean, 4);
      }
      expect(out["v"]?.length).toBe(4);
    });
  }
});

describe("Scoring", () => {
  // Every second item under a tilted policy.
  const tilts = items.map((_, i) => (i % 2 === 0 ? 0 : 2.5));

  it("adds up log-probs, lost value, and V at the prompt's end, batched by length, tilted or not", () => {
    const heads: Heads.Heads = { ...Heads.defaults, candidates: 4 };
    const g = new Graph();
    const programs = Scoring.record(g, model, { name: "score", batch: 3, maxTokens: 20, heads });
    const ids = g.feed("one", [1, 20], "int32");
    const hidden = Transformer.forward(g, model, ids);
    g.program("one", {
      fetches: {
        log: g.logSoftmax(Transformer.logits(g, model, hidden)),
        q1: Heads.fullLogits(g, model, heads, "q1", hidden),
        q2: Heads.fullLogits(g, model, heads, "q2", hidden),
        v: Heads.valueLogits(g, model, heads, hidden),
      },
    });
    const session = open(g, model, { heads, headNoise: 0.5 });
    const scores = Scoring.score(
      session,
      programs,
      items.map((item, i) => ({ ...item, tilt: tilts[i] ?? 0 })),
    );
    items.forEach(({ promptIds, programIds }, i) => {
      const fed = new Int32Array(20);
      fed.set([...promptIds, ...programIds]);
      const out = session.run("one", { one: fed });
      let logProb = 0;
      let advantage = 0;
      let gain = 0;
      programIds.forEach((token, t) => {
        const row = (promptIds.length - 1 + t) * V;
        const plain = Array.from(out["log"]?.slice(row, row + V) ?? []);
        const q = plain.map((_, v) => sigmoid(Math.min(out["q1"]?.[row + v], out["q2"]?.[row + v])));
        const top = plain
          .map((_, v) => v)
          .sort((a, b) => plain[b] - plain[a])
          .slice(0, 4);
        const state = sigmoid(out["v"]?.[promptIds.length - 1 + t]);
        const raw = plain.map((l, v) => l + (top.includes(v) ? (tilts[i] ?? 0) * (q[v] - state) : 0));
        const total = Math.log(raw.reduce((sum, l) => sum + Math.exp(l), 0));
        const log = raw.map((l) => l - total);
        const among = [...new Set([...top, token])];
        const mass = among.reduce((sum, v) => sum + Math.exp(log[v]), 0);
        const mean = among.reduce((sum, v) => sum + (Math.exp(log[v]) / mass) * q[v], 0);
        logProb += log[token];
        advantage += Math.min(0, q[token] - mean);
        gain += q[token] - mean;
      });
      const score = scores[i];
      expect(score.tokens).toBe(programIds.length);
      expect(score.logProb, `item ${i}`).toBeCloseTo(logProb, 3);
      expect(score.advantage, `item ${i}`).toBeCloseTo(advantage, 4);
      expect(score.gain, `item ${i}`).toBeCloseTo(gain, 4);
      expect(score.value).toBeCloseTo(sigmoid(out["v"]?.[promptIds.length - 1]), 4);
    });
    session.dispose();
  });

  it("without heads gives log-probs alone, and refuses what does not fit", () => {
    const g = new Graph();
    const programs = Scoring.record(g, model, { name: "score", batch: 3, maxTokens: 20, heads: null });
    const session = open(g, model);
    const [score] = Scoring.score(session, programs, items.slice(0, 1));
    expect(score).toMatchObject({ advantage: null, gain: null, value: null, tokens: 2 });
    expect(() => Scoring.score(session, programs, [{ ...items[0], tilt: 1 }])).toThrow("no value heads");
    expect(() => Scoring.score(session, programs, [{ promptIds: [], programIds: [1] }])).toThrow(
      "has no prompt",
    );
    const long = { promptIds: randomIds(random, 15, V), programIds: randomIds(random, 6, V) };
    expect(() => Scoring.score(session, programs, [long])).toThrow("has 21 tokens, at most 20");
    session.dispose();
  });
});
