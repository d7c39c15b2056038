/** Split, mix and balance: what is chosen, whatever the dataset. */
import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Balance from "../../../src/dataset/curate/Balance.ts";
import * as Mix from "../../../src/dataset/curate/Mix.ts";
import * as Split from "../../../src/dataset/curate/Split.ts";
import type { Task } from "../../../src/domain/Task.ts";
import type { Outcome } from "../../../src/domain/Verdict.ts";
import { task } from "./Make.ts";

const statement = fc
  .array(fc.constantFrom("sort", "sum", "list", "of", "words", "numbers", "reverse", "each"), {
    minLength: 1,
    maxLength: 8,
  })
  .map((words) => words.join(" "));

const splitOf = (all: ReadonlyArray<Task>, options: Split.Options): ReadonlyMap<string, string> => {
  const result = Split.split(all, options);
  return new Map(all.map(({ id }, number) => [id, result.splitOf(number)]));
};

describe("Split", () => {
  const tasks = fc
    .array(fc.tuple(statement, fc.constantFrom("x", "y", "z", undefined)), { maxLength: 40 })
    .map((list) =>
      list.map(([text, contest], i) =>
        task(`t${i}`, text, contest === undefined ? {} : { meta: { contest } }),
      ),
    );
  const shares = { train: 0.8, validation: 0.1, test: 0.1 };

  it("puts every task in one place, alike ones and groups together, the same for a seed", () => {
    fc.assert(
      fc.property(tasks, fc.nat(5), fc.boolean(), (all, seed, grouped) => {
        const options = { shares, seed, threshold: 0.7, ...(grouped ? { group: "contest" } : {}) };
        const places = splitOf(all, options);
        assert.deepEqual(places, splitOf(all, options));
        for (const a of all) {
          for (const b of all) {
            const contest =
              grouped && a.meta?.["contest"] !== undefined && a.meta["contest"] === b.meta?.["contest"];
            if (a.statement === b.statement || contest)
              assert.strictEqual(places.get(a.id), places.get(b.id));
          }
        }
      }),
    );
  });

  it("gives the sizes that are asked for where nothing has to stay together", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(), (count, seed) => {
        const all = Array.from({ length: count }, (_, i) => task(`t${i}`, `problem number ${i}`));
        const options = { shares, seed, threshold: 1 };
        assert.strictEqual(Split.split(all, options).together, 0);
        const places = [...splitOf(all, options).values()];
        for (const [name, share] of Object.entries(shares)) {
          const has = places.filter((split) => split === name).length;
          assert.isAtMost(Math.abs(has - share * count), 1);
        }
      }),
    );
  });

  it("depends on the seed, and leaves a split with share 0 empty", () => {
    const all = Array.from({ length: 100 }, (_, i) => task(`t${i}`, `problem number ${i}`));
    const of = (seed: number) => splitOf(all, { shares, seed, threshold: 1 });
    assert.notDeepEqual(of(1), of(2));
    const none = splitOf(all, {
      shares: { train: 0.5, validation: 0, test: 0.5 },
      seed: 1,
      threshold: 1,
    });
    assert.notInclude([...none.values()], "validation");
  });
});

describe("Mix", () => {
  const parts = fc.array(
    fc.record({
      name: fc.constantFrom("a", "b"),
      weight: fc.constantFrom(0, 1, 2, 0.5),
      ids: fc.uniqueArray(fc.nat(30).map(String), { maxLength: 20 }),
    }),
    { minLength: 1, maxLength: 4 },
  );

  it("takes tasks in the ratio of the weights, each once, under ids of their own", () => {
    fc.assert(
      fc.property(parts, fc.nat(3), fc.option(fc.nat(40), { nil: undefined }), (all, seed, tasks) => {
        const taken = Mix.take(all, { seed, ...(tasks === undefined ? {} : { tasks }) });
        const ids = taken.flatMap((part) => [...part.ids.values()]);
        assert.strictEqual(new Set(ids).size, ids.length);
        const total = all.reduce((sum, { weight }) => sum + weight, 0);
        const size = ids.length;
        for (const [i, part] of all.entries()) {
          const has = taken[i].ids.size;
          assert.isTrue([...taken[i].ids.keys()].every((id) => part.ids.includes(id)));
          if (total > 0) assert.isAtMost(Math.abs(has - (size * part.weight) / total), all.length);
        }
        if (tasks !== undefined) assert.isAtMost(size, tasks + all.length);
      }),
    );
  });

  it("takes the scarcest whole, and renames only what clashes", () => {
    const [a, b] = Mix.take(
      [
        { name: "a", weight: 1, ids: ["1", "2", "3"] },
        { name: "b", weight: 2, ids: ["3", "4", "5", "6", "7", "8", "9"] },
      ],
      { seed: 1 },
    );
    assert.deepEqual(
      [...a.ids],
      [
        ["1", "1"],
        ["2", "2"],
        ["3", "a/3"],
      ],
    );
    assert.strictEqual(b.ids.size, 6);
    assert.isTrue([...b.ids].every(([id, fresh]) => fresh === (id === "3" ? "b/3" : id)));
  });
});

describe("Balance", () => {
  const outcome = fc.constantFrom<Outcome | undefined>("Passed", "WrongAnswer", "TimedOut", undefined);
  const attempts = fc
    .array(outcome, { maxLength: 20 })
    .map((list) => list.map((one, number): Balance.Labelled => ({ number, outcome: one })));
  const settings = fc.record({
    seed: fc.nat(5),
    cap: fc.integer({ min: 1, max: 8 }),
    difficulty: fc.constantFrom("none" as const, "medium" as const),
    outcomes: fc.constantFrom({}, { pass: 3 }, { TimedOut: 0 }, { fail: 0.5, unlabelled: 0 }),
    oneSided: fc.boolean(),
  });

  it("keeps at most the cap, each once, and a pass and a failure where there are both", () => {
    fc.assert(
      fc.property(attempts, settings, (all, options) => {
        const chosen = Balance.choose("t", all, options);
        assert.deepEqual(chosen, Balance.choose("t", all, options));
        assert.strictEqual(new Set(chosen).size, chosen.length);
        assert.isAtMost(chosen.length, options.cap);
        const kept = chosen.map((number) => all[number].outcome);
        const rate = Balance.passRate(all);
        const mixed = rate !== null && rate > 0 && rate < 1;
        if (!mixed && !options.oneSided) assert.isEmpty(chosen);
        if (mixed && options.cap >= 2) {
          assert.include(kept, "Passed");
          const fails = all.filter(
            (a) =>
              a.outcome !== undefined &&
              a.outcome !== "Passed" &&
              !("TimedOut" in options.outcomes && a.outcome === "TimedOut"),
          );
          if (fails.length > 0) assert.isTrue(kept.some((one) => one !== undefined && one !== "Passed"));
        }
        if ("TimedOut" in options.outcomes) assert.notInclude(kept, "TimedOut");
      }),
      { numRuns: 400 },
    );
  });

  it("keeps more of problems of medium difficulty", () => {
    const options = { seed: 1, cap: 8, difficulty: "medium" as const, outcomes: {}, oneSided: true };
    assert.deepEqual(
      [0, 0.1, 0.5, 0.9, 1, null].map((rate) => Balance.capOf(rate, options)),
      [2, 3, 8, 3, 2, 8],
    );
  });
});
