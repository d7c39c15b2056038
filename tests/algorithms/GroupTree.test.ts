/**
 * RLOO, GRPO and DPO in a world with known answers: two problems whose programs are two tokens and an end, a table in
 * place of a network. Episodes, groups and batches are the real ones.
 *
 * On the easy problem much of what was written is nearly right, on the hard one nothing but the best is worth anything: a
 * program of the easy problem that is below its own group is above the hard one's.
 *
 * Made by hand, once each; every one failed at least one of these tests:
 *   - the advantage's sign, and DPO's margin's
 *   - groups mixed up: Batch.fill giving a row the statistics of the next group; DPO's pairs shifted by one program
 *   - GRPO's ratio as pi_old / pi; TOPR's as mu / pi
 */
import * as Result from "effect/Result";
import { afterEach, assert, beforeAll, describe, it } from "vitest";
import type { Columns } from "../../src/algorithms/Algorithm.ts";
import * as Table from "../../src/algorithms/Table.ts";
import * as Random from "../../src/random/Random.ts";
import * as Batch from "../../src/replay/Batch.ts";
import { type Draw, Mixture, type Parts } from "../../src/replay/Mixture.ts";
import { ReplayBuffer } from "../../src/replay/ReplayBuffer.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Executor, Session } from "../../src/tensor/Session.ts";
import { testExecutor } from "../support/executor.ts";

const END = 0;
const CHOICES = [1, 2, 3];
/** A problem's prompt is its one token. */
const [EASY, HARD] = [4, 5];
const VOCABULARY = 6;

/** What was written: problem, program, how often, reward. The best programs are 32 and 21, each written once. */
const written: ReadonlyArray<
  readonly [problem: number, a: number, b: number, times: number, reward: number]
> = [
  [EASY, 1, 1, 4, 0.9],
  [EASY, 1, 2, 2, 0.8],
  [EASY, 3, 1, 2, 0.8],
  [EASY, 3, 2, 1, 1],
  [HARD, 1, 1, 4, 0.1],
  [HARD, 2, 2, 3, 0],
  [HARD, 3, 1, 3, 0],
  [HARD, 2, 1, 1, 1],
];
const BEST = { [EASY]: "32", [HARD]: "21" };

const remembered = (): Parts => {
  const offline = new ReplayBuffer({ capacity: 32, stride: 4 });
  for (const [problem, a, b, times, reward] of written) {
    for (let i = 0; i < times; i++) {
      offline.add({
        id: `${problem}${a}${b}${i}`,
        taskId: `task-${problem}`,
        tokens: [problem, a, b, END],
        promptLength: 1,
        reward,
        behaviourLogProbs: null,
        policyVersion: null,
      });
    }
  }
  return { offline, online: new ReplayBuffer({ capacity: 1, stride: 4 }) };
};

const prefixes = ["", ...CHOICES.map(String), ...CHOICES.flatMap((a) => CHOICES.map((b) => `${a}${b}`))];
const states = [EASY, HARD].flatMap((problem) => prefixes.map((prefix) => `${problem}${prefix}`));
const SHAPE = [states.length, VOCABULARY];
const SEQUENCES = 8;
const N = 3 * SEQUENCES;

let executor: Executor;
const sessions: Array<Session> = [];
beforeAll(async () => {
  executor = await testExecutor();
});
afterEach(() => {
  for (const session of sessions.splice(0)) session.dispose();
});

