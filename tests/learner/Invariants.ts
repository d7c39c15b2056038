/**
 * What holds of every algorithm, through the learner: tests of a row of trainings.
 *
 * Tried once by hand, each makes these tests fail: weights normalised over a micro-batch; a weight of 1 / 8 on the filling
 * rows; a state without the sampler, without the reference, or one step off; DPO's programs paired across pairs.
 */
import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { assert, describe, it } from "vitest";
import * as TinyPolicy from "../support/tinyPolicy.ts";
import * as Trainings from "../support/trainings.ts";
import { type Opened, open, type Snapshot } from "./TinyLearner.ts";

const changed = (a: Snapshot, b: Snapshot): Array<string> => {
  assert.deepStrictEqual([...a.keys()].sort(), [...b.keys()].sort());
  return [...a].flatMap(([name, data]) => (same(data, b.get(name) as Float32Array) ? [] : [name]));
};
const same = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));

const assertMetrics = (actual: Record<string, number>, expected: Record<string, number>): void => {
  assert.deepStrictEqual(Object.keys(actual).sort(), Object.keys(expected).sort());
  for (const [name, x] of Object.entries(expected)) {
    assert.isTrue(Number.isFinite(actual[name]), `${name} is ${actual[name]}`);
    assert.closeTo(actual[name], x, 1e-5 * Math.max(1, Math.abs(x)), name);
  }
};
/** float32 sums in another order: a few units in the last place of the largest terms. */
const assertClose = (actual: Snapshot, expected: Snapshot): void => {
  for (const [name, data] of expected) {
    const other = actual.get(name) as Float32Array;
    data.forEach((x, i) => assert.closeTo(other[i], x, 2e-6 * Math.max(1, Math.abs(x)), `${name}[${i}]`));
  }
};

const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined;
  return () => (made ??= { value: make() }).value;
};

const rankZero = {
  kind: "lora",
  lora: { rank: 0, alpha: 16, targets: ["q", "v"], dropout: 0.1 },
} as const;

export const describeRow = (row: Trainings.Row): void => {
  const { id, algorithm, config } = row.training;
  const { trains, parameters } = row.configured;

  describe(`${id}: ${algorithm} ${JSON.stringify(config)}`, () => {
    /** The first step of a whole batch, which the others' is compared with. */
    const first = once(() => {
      const one = open(row);
      const start = one.snapshot();
      const policy = one.exported();
      return { start, policy, metrics: one.step(), end: one.snapshot() };
    });
    /** The same where the reference is the policy, as it is where nothing of the policy trains. */
    const fromReference = () => {
      const one = open(row);
      one.learner.setReference();
      return one.step();
    };
    const assertSameStep = (other: Opened): void => {
      const { metrics, end } = first();
      assertMetrics(other.step(), metrics);
      assertClose(other.snapshot(), end);
    };

    it("a batch of 8 is two micro-batches of 4", () => {
      assertSameStep(open(row, { microBatch: 4 }));
    });

    it("padding changes nothing", () => {
      assertSameStep(open(row, { maxTrainTokens: Trainings.PADDED }));
    });

    it("order within a batch changes nothing", () => {
      // The memory is one batch, which every step draws in another order.
      const { start, metrics, end } = first();
      const moments = new Map([...end].filter(([name]) => name.startsWith("optimizer/")));
      const other = open(row);
      for (let i = 0; i < 6; i++) {
        other.session.setVariables(start);
        assertMetrics({ ...other.step(0), learning_rate: metrics["learning_rate"] }, metrics);
        assertClose(other.snapshot(/^optimizer/), moments);
      }
    });

    it("moves what it trains and nothing else; learning rate 0 changes no weight", () => {
      // Target heads follow their heads, whatever the learning rate.
      const weights = /^(model|reference|algorithm|heads\.(?!target))/;
      const one = open(row);
      const before = one.snapshot(weights);
      one.step(0);
      assert.deepStrictEqual(changed(before, one.snapshot(weights)), []);
      one.step();
      const moved = changed(before, one.snapshot(weights));
      assert.isNotEmpty(moved);
      for (const name of moved) {
        assert.match(name, trains === "critic" ? /^(heads\.|algorithm\/)/ : /^(model\.|algorithm\/)/);
      }
      for (const { name } of parameters) assert.include(moved, `algorithm/${id}/${name}`);
    });

    it("adapters of rank 0 are a frozen policy, whose export is the base", () => {
      const frozen = open(row, { trainable: rankZero });
      const before = frozen.snapshot(/^(model|reference|lora)/);
      const metrics = frozen.step();
      frozen.step();
      assert.deepStrictEqual(changed(before, frozen.snapshot(/^(model|reference|lora)/)), []);
      assert.deepStrictEqual(changed(first().policy, frozen.exported()), []);
      assert.isNull(frozen.learner.weights().adapter);
      const { loss } = row.configured.reference ? fromReference() : first().metrics;
      assertMetrics(metrics, { ...metrics, loss });
    });

    it("resumed is uninterrupted, bit for bit", () => {
      const large = { microBatch: 4, memory: Trainings.largeMemory };
      const one = open(row, large);
      one.step();
      one.learner.setReference();
      one.step();
      const directory = join(TinyPolicy.temporary("resumed"), "state");
      mkdirSync(directory);
      one.learner.save(directory);
      const two = open(row, { ...large, seed: 8 });
      two.step();
      two.learner.restore(directory);
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(two.step(), one.step());
      assert.deepStrictEqual(changed(one.snapshot(), two.snapshot()), []);
    });
  });
};
