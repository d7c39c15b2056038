import { describe, expect, it } from "vitest";
import * as DecodeGraph from "../../src/model/generation/DecodeGraph.ts";
import * as Generation from "../../src/model/generation/Generation.ts";
import * as GenerationGraph from "../../src/model/generation/GenerationGraph.ts";
import * as Heads from "../../src/model/Heads.ts";
import type * as Sampling from "../../src/model/generation/Sampling.ts";
import * as Scoring from "../../src/model/Scoring.ts";
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

  it("is the same with short windows and few rows as with the whole window and all slots", () => {
    const long = { ...tiny, max_position_embeddings: 256 };
    const random = Random.make(SEED + 2);
    // Around the first window's end, 128, so that sequences begin in it and leave it.
    const asked = Array.from({ length: 40 }, (_, i) => ({
      promptIds: randomIds(random, 1 + ((i * 37) % 135), tiny.vocab_size),
      seed: i,
    }));
    const run = (wholeWindow: boolean) => {
      const g = new Graph();
      const programs = Generation.record(g, Transformer.frozen(long, "float32"), {
        name: "generate",
        batch: 16,
        maxPrompt: 135,
        maxNew: 12,
        heads: null,
        modes: ["full"],
        wholeWindow,
      });
      const session = open(g, Transformer.frozen(long, "float32"));
      const ran = new Set<string>();
      const spied = {
        ...session,
        run: (program: string, feeds: Parameters<typeof session.run>[1]) => {
          ran.add(program);
          return session.run(program, feeds);
        },
      };
      const samples = new Generation.Generator(spied, programs).generate(asked, {
        temperature: 1,
        tilt: 0,
        maxNewTokens: 12,
        ends: [0],
      });
      session.dispose();
      return { samples, decodes: [...ran].filter((name) => name.includes("/decode-")), programs };
    };
    const whole = run(true);
    const short = run(false);
    expect(whole.decodes.length).toBe(1);
    expect(short.decodes.length).toBeGreaterThanOrEqual(3);
    expect(short.samples.map((s) => s.tokens)).toEqual(whole.samples.map((s) => s.tokens));
    const logProbs = ({ samples }: typeof whole) => samples.flatMap((s) => s.logProbs);
    expect(distance(logProbs(short), logProbs(whole))).toBeLessThan(1e-4);
  });

  it("a sample depends on its seed and settings only: requests of all kinds in any grouping and order", () => {
    const g = new Graph();
    const programs = Generation.record(g, model, {
      name: "generate",
      batch: 5,
      maxPrompt: 10,
      maxNew: 12,
      heads,
    });
    const session = open(g, model, { heads, headNoise: 0.5 });
    const base = { temperature: 1, tilt: 0, maxNewTokens: 12, ends: [0] };
    const decode = (ids: ReadonlyArray<number>) => ids.map((id) => String.fromCharCode(97 + id)).join("");
    const kinds: ReadonlyArray<Generation.Settings> = [
      base,
      { ...base, temperature: 0, maxNewTokens: 7 },
      { ...base, topK: 4, temperature: 1.5 },
      { ...base, topP: 0.7, ends: [] },
      { ...base, tilt: 8, stop: { strings: ["d", "ab"], decode } },
      { ...base, topLogProbs: 3 },
      { ...base, temperature: 0.6, values: true, ends: [1, 2] },
    ];
    const asked = items(21).map((item, i) => ({ item, settings: kinds[i % kinds.length] }));
    const alone = asked.map(({ item, settings }) => {
      const [sample] = new Generation.Generator(session, programs).generate([item], settings);
      return sample.tokens;
    });
    const random = Random.make(SEED + 3);
    for (let round = 0; round < 4; round++) {
      const live = new Generation.Generator(session, programs);
      const found: Array<Array<number>> = asked.map(() => []);
      const order = asked
        .map((_, i) => i)
        .sort((a, b) => random.split(`${round} ${a}`).next() - random.split(`${round} ${b}`).next());
      let left = asked.length;
      for (const i of order) {
        const { item, settings } = asked[i];
        const onToken = ({ token, finished }: Generation.Token) => {
          found[i].push(token);
          if (finished !== null) left--;
        };
        live.submit([item], settings, onToken, { urgent: random.int(2) === 0 });
        // Others are submitted while these run, and one is given up.
        for (let n = random.int(3); n > 0; n--) live.step();
        const given = live.submit([item], settings, () => {});
        if (random.int(2) === 0) live.step();
        given.cancel();
      }
      while (live.step());
      expect(left, "samples that did not end").toBe(0);
      expect(found, `round ${round}, seed ${SEED}`).toEqual(alone);
    }
    session.dispose();
  });

  it("reports the most probable tokens, and scores samples as Scoring does", () => {
    const g = new Graph();
    const programs = Generation.record(g, model, {
      name: "generate",
      batch: 4,
      maxPrompt: 10,
      maxNew: 12,
      heads,
    });
    const scoring = Scoring.record(g, model, { name: "score", batch: 3, maxTokens: 22, heads });
    const session = open(g, model, { heads, headNoise: 0.5 });
    const asked = items(9);
    const settings = { temperature: 1, tilt: 0, maxNewTokens: 12, ends: [0], values: true };
    const samples = new Generation.Generator(session, programs).generate(asked, settings);
    const scores = Scoring.score(
      session,
      scoring,
      samples.map(({ tokens }, i) => ({ promptIds: asked[i].promptIds, programIds: tokens })),
    );
    samples.forEach(({ scores: own, logProbs }, i) => {
      expect(own?.advantage).toBeCloseTo(scores[i].advantage ?? Number.NaN, 4);
      expect(own?.value).toBeCloseTo(scores[i].value ?? Number.NaN, 5);
      expect(logProbs.reduce((a, b) => a + b, 0)).toBeCloseTo(scores[i].logProb, 4);
    });
    const live = new Generation.Generator(session, programs);
    const [item] = asked;
    const rows = reference(tiny, Transformer.randomWeights(tiny, 1), item.promptIds);
    const logits = rows.at(-1) ?? [];
    const logSum = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
    const order = logits.map((_, v) => v).sort((a, b) => logits[b] - logits[a]);
    const first: Array<Generation.Token> = [];
    live.submit([item], { ...settings, values: false, topLogProbs: 5 }, (token) => first.push(token));
    live.step();
    expect(first[0].top.map(({ token }) => token)).toEqual(order.slice(0, 5));
    first[0].top.forEach(({ token, logProb }) => expect(logProb).toBeCloseTo(logits[token] - logSum, 4));
    session.dispose();
  });

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
    const decode = programs.shapes[0];
    const run = (tilted: boolean) => {
      session.clearBuffers();
      const name = (what: string): string => `generate/${what}-4`;
      return session.run(
        GenerationGraph.decodeProgram("generate", { shape: decode, mode: "full", tilted, report: false }),
        {
          [name("tokens")]: Int32Array.of(3, 1, 4, 1),
          [name("positions")]: new Int32Array(4),
          [name("rows")]: Int32Array.from({ length: 8 }, (_, i) =>
            DecodeGraph.rowOf(programs.cache, i >> 1, i & 1, 0),
          ),
          [name("uniform")]: Float32Array.of(0.1, 0.4, 0.6, 0.9),
          [name("temperature")]: new Float32Array(4).fill(1),
          ...(tilted ? { [name("beta")]: new Float32Array(4) } : {}),
        },
      );
    };
    expect(run(true)).toEqual(run(false));
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
