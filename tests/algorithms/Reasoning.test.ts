/** SFT with reasoning tokens in its loss and out of it, against PyTorch (golden/generate_reasoning.py). */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as Result from "effect/Result";
import { assert, describe, it } from "vitest";
import type { Columns } from "../../src/algorithms/Algorithm.ts";
import * as Table from "../../src/algorithms/Table.ts";
import * as Batch from "../../src/replay/Batch.ts";
import type { Parts, Pick } from "../../src/replay/Mixture.ts";
import { ReplayBuffer } from "../../src/replay/ReplayBuffer.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { Graph } from "../../src/tensor/Graph.ts";
import { testExecutor } from "../support/executor.ts";
import { close } from "../support/Close.ts";
import * as Python from "../support/Python.ts";

interface Golden {
  readonly torch: string;
  readonly vocabulary: number;
  readonly width: number;
  readonly episodes: ReadonlyArray<{
    readonly prompt: number;
    readonly reasoning: number;
    readonly tokens: ReadonlyArray<number>;
  }>;
  readonly hidden: ReadonlyArray<number>;
  readonly embedding: ReadonlyArray<number>;
  readonly cases: ReadonlyArray<{
    readonly reasoning: "train" | "context";
    readonly loss: number;
    readonly accuracy: number;
    readonly gradient: ReadonlyArray<number>;
  }>;
}
const golden: Golden = JSON.parse(readFileSync(new URL("golden/reasoning.json", import.meta.url), "utf8"));
const { vocabulary: V, width: D } = golden;

const replay = (): Parts => {
  const offline = new ReplayBuffer({ capacity: 9, stride: 16 });
  golden.episodes.forEach(({ prompt, reasoning, tokens }, i) =>
    offline.add({
      id: `e${i}`,
      taskId: `t${i}`,
      tokens,
      promptLength: prompt,
      reasoningLength: reasoning,
      reward: 1,
      behaviourLogProbs: null,
      policyVersion: null,
    }),
  );
  return { offline, online: new ReplayBuffer({ capacity: 1, stride: 16 }) };
};

/** The episodes' columns as constants, with rows that only fill the shape behind them. */
const columnsOf = (g: Graph): { readonly columns: Columns; readonly rows: number } => {
  const parts = replay();
  const picks = golden.episodes.map((_, row): Pick => ({ part: "offline", row, group: null }));
  const layout = { sequences: picks.length, time: 16, actions: 24 };
  const { tokens: _tokens, ...arrays } = Batch.fill(parts, picks, layout, Batch.totals(parts, picks), 2);
  const constants = Object.entries(arrays).map(([name, data]) => [name, g.constant(data, [data.length])]);
  return { columns: Object.fromEntries(constants) as Columns, rows: layout.actions };
};

const evaluate = async (reasoning: string) => {
  const configured = Table.configure("sft", { reasoning });
  if (Result.isFailure(configured)) throw configured.failure;
  const g = new Graph();
  const { columns, rows } = columnsOf(g);
  const hidden = g.variable("hidden", [rows, D]);
  const logits = g.matMul(hidden, g.constant(Float32Array.from(golden.embedding), [V, D]), {
    transposeB: true,
  });
  const unused = (): never => {
    throw new Error("SFT asks for the policy alone");
  };
  const { total, parts } = configured.success.loss(
    g,
    {
      logProb: () => g.neg(g.sparseCrossEntropy(logits, columns.action)),
      top: (k) => {
        const { indices, values } = g.topK(logits, k);
        return { tokens: indices, logProbs: values };
      },
      reference: unused,
      critic: unused,
      own: unused,
    },
    columns,
  );
  const [gradient] = gradients(g, total, [hidden]);
  g.program("loss", { fetches: { total, ...parts, gradient } });
  const initial = new Float32Array(rows * D).fill(1);
  initial.set(golden.hidden);
  const session = (await testExecutor()).open(g, () => initial);
  try {
    return session.run("loss", {});
  } finally {
    session.dispose();
  }
};

describe(`SFT on reasoning and programs (torch ${golden.torch})`, () => {
  for (const { reasoning, loss, accuracy, gradient } of golden.cases) {
    it(`"reasoning": "${reasoning}"`, async () => {
      const out = await evaluate(reasoning);
      close(out["total"], [loss], "loss");
      close(out["ce"], [loss], "ce");
      close(out["accuracy"], [accuracy], "accuracy");
      close(out["gradient"], gradient, "gradient");
      const filling = Array.from(out["gradient"] ?? []).slice(gradient.length);
      assert.isTrue(filling.length > 0 && filling.every((x) => x === 0));
    });
  }

  it("trains on all tokens by default", () => {
    const refused = Table.configure("sft", { reasoning: "out" });
    assert.isTrue(Result.isFailure(refused));
    assert.isTrue(Result.isSuccess(Table.configure("sft", {})));
  });
});

describe.skipIf(!(await Python.has("torch")))("golden reasoning made again", () => {
  it("is the committed one", async () => {
    const script = fileURLToPath(new URL("golden/generate_reasoning.py", import.meta.url));
    const again = (await Python.json(script)) as Golden;
    assert.deepStrictEqual([again.episodes, again.hidden], [golden.episodes, golden.hidden]);
    again.cases.forEach((c, i) => {
      close([c.loss, c.accuracy], [golden.cases[i].loss, golden.cases[i].accuracy], c.reasoning);
      close(c.gradient, golden.cases[i].gradient, c.reasoning);
    });
  }, 60_000);
});
