import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import type { Fetched, Session } from "../../src/tensor/Session.ts";
import { type Case, cases, dataOf, record } from "./Cases.ts";
import { difference, executors } from "./Executors.ts";

const seed = 7;
const all = await executors("wasm");

/** All cases in one graph, forward and gradients: the feeds of case c start with c. */
const recordAll = (g: Graph, list: ReadonlyArray<Case>) => {
  for (const [c, one] of list.entries()) {
    const { inputs, outputs } = record(g, one, `${c}.`);
    g.program(`${c}`, { fetches: Object.fromEntries(outputs.map((o, i) => [String(i), o])) });
    if (one.differentiable === false) continue;
    const loss = outputs.map((o) => g.sum(g.square(o))).reduce((a, b) => g.add(a, b));
    const floats = inputs.filter((v) => v.dtype === "float32");
    const fetches = gradients(g, loss, floats).map((v, i) => [String(i), v]);
    g.program(`${c} gradient`, { fetches: Object.fromEntries(fetches) });
  }
};

const feedsOf = (one: Case, c: number) => {
  const random = Random.make(`${seed}/${one.name}`);
  return Object.fromEntries(one.inputs.map((input, i) => [`${c}.${i}`, dataOf(input, random)]));
};

describe(`every op gives the same on every executor (seed ${seed})`, () => {
  const sessions: ReadonlyArray<readonly [string, Session]> = all.map(({ name, executor }) => {
    const g = new Graph();
    recordAll(g, cases);
    return [name, executor.open(g, () => undefined)] as const;
  });
  const [, last] = sessions.at(-1) as readonly [string, Session];
  for (const [c, one] of cases.entries()) {
    it(one.name, () => {
      const programs = one.differentiable === false ? [`${c}`] : [`${c}`, `${c} gradient`];
      for (const program of programs) {
        // Feeds take only what the program needs; a gradient may not need every input.
        const feeds = feedsOf(one, c);
        const expected: Fetched = last.run(program, feeds);
        for (const [name, session] of sessions) {
          const found = session.run(program, feeds);
          for (const key of Object.keys(expected)) {
            expect(found[key]?.constructor, `${name} ${program} ${key}`).toBe(expected[key]?.constructor);
            expect(
              difference(expected[key] ?? [], found[key] ?? []),
              `${name} ${program} output ${key}: ${found[key]} instead of ${expected[key]}`,
            ).toBeLessThan(2e-5);
          }
        }
      }
    });
  }
});
