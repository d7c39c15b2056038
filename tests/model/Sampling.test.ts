import { describe, expect, it } from "vitest";
import * as Sampling from "../../src/model/generation/Sampling.ts";
import * as Random from "../../src/random/Random.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { executor } from "./Support.ts";

const SEED = 31;
const B = 64;

/** Tokens chosen from the same log-probs for B uniform numbers. */
const choose = (mode: Sampling.Mode, logProbs: ReadonlyArray<number>, uniforms: ReadonlyArray<number>) => {
  const V = logProbs.length;
  const g = new Graph();
  const controls: Sampling.Controls = {
    uniform: g.feed("uniform", [B]),
    temperature: g.feed("temperature", [B]),
    topK: g.feed("topK", [B], "int32"),
    topP: g.feed("topP", [B]),
  };
  g.program("choose", {
    fetches: { token: Sampling.choose(g, mode, g.feed("logProbs", [B, V]), controls) },
  });
  const session = executor.open(g, () => undefined);
  const out = session.run("choose", {
    uniform: Float32Array.from(uniforms, Sampling.uniform),
    temperature: new Float32Array(B).fill(1),
    topK: new Int32Array(B).fill(V),
    topP: new Float32Array(B).fill(1),
    logProbs: Float32Array.from({ length: B * V }, (_, i) => logProbs[i % V]),
  });
  session.dispose();
  return Array.from(out["token"]);
};

describe("Sampling", () => {
  for (const V of [40, 8192]) {
    it(`inverts the cumulative distribution of ${V} tokens`, () => {
      const random = Random.make(SEED);
      // A third of the tokens is impossible, and so are whole stretches.
      const weights = Array.from({ length: V }, (_, v) =>
        v % 3 === 0 || (v > V / 2 && v < V / 1.8) ? 0 : Math.exp(3 * random.normal()),
      );
      const total = weights.reduce((a, b) => a + b, 0);
      const logProbs = weights.map((w) => (w === 0 ? -1e9 : Math.log(w / total)));
      const uniforms = Array.from({ length: B }, (_, b) =>
        b === 0 ? 0 : b === 1 ? 1 - 2 ** -32 : random.next(),
      );
      const sums: Array<number> = [];
      weights.reduce((sum, w, v) => (sums[v] = sum + w / total), 0);
      choose("full", logProbs, uniforms).forEach((token, b) => {
        expect(weights[token], `token ${token}, u ${uniforms[b]}, seed ${SEED}`).toBeGreaterThan(0);
        expect(uniforms[b]).toBeLessThan(sums[token] + 1e-5);
        expect(uniforms[b]).toBeGreaterThan(sums[token] - weights[token] / total - 1e-5);
      });
    });
  }

  it("takes the first token at uniform 0 and a possible one at the largest uniform", () => {
    const logProbs = [-1e9, Math.log(0.5), Math.log(0.5), -1e9];
    const uniforms = Array.from({ length: B }, (_, b) => (b % 2 === 0 ? 0 : 1));
    for (const mode of ["full", "mixed"] as const) {
      const tokens = choose(mode, logProbs, uniforms);
      expect(new Set(tokens)).toEqual(new Set([1, 2]));
      expect(tokens[0]).toBe(1);
    }
  });
});