/** Trains a table that starts even over what the trees allow; its reference is where it started. */
const train = (algorithm: string, config: Record<string, unknown>, steps: number, seed: number) => {
  const { loss, groups } = Result.getOrThrow(Table.configure(algorithm, config));
  const parts = remembered();
  const draw: Draw = groups === null ? { kind: "all" } : { kind: "groups", size: groups.size };
  const mixture = new Mixture(parts, draw, Random.make(seed));
  const arrays = (): Batch.Arrays => {
    const picks = mixture.draw(SEQUENCES, 1);
    const layout = { sequences: SEQUENCES, time: 3, actions: N };
    return Batch.fill(parts, picks, layout, Batch.totals(parts, picks));
  };

  const g = new Graph();
  const feeds = Object.entries(arrays()).map(([name, data]) => [
    name,
    g.feed(name, [data.length], data instanceof Int32Array ? "int32" : "float32"),
  ]);
  const columns = { ...Object.fromEntries(feeds), sequences: SEQUENCES } as Columns;
  const state = g.feed("state", [N], "int32");
  const logProb = (name: string) =>
    g.neg(g.sparseCrossEntropy(g.gather(g.variable(name, SHAPE), state), columns.action));
  const unused = (): never => {
    throw new Error("these losses ask for the policy and its reference alone");
  };
  const { total, parts: fetches } = loss(
    g,
    {
      logProb: () => logProb("policy"),
      reference: () => g.stopGradient(logProb("reference")),
      top: (k) => {
        const { indices, values } = g.topK(g.gather(g.variable("policy", SHAPE), state), k);
        return { tokens: indices, logProbs: values };
      },
      critic: unused,
      own: unused,
    },
    columns,
  );
  g.adam("policy", gradients(g, total, [g.variable("policy", SHAPE)])[0], {
    learningRate: 0.03,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    beta1Power: g.feed("beta1Power", []),
    beta2Power: g.feed("beta2Power", []),
  });
  g.program("step", { fetches });
  const even = Float32Array.from({ length: states.length * VOCABULARY }, (_, i) => {
    const ends = states[Math.floor(i / VOCABULARY)].length === 3;
    return (ends ? i % VOCABULARY === END : CHOICES.includes(i % VOCABULARY)) ? 0 : -10;
  });
  const session = executor.open(g, (name) => (name.startsWith("policy/") ? undefined : even));
  sessions.push(session);

  let last: Readonly<Record<string, ArrayLike<number>>> = {};
  for (let t = 1; t <= steps; t++) {
    const batch = arrays();
    const stateOf = (position: number): number => {
      const from = 3 * Math.floor(position / 3);
      return states.indexOf(batch.tokens.subarray(from, position + 1).join(""));
    };
    last = session.run("step", {
      ...Object.fromEntries(Object.entries(batch)),
      state: batch.position.map(stateOf),
      beta1Power: Float32Array.of(0.9 ** t),
      beta2Power: Float32Array.of(0.95 ** t),
    });
  }
  const table = session.getVariable("policy");
  const greedy = (problem: number): string => {
    let prefix = "";
    while (prefix.length < 2) {
      const at = states.indexOf(`${problem}${prefix}`) * VOCABULARY;
      const logits = Array.from(table.slice(at, at + VOCABULARY));
      prefix += String(logits.indexOf(Math.max(...logits)));
    }
    return prefix;
  };
  return {
    greedy: { [EASY]: greedy(EASY), [HARD]: greedy(HARD) },
    parts: Object.fromEntries(Object.entries(last).map(([name, data]) => [name, data[0]])),
  };
};

describe("two token trees", () => {
  const bare = { anchor: 0 };
  for (const [algorithm, config] of [
    ["rloo", {}],
    ["rloo", bare],
    ["rloo", { ...bare, taper: "none" }],
    ["rloo", { ...bare, taper: "none", normalise: "sequence" }],
    ["rloo", { ...bare, advantage: "normalised" }],
    ["rloo", { ...bare, advantage: "exponential", beta: 2 }],
    ["rloo", { ...bare, kl: 0.1 }],
    ["grpo", {}],
    ["grpo", { advantage: "leave-one-out", normalise: "token", clipHigh: 0.3 }],
    ["grpo", { kl: 0, groupSize: 8 }],
    ["dpo", {}],
    ["dpo", { sft: 0 }],
    ["dpo", { sft: 0, lengthNormalised: true, beta: 0.5, labelSmoothing: 0.1 }],
  ] as const) {
    it(`${algorithm} ${JSON.stringify(config)} finds the best branches, which the data seldom took`, () => {
      for (const seed of [1, 2]) {
        const { greedy } = train(algorithm, config, 100, seed);
        assert.deepStrictEqual(greedy, BEST, `seed ${seed}`);
      }
    });
  }

  it("cloning everything does not find them", () => {
    assert.notDeepEqual(train("sft", {}, 100, 1).greedy, BEST);
  });

  it("GRPO's clip holds ratios near 1, RLOO's taper lets go of what the policy left", () => {
    const { parts } = train("grpo", { kl: 0 }, 100, 1);
    assert.isAbove(parts["clip_fraction"], 0.2);
    assert.isBelow(
      train("grpo", { kl: 0, clipLow: 0.99, clipHigh: 1e6 }, 100, 1).parts["clip_fraction"],
      0.01,
    );
    assert.isBelow(train("rloo", bare, 100, 1).parts["taper"], 0.8);
  });

  it("DPO tells passes from fails, and its cross-entropy holds up the passing ones", () => {
    const { parts } = train("dpo", {}, 100, 1);
    assert.strictEqual(parts["accuracy"], 1);
    assert.isAbove(parts["chosen"], train("dpo", { sft: 0 }, 100, 1).parts["chosen"]);
    assert.isAbove(parts["margin"], 0.1);
  });
});
