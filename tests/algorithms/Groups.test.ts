/**
 * RLOO, GRPO and DPO against an independent implementation in PyTorch (golden/generate_groups.py): programs go through
 * the replay memory and its batches, so that masks, weights and group statistics are held too.
 *
 * Tried once by hand, each makes these tests fail: an advantage of the wrong sign; the mean of another group; pi_old / pi
 * in place of pi / pi_old, and mu / pi in the taper; max in place of min in the clip; the KL's two policies exchanged; sums
 * over programs that count the filling rows; pairs shifted by one program.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as Result from "effect/Result";
import { assert, describe, it } from "vitest";
import type { Columns, Configured } from "../../src/algorithms/Algorithm.ts";
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
  readonly programs: ReadonlyArray<{
    readonly task: string;
    readonly reward: number;
    readonly prompt: number;
    readonly tokens: ReadonlyArray<number>;
    readonly logits: ReadonlyArray<number>;
    readonly reference: ReadonlyArray<number>;
    readonly behaviour: ReadonlyArray<number> | null;
    readonly unknown: ReadonlyArray<number>;
  }>;
  readonly cases: ReadonlyArray<{
    readonly algorithm: string;
    readonly config: Record<string, unknown>;
    readonly batch: ReadonlyArray<readonly [program: number, group: number]>;
    readonly total: number;
    readonly parts: Readonly<Record<string, number>>;
    readonly gradient: ReadonlyArray<number>;
  }>;
}
const golden: Golden = JSON.parse(readFileSync(new URL("golden/groups.json", import.meta.url), "utf8"));
const { vocabulary: V, programs } = golden;
const SEQUENCES = 8;
const ROWS = 29;

const configured = (name: string, config: unknown): Configured => {
  const result = Table.configure(name, config);
  if (Result.isFailure(result)) throw result.failure;
  return result.success;
};

const replay = (): Parts => {
  const offline = new ReplayBuffer({ capacity: 9, stride: 16 });
  programs.forEach(({ task, prompt, tokens, reward, behaviour }, i) =>
    offline.add({
      id: `p${i}`,
      taskId: task,
      tokens: [...Array.from({ length: prompt }, () => 0), ...tokens],
      promptLength: prompt,
      reward,
      behaviourLogProbs: behaviour,
      policyVersion: behaviour === null ? null : 0,
    }),
  );
  return { offline, online: new ReplayBuffer({ capacity: 1, stride: 16 }) };
};

type Batches = Golden["cases"][number]["batch"];

/** A batch's arrays, filling rows last. */
const arraysOf = (batch: Batches, totals?: Batch.Totals): Batch.Arrays => {
  const parts = replay();
  const picks = picksOf(batch);
  const layout = { sequences: SEQUENCES, time: 16, actions: ROWS };
  const arrays = Batch.fill(parts, picks, layout, totals ?? Batch.totals(parts, picks));
  let at = 0;
  for (const [program] of batch) {
    for (const token of programs[program].unknown) {
      arrays.behaviourKnown[at + token] = 0;
      arrays.behaviourLogProb[at + token] = 0;
    }
    at += programs[program].tokens.length;
  }
  return arrays;
};

const picksOf = (batch: Batches): Array<Pick> =>
  batch.map(([row, group]): Pick => ({ part: "offline", row, group }));

/** Logits of the policy or of the reference over a batch's rows; anything on the filling ones. */
const logitsOf = (batch: Batches, of: "logits" | "reference"): Float32Array => {
  const out = Float32Array.from({ length: ROWS * V }, (_, i) => Math.sin(i));
  out.set(batch.flatMap(([program]) => programs[program][of]));
  return out;
};

const evaluate = async (
  { loss }: Configured,
  arrays: Batch.Arrays,
  policy: Float32Array,
  reference: Float32Array,
): Promise<Readonly<Record<string, ArrayLike<number>>>> => {
  const g = new Graph();
  const constants = Object.entries(arrays).map(([name, data]) => [name, g.constant(data, [data.length])]);
  const columns = { ...Object.fromEntries(constants), sequences: SEQUENCES } as Columns;
  const logits = g.variable("logits", [ROWS, V]);
  const logProb = (x: typeof logits) => g.neg(g.sparseCrossEntropy(x, columns.action));
  const unused = (): never => {
    throw new Error("these losses ask for the policy and its reference alone");
  };
  const { total, parts } = loss(
    g,
    {
      logProb: () => logProb(logits),
      reference: () => logProb(g.constant(reference, [ROWS, V])),
      top: unused,
      critic: unused,
      own: unused,
    },
    columns,
  );
  g.program("loss", { fetches: { total, ...parts, gradient: gradients(g, total, [logits])[0] } });
  const session = (await testExecutor()).open(g, () => policy);
  try {
    return session.run("loss", {});
  } finally {
    session.dispose();
  }
};

const run = (name: string, config: unknown, batch: Batches) =>
  evaluate(
    configured(name, config),
    arraysOf(batch),
    logitsOf(batch, "logits"),
    logitsOf(batch, "reference"),
  );

describe(`golden losses over groups (torch ${golden.torch})`, () => {
  for (const { algorithm, config, batch, total, parts, gradient } of golden.cases) {
    it(`${algorithm} ${JSON.stringify(config)}`, async () => {
      const out = await run(algorithm, config, batch);
      close(out["total"], [total], "total");
      const found = Object.keys(out).filter((name) => name !== "total" && name !== "gradient");
      assert.deepStrictEqual(found.sort(), Object.keys(parts).sort());
      for (const [name, value] of Object.entries(parts)) close(out[name], [value], name);
      close(out["gradient"], gradient, "gradient");
      const filling = Array.from(out["gradient"]).slice(gradient.length);
      assert.isTrue(filling.length > 0 && filling.every((x) => x === 0));
    });
  }
});

