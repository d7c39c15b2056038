import { describe, expect, it } from "vitest";
import * as Generation from "../../src/model/Generation.ts";
import * as Heads from "../../src/model/Heads.ts";
import type * as Sampling from "../../src/model/Sampling.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Random from "../../src/random/Random.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { distance, open, randomIds, reference, tiny } from "./Support.ts";

const SEED = 5;
const heads: Heads.Heads = { ...Heads.defaults, candidates: 6 };
const model = Transformer.frozen(tiny, "float32", { rank: 2, alpha: 2, targets: ["q", "v"] });

const generator = (options: {
  readonly batch: number;
  readonly heads?: Heads.Heads | null;
  readonly modes?: ReadonlyArray<Sampling.Mode>;
  readonly prefillBatch?: number;
  readonly sharePrefix?: boolean;
  readonly maxNew?: number;
}) => {
  const g = new Graph();
  const programs = Generation.record(g, model, {
    name: "generate",
    maxPrompt: 10,
    maxNew: 12,
    prefillBatch: 3,
    heads: null,
    ...options,
  });
  const session = open(g, model, { heads, headNoise: 0.5 });
  return {
    session,
    programs,
    generate: (items: ReadonlyArray<Generation.Item>, settings: Partial<Generation.Settings> = {}) =>
      new Generation.Generator(session, programs).generate(items, {
        temperature: 1,
        tilt: 0,
        maxNewTokens: 12,
        ends: [0],
        ...settings,
      }),
  };
};

/** Prompts of 1 to 10 tokens, some of them equal. */
const items = (count: number): ReadonlyArray<Generation.Item> => {
  const random = Random.make(SEED);
  const prompts = Array.from({ length: 7 }, (_, i) => randomIds(random, 1 + ((i * 3) % 10), tiny.vocab_size));
  return Array.from({ length: count }, (_, i) => ({
    promptIds: prompts[i % prompts.length],
    seed: 1000 + i,
  }));
};

