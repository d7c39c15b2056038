import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph, type Value } from "../../src/tensor/Graph.ts";
import { type Chunk, Heap } from "../../src/tensor/Heap.ts";
import * as Memory from "../../src/tensor/Memory.ts";

const MB = 2 ** 20;

describe("the heap", () => {
  it("takes the smallest hole that fits, splits it where much is left, and joins neighbours", () => {
    const heap = new Heap();
    const [a, , c, , e] = [4, 1, 2, 1, 8].map((mb) => heap.take(mb * MB)) as [
      Chunk,
      Chunk,
      Chunk,
      Chunk,
      Chunk,
    ];
    expect(heap.size).toBe(16 * MB);
    heap.free(a);
    heap.free(c);
    expect(heap.take(2 * MB)).toEqual(c);
    // Half of a hole is split off, and more than half takes it whole.
    expect(heap.take(2 * MB)).toEqual({ begin: a.begin, bytes: 2 * MB });
    expect(heap.take(1.5 * MB)).toEqual({ begin: a.begin + 2 * MB, bytes: 2 * MB });
    heap.free(e);
    expect(heap.take(10 * MB).begin).toBe(e.begin);
    expect(heap.size).toBe(18 * MB);
  });

  it("never gives two owners the same bytes (seed 3)", () => {
    const random = Random.make(3);
    const heap = new Heap();
    const held: Array<Chunk> = [];
    for (let i = 0; i < 3000; i++) {
      if (random.chance(0.55)) held.push(heap.take(1 + random.int(5000)));
      else if (held.length > 0) heap.free(held.splice(random.int(held.length), 1)[0]);
      if (i % 100 !== 0) continue;
      const sorted = held.toSorted((x, y) => x.begin - y.begin);
      for (let k = 1; k < sorted.length; k++) {
        const before = sorted[k - 1];
        expect(before.begin + before.bytes).toBeLessThanOrEqual(sorted[k].begin);
      }
    }
    for (const chunk of held) heap.free(chunk);
    expect(heap.take(heap.size).begin).toBe(0);
  });
});

describe("the memory of programs", () => {
  const grown = (record: (g: Graph, x: Value) => Value): number => {
    const g = new Graph();
    const y = record(g, g.feed("x", [MB / 4]));
    const program = g.program("p", { fetches: { y } });
    return Memory.running(g, [program]) - Memory.running(g, []);
  };

  it("elements are written over what nobody reads again", () => {
    const one = grown((g, x) => g.exp(x));
    expect(grown((g, x) => g.sqrt(g.exp(g.neg(x))))).toBe(one);
    expect(grown((g, x) => g.add(g.exp(x), x))).toBeGreaterThan(one);
  });

  it("recomputation takes less where there are many layers", () => {
    const of = (recompute: boolean): number => {
      const g = new Graph();
      const names = Array.from({ length: 12 }, (_, l) => `w${l}`);
      let x: Value = g.feed("x", [4096, 64]);
      for (const name of names) {
        x = g.checkpoint(x);
        const w = g.variable(name, [64, 64]);
        x = g.add(x, g.tanh(g.matMul(g.sigmoid(g.matMul(x, w)), w)));
      }
      const loss = g.mean(g.square(x));
      const wrt = names.map((name) => g.variable(name, [64, 64]));
      const found = gradients(g, loss, wrt, { recompute });
      const program = g.program("p", {
        fetches: Object.fromEntries(found.map((d, i) => [String(i), d])),
      });
      return Memory.running(g, [program]);
    };
    const saved = of(false) - of(true);
    // Of 11 layers two activations of 1 MB each.
    expect(saved).toBeGreaterThan(15 * MB);
  });

  it("counts variables and their moments", () => {
    const g = new Graph();
    g.variable("w", [MB / 4]);
    g.adam("w", g.feed("d", [MB / 4]), {
      learningRate: 1,
      beta1: 0.9,
      beta2: 0.9,
      epsilon: 1,
      beta1Power: 0.9,
      beta2Power: 0.9,
    });
    g.program("p", { fetches: {} });
    expect(Memory.resident(g)).toBe(3 * MB);
  });
});