describe.skipIf(!(await Python.has("torch")))("golden losses over groups made again", () => {
  it("are the committed ones", async () => {
    const script = fileURLToPath(new URL("golden/generate_groups.py", import.meta.url));
    const again = (await Python.json(script)) as Golden;
    assert.deepStrictEqual(again.programs, golden.programs);
    assert.strictEqual(again.cases.length, golden.cases.length);
    again.cases.forEach((c, i) => {
      const { algorithm, config, batch, total, parts, gradient } = golden.cases[i];
      assert.deepStrictEqual([c.algorithm, c.config, c.batch], [algorithm, config, batch]);
      close([c.total], [total], "total");
      for (const [name, value] of Object.entries(parts)) close([c.parts[name]], [value], name);
      close(c.gradient, gradient, "gradient");
    });
  }, 60_000);
});

describe("losses over groups", () => {
  const last = golden.cases.filter(
    (c, i, all) => all.findLastIndex((other) => other.algorithm === c.algorithm) === i,
  );

  for (const { algorithm, config, batch, parts, total } of last) {
    it(`${algorithm}: micro-batches add up to the batch`, async () => {
      const memory = replay();
      const totals = Batch.totals(memory, picksOf(batch));
      const sums: Record<string, number> = {};
      for (let from = 0; from < batch.length; from += 2) {
        const micro = batch.slice(from, from + 2);
        const out = await evaluate(
          configured(algorithm, config),
          arraysOf(micro, totals),
          logitsOf(micro, "logits"),
          logitsOf(micro, "reference"),
        );
        for (const name of ["total", ...Object.keys(parts)]) sums[name] = (sums[name] ?? 0) + out[name][0];
      }
      for (const [name, value] of Object.entries({ ...parts, total })) close([sums[name]], [value], name);
    });

    it(`${algorithm}: the order of a batch's groups changes nothing`, async () => {
      const groups = [...new Set(batch.map(([, group]) => group))].reverse();
      const turned = groups.flatMap((group) => batch.filter((pick) => pick[1] === group));
      const out = await run(algorithm, config, turned);
      for (const [name, value] of Object.entries({ ...parts, total })) close(out[name], [value], name);
    });

    it(`${algorithm}: nothing overflows, however far the policy is from the reference`, async () => {
      for (const scale of [60, -60]) {
        const far = logitsOf(batch, "logits").map((x) => x * scale);
        const out = await evaluate(
          configured(algorithm, config),
          arraysOf(batch),
          far,
          logitsOf(batch, "reference"),
        );
        for (const [name, values] of Object.entries(out))
          assert.isTrue(Array.from(values).every(Number.isFinite), name);
      }
    });
  }

  it("TOPR: the loss of a failing program that the policy has left is bounded; untapered it is not", async () => {
    const { batch } = golden.cases[0];
    const [first, failing] = [programs[0].tokens.length, programs[1]];
    const left = logitsOf(batch, "logits");
    failing.tokens.forEach((token, t) => {
      left[(first + t) * V + token] -= 1000;
    });
    const policy = async (taper: string): Promise<number> => {
      const loss = configured("rloo", { taper });
      const out = await evaluate(loss, arraysOf(batch), left, logitsOf(batch, "reference"));
      return out["policy"][0];
    };
    assert.isAbove(await policy("topr"), -1);
    assert.isBelow(await policy("none"), -50);
  });

  it("settings that make no sense are refused, and it is said what to change", () => {
    const messageOf = (name: string, config: unknown): string => {
      const result = Table.configure(name, config);
      return Result.isFailure(result) ? result.failure.message : "accepted";
    };
    for (const name of ["rloo", "grpo"]) {
      assert.match(messageOf(name, { groupSize: 1 }), /groupSize is 1.*Give groupSize 2 or more/);
      assert.match(messageOf(name, { groupSize: 0 }), /groupSize/);
      assert.match(messageOf(name, { kl: -1 }), /kl/);
    }
    assert.match(messageOf("rloo", { advantage: "gae" }), /leave-one-out.*advantage/);
    assert.match(messageOf("rloo", { taper: "tis" }), /taper/);
    assert.match(messageOf("grpo", { clipLow: 1 }), /clipLow/);
    assert.match(messageOf("grpo", { advantage: "exponential" }), /advantage/);
    assert.match(messageOf("dpo", { beta: 0 }), /beta/);
    assert.match(messageOf("dpo", { labelSmoothing: 0.5 }), /labelSmoothing/);
    assert.match(messageOf("dpo", { groupSize: 4 }), /groupSize/);
    assert.match(messageOf("ppo", {}), /no algorithm "ppo".*awac, rloo, grpo, dpo/);
  });

  it("ask for groups and for a reference where they need them", () => {
    const of = (name: string, config: unknown) => {
      const { groups, reference } = configured(name, config);
      return { groups, reference };
    };
    const four = { size: 4, together: false };
    assert.deepStrictEqual(of("rloo", {}), { groups: four, reference: true });
    assert.deepStrictEqual(of("rloo", { taper: "none" }), { groups: four, reference: false });
    assert.deepStrictEqual(of("rloo", { advantage: "exponential" }), { groups: four, reference: false });
    assert.deepStrictEqual(of("rloo", { taper: "none", kl: 0.1 }), { groups: four, reference: true });
    assert.deepStrictEqual(of("grpo", { groupSize: 8 }), {
      groups: { size: 8, together: false },
      reference: true,
    });
    assert.deepStrictEqual(of("dpo", {}), { groups: { size: 2, together: true }, reference: true });
    assert.deepStrictEqual(of("sft", {}), { groups: null, reference: false });
  });
});
