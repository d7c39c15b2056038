/**
 * AdamW with decoupled decay, clipping by global norm, accumulation over micro-batches, warm-up and cosine, step by step
 * against PyTorch (golden/optimizer.py), through a training whose loss moves variables of its own.
 *
 * Tried once by hand, each makes these tests fail: decay on the bias; clipping of each variable by its own norm; epsilon
 * beside the biased second moment; a warm-up that starts at 0.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, assert, describe, it } from "vitest";
import type { Columns, Configured, Networks } from "../../src/algorithms/Algorithm.ts";
import type * as Optimizer from "../../src/learner/Optimizer.ts";
import * as Training from "../../src/learner/Training.ts";
import * as Transformer from "../../src/model/Transformer.ts";
import * as Random from "../../src/random/Random.ts";
import { ReplayBuffer } from "../../src/replay/ReplayBuffer.ts";
import * as Schedule from "../../src/stages/Schedule.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import type { Session } from "../../src/tensor/Session.ts";
import { testExecutor } from "../support/executor.ts";
import * as Python from "../support/Python.ts";
import * as Trainings from "../support/trainings.ts";

interface Golden {
  readonly torch: string;
  readonly programs: ReadonlyArray<{ readonly actions: number; readonly reward: number }>;
  readonly cases: ReadonlyArray<{
    readonly optimizer: Optimizer.Optimizer;
    readonly schedule: Schedule.Schedule;
    readonly scale: number;
    readonly rates: ReadonlyArray<number>;
    readonly losses: ReadonlyArray<number>;
    readonly norms: ReadonlyArray<number>;
    readonly state: Readonly<Record<string, ReadonlyArray<number>>>;
  }>;
}
const golden: Golden = JSON.parse(readFileSync(new URL("golden/optimizer.json", import.meta.url), "utf8"));

/** The network of optimizer.py, whose matrix and bias belong to the algorithm. */
const fitting = (scale: number): Configured => ({
  name: "fitting",
  trains: "policy",
  polyak: null,
  groups: null,
  reference: false,
  bootstraps: false,
  parameters: [
    { name: "w", shape: [3, 2], initial: 0.5 },
    { name: "b", shape: [2], initial: -0.25 },
  ],
  loss: (g: Graph, networks: Networks, columns: Columns) => {
    const rows = columns.action.shape[0];
    const side = (...xs: ReadonlyArray<typeof columns.weight>) =>
      g.concat(
        xs.map((x) => g.reshape(x, [rows, 1])),
        1,
      );
    const x = side(columns.return, g.div(columns.length, 8), columns.nonTerminal);
    const y = side(g.sub(1, columns.return), g.div(g.sub(columns.length, 3), 4));
    const out = g.tanh(g.add(g.matMul(x, networks.own("w")), networks.own("b")));
    const each = g.sum(g.square(g.sub(out, y)), 1);
    return { total: g.mul(g.sum(g.mul(columns.weight, each), 0), scale), parts: {} };
  },
});

let session: Session | undefined;
afterEach(() => session?.dispose());

const open = async ({ optimizer, scale }: Golden["cases"][number], microBatch: number) => {
  const g = new Graph();
  const lora = { rank: 0, alpha: 1, targets: [] };
  const model = Transformer.frozen(Trainings.policy.config, "float32", lora);
  const algorithm = fitting(scale);
  const recorded = Training.record(
    g,
    { model, heads: null, parameters: [] },
    {
      id: "fit",
      algorithm,
      batchSize: 8,
      microBatch,
      maxTokens: 9,
      optimizer,
      episodes: "all",
      recompute: false,
    },
  );
  session = (await testExecutor()).open(g, (name, shape) => {
    const own = recorded.own.find((p) => p.name === name);
    return own && new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(own.initial);
  });
  const offline = new ReplayBuffer({ capacity: 8, stride: 9 });
  golden.programs.forEach(({ actions, reward }, i) =>
    offline.add({
      id: `p${i}`,
      taskId: `t${i}`,
      tokens: Array.from({ length: actions + 2 }, () => 1),
      promptLength: 2,
      reward,
      behaviourLogProbs: null,
      policyVersion: null,
    }),
  );
  const parts = { offline, online: new ReplayBuffer({ capacity: 8, stride: 9 }) };
  return { session, training: recorded.attach(session, parts, Random.make(1)) };
};

const close = (actual: number, expected: number, scale: number, what: string): void =>
  assert.closeTo(actual, expected, 1e-5 * scale, what);

describe(`the optimizer (torch ${golden.torch})`, () => {
  golden.cases.forEach((c, n) => {
    for (const microBatch of [8, 2]) {
      it(`case ${n}, micro-batches of ${microBatch}`, async () => {
        const { session: opened, training } = await open(c, microBatch);
        c.rates.forEach((rate, step) => {
          const learningRate = Schedule.learningRateAt(c.schedule, step, c.rates.length);
          close(learningRate, rate, rate, `learning rate of step ${step}`);
          const metrics = training.step({ learningRate, offlineFraction: 1 });
          close(metrics["loss"], c.losses[step], c.losses[step], `loss of step ${step}`);
          close(metrics["gradient_norm"], c.norms[step], c.norms[step], `norm of step ${step}`);
        });
        for (const [name, expected] of Object.entries(c.state)) {
          const place = name.includes("/") ? "optimizer/fit/algorithm/fit" : "algorithm/fit";
          const found = opened.getVariable(`${place}/${name}`);
          const scale = Math.max(...expected.map(Math.abs));
          expected.forEach((x, i) => close(found[i], x, scale, `${name}[${i}]`));
        }
      });
    }
  });
});

describe.skipIf(!(await Python.has("torch")))("golden steps made again", () => {
  it("are the committed ones", async () => {
    const script = fileURLToPath(new URL("golden/optimizer.py", import.meta.url));
    const again = (await Python.json(script)) as Golden;
    assert.deepStrictEqual(again.programs, golden.programs);
    again.cases.forEach(({ rates, losses, norms, state, ...settings }, n) => {
      const { rates: r, losses: l, norms: m, state: s, ...expected } = golden.cases[n];
      assert.deepStrictEqual(settings, expected);
      const pairs = [[rates, r], [losses, l], [norms, m], ...Object.keys(s).map((k) => [state[k], s[k]])];
      for (const [some, others] of pairs) some.forEach((x, i) => close(x, others[i], 1, `case ${n}`));
    });
  }, 60_000);
});