describe("Generation", () => {
  it("decodes with the cache what whole sequences give: tokens and log-probs", () => {
    const { session, generate } = generator({ batch: 4, modes: ["greedy"] });
    const asked = items(9);
    const samples = generate(asked, { temperature: 0, ends: [] });
    session.dispose();
    const read = Transformer.randomWeights(tiny, 1);
    samples.forEach((sample, i) => {
      const prompt = asked[i].promptIds;
      expect(sample.finished).toBe("length");
      const rows = reference(tiny, read, [...prompt, ...sample.tokens]);
      sample.tokens.forEach((token, t) => {
        const row = rows[prompt.length - 1 + t];
        const top = Math.max(...row);
        const logSum = top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
        expect(row[token], `item ${i}, step ${t}: not the largest`).toBeGreaterThan(top - 1e-4);
        expect(Math.abs(sample.logProbs[t] - (row[token] - logSum))).toBeLessThan(1e-4);
      });
    });
  });

  for (const settings of [
    { temperature: 1 },
    { temperature: 0.7, topK: 5 },
    { temperature: 1, topP: 0.8 },
    { temperature: 0 },
  ]) {
    it(`samples the same whatever the batch: ${JSON.stringify(settings)}`, () => {
      const asked = items(11);
      const mode =
        settings.temperature === 0 ? "greedy" : "topK" in settings || "topP" in settings ? "mixed" : "full";
      const modes = [mode] as const;
      const one = generator({ batch: 8, modes });
      const together = one.generate(asked, settings);
      const backwards = one.generate([...asked].reverse(), settings).toReversed();
      const halves = [
        ...one.generate(asked.slice(0, 5), settings),
        ...one.generate(asked.slice(5), settings),
      ];
      one.session.dispose();
      const small = generator({ batch: 3, modes });
      const refilled = small.generate(asked, settings);
      small.session.dispose();
      for (const other of [backwards, halves, refilled]) {
        expect(other.map((s) => s.tokens)).toEqual(together.map((s) => s.tokens));
        expect(other.map((s) => s.finished)).toEqual(together.map((s) => s.finished));
        expect(
          distance(
            other.flatMap((s) => s.logProbs),
            together.flatMap((s) => s.logProbs),
          ),
        ).toBeLessThan(1e-4);
      }
      if (settings.temperature > 0) {
        expect(new Set(together.map((s) => s.tokens.join())).size).toBeGreaterThan(8);
      }
    });
  }

  for (const maxNew of [12, 1]) {
    it(`samples the same where a prefix is computed once, ${maxNew} new tokens`, () => {
      const random = Random.make(SEED + 1);
      const prefix = randomIds(random, 6, tiny.vocab_size);
      const prompts = Array.from({ length: 12 }, (_, i) => [
        ...prefix,
        ...randomIds(random, 1 + (i % 4), tiny.vocab_size),
      ]);
      const asked = Array.from({ length: 30 }, (_, i) => ({
        promptIds: prompts[i % 12],
        seed: i,
      }));
      const run = (sharePrefix: boolean) => {
        const one = generator({ batch: 5, prefillBatch: 2, sharePrefix, maxNew, modes: ["full"] });
        const ran: Array<string> = [];
        const session = {
          ...one.session,
          run: (program: string, feeds: Parameters<typeof one.session.run>[1]) => {
            ran.push(program);
            return one.session.run(program, feeds);
          },
        };
        const generate = new Generation.Generator(session, one.programs);
        const settings = { temperature: 1, tilt: 0, maxNewTokens: maxNew, ends: [0] };
        const samples = [generate.generate(asked, settings), generate.generate(asked.toReversed(), settings)];
        one.session.dispose();
        return { samples, ran };
      };
      const whole = run(false);
      const shared = run(true);
      expect(whole.ran.filter((name) => name.includes("prefix"))).toEqual([]);
      // Once for each generation, not for each refill.
      expect(shared.ran.filter((name) => name.includes("prefix")).length).toBe(2);
      expect(shared.ran.some((name) => name.includes("/prefill-"))).toBe(false);
      shared.samples.forEach((samples, i) => {
        expect(samples.map((s) => s.tokens)).toEqual(whole.samples[i]?.map((s) => s.tokens));
      });
      const logProbs = (all: ReadonlyArray<Generation.Sample>) => all.flatMap((s) => s.logProbs);
      expect(distance(logProbs(shared.samples[0] ?? []), logProbs(whole.samples[0] ?? []))).toBeLessThan(
        1e-4,
      );
    });
  }

  it("ends at the end-of-sequence token, at a stop string and at the length", () => {
    const { session, generate } = generator({ batch: 8, modes: ["full"] });
    const decode = (ids: ReadonlyArray<number>) => ids.map((id) => String.fromCharCode(97 + id)).join("");
    const asked = items(40);
    const samples = generate(asked, { maxNewTokens: 9, stop: { strings: ["b", "cd"], decode } });
    const free = generate(asked, { maxNewTokens: 9, ends: [] });
    session.dispose();
    const kinds = new Set(samples.map((s) => s.finished));
    expect(kinds).toEqual(new Set(["end", "stop", "length"]));
    samples.forEach((sample, i) => {
      const whole = free[i].tokens;
      expect(whole.slice(0, sample.tokens.length)).toEqual(sample.tokens);
      expect(sample.logProbs.length).toBe(sample.tokens.length);
      const text = decode(sample.tokens);
      if (sample.finished === "end") expect(sample.tokens.indexOf(0)).toBe(sample.tokens.length - 1);
      else if (sample.finished === "stop") expect(text).toMatch(/(b|cd)$/);
      else expect(sample.tokens.length).toBe(9);
      if (sample.finished !== "stop") expect(text).not.toMatch(/b|cd/);
    });
  });

  it("samples in proportion to the probabilities, and from the cut ones only", () => {
    const prompt = [3, 1, 4];
    const rows = reference(tiny, Transformer.randomWeights(tiny, 1), prompt);
    const logits = rows[2];
    const e = logits.map((x) => Math.exp(x / 2));
    const total = e.reduce((a, b) => a + b, 0);
    const p = e.map((x) => x / total);
    const order = p.map((_, v) => v).sort((a, b) => p[b] - p[a]);
    const { session, generate } = generator({ batch: 64 });
    const count = 3000;
    const asked = Array.from({ length: count }, (_, i) => ({ promptIds: prompt, seed: i }));
    const frequencies = (settings: Partial<Generation.Settings>): Array<number> => {
      const counts = p.map(() => 0);
      for (const { tokens } of generate(asked, { temperature: 2, maxNewTokens: 1, ends: [], ...settings })) {
        counts[tokens[0]] = counts[tokens[0]] + 1;
      }
      return counts.map((c) => c / count);
    };
    const compare = (found: ReadonlyArray<number>, kept: ReadonlyArray<number>) => {
      const mass = kept.reduce((sum, v) => sum + p[v], 0);
      p.forEach((pv, v) => {
        const expected = kept.includes(v) ? pv / mass : 0;
        const tolerance = expected === 0 ? 0 : 4.5 * Math.sqrt((expected * (1 - expected)) / count) + 1e-9;
        expect(Math.abs(found[v] - expected), `token ${v}`).toBeLessThanOrEqual(tolerance);
      });
    };
    compare(frequencies({}), order);
    compare(frequencies({ topK: 4 }), order.slice(0, 4));
    let sum = 0;
    const nucleus = order.filter((v) => {
      const before = sum;
      sum += p[v];
      return before < 0.6;
    });
    compare(frequencies({ topP: 0.6 }), nucleus);
    compare(frequencies({ topP: 1e-6 }), order.slice(0, 1));
    session.dispose();
  });

  it("with tilt 0 is the policy bit for bit, and tilts by beta (minQ - V)", () => {
    const g = new Graph();
    const programs = Generation.record(g, model, {
      name: "generate",
      batch: 4,
      maxPrompt: 10,
      maxNew: 12,
      heads,
    });
    const session = open(g, model, { heads, headNoise: 0.5 });
    const run = (program: string, beta?: number) => {
      session.clearBuffers();
      return session.run(program, {
        "generate/tokens": Int32Array.of(3, 1, 4, 1),
        "generate/positions": new Int32Array(4),
        "generate/uniform": Float32Array.of(0.1, 0.4, 0.6, 0.9),
        "generate/temperature": new Float32Array(4).fill(1),
        ...(beta === undefined ? {} : { "generate/beta": new Float32Array(4).fill(beta) }),
      });
    };
    const plain = run("generate/decode-full");
    expect(run("generate/decode-full-tilted", 0)).toEqual(plain);
    const asked = items(9);
    const settings = { temperature: 1, maxNewTokens: 12, ends: [0] };
    const generate = new Generation.Generator(session, programs);
    const untilted = generate.generate(asked, { ...settings, tilt: 0 });
    const tilted = generate.generate(asked, { ...settings, tilt: 20 });
    expect(tilted.map((s) => s.tokens)).not.toEqual(untilted.map((s) => s.tokens));
    const barely = generate.generate(asked, { ...settings, tilt: 1e-30 });
    expect(barely).toEqual(untilted);
    session.dispose();
  });

  it("says what is wrong with a request", () => {
    const { session, generate } = generator({ batch: 2, modes: ["greedy"] });
    const item = { promptIds: [1], seed: 1 };
    expect(() => generate([{ promptIds: [], seed: 1 }])).toThrow("prompt 0 has 0 tokens, expected 1 .. 10");
    expect(() => generate([{ promptIds: [29], seed: 1 }])).toThrow("holds token 29; the vocabulary is 29");
    expect(() => generate([item], { maxNewTokens: 13 })).toThrow("must be in 1 .. 12, found 13");
    expect(() => generate([item], { tilt: 1 })).toThrow("needs value heads");
    expect(() => generate([item], { temperature: -1 })).toThrow("temperature must be 0 or more");
    expect(() => generate([item])).toThrow("the mode full was not recorded");
    expect(generate([], { temperature: 0 })).toEqual([]);
    session.dispose();
  });

  it("can be given up between steps", () => {
    const { session, generate } = generator({ batch: 2 });
    const tensors = session.tensors();
    generate(items(3));
    expect(session.tensors()).toBe(tensors);
    session.dispose();
  });
});
