import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Stats from "../../../src/dataset/curate/Stats.ts";
import { attempt, task } from "./Make.ts";

describe("Stats.of", () => {
  it("counts what is there", () => {
    const tasks = [
      task("1", "A", { meta: { difficulty: "easy" }, reference: "x" }),
      task("2", "B", { split: "test" }),
      task("3", "A"),
      task("4", "C"),
    ];
    const passed = { outcome: "Passed", labelSource: "sandbox" } as const;
    const failed = { outcome: "WrongAnswer", labelSource: "dataset" } as const;
    const stats = Stats.of(tasks, [
      attempt("1", "p", passed),
      attempt("1", "p", failed),
      attempt("1", "q", { ...passed, origin: "n", reasoning: "think" }),
      attempt("2", "p", passed),
      attempt("3", "p", failed),
      attempt("3", "pp"),
    ]);
    assert.deepInclude(stats.tasks, {
      count: 4,
      split: { train: 3, test: 1 },
      repeated: 1,
      withReference: 1,
    });
    assert.deepEqual(stats.tasks.difficulty, { "not given": 3, easy: 1 });
    assert.deepInclude(stats.attempts, {
      count: 6,
      outcome: { Passed: 3, WrongAnswer: 2, "not labelled": 1 },
      labelSource: { sandbox: 3, dataset: 2 },
      origin: { m: 5, n: 1 },
      repeated: 1,
      withReasoning: 1,
    });
    assert.deepInclude(stats.groups, { passAndFail: 1, passOnly: 1, failOnly: 1, unlabelled: 1 });
    const rates = stats.groups.passRates.filter((step) => step.tasks > 0).map(({ rate }) => rate);
    assert.deepEqual(rates, ["0 %", "60 to 70 %", "100 %"]);
  });

  it("puts every labelled task in one step of pass rates", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(12)), { maxLength: 10 }), (groups) => {
        const tasks = groups.map((_, i) => task(`${i}`, "x"));
        const attempts = groups.flatMap(([passed, failed], i) => [
          ...Array.from({ length: passed }, () => attempt(`${i}`, "p", { outcome: "Passed" })),
          ...Array.from({ length: failed }, () => attempt(`${i}`, "p", { outcome: "TimedOut" })),
        ]);
        const { passRates, passOnly, failOnly, passAndFail, unlabelled } = Stats.of(tasks, attempts).groups;
        assert.strictEqual(
          passRates.reduce((sum, step) => sum + step.tasks, 0),
          groups.length - unlabelled,
        );
        assert.strictEqual(passOnly + failOnly + passAndFail + unlabelled, groups.length);
        assert.strictEqual(passRates[0].tasks, failOnly);
        assert.strictEqual(passRates.at(-1)?.tasks, passOnly);
      }),
    );
  });

  it("has no spread of nothing", () => {
    assert.isNull(Stats.spread([]));
    assert.deepEqual(Stats.spread([3, 1, 2]), { least: 1, median: 2, p95: 3, most: 3 });
  });
});
