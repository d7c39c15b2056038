import * as fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as Dedupe from "../../../src/dataset/curate/Dedupe.ts";
import * as Likeness from "../../../src/dataset/curate/Likeness.ts";
import type { Attempt } from "../../../src/domain/Attempt.ts";
import { attempt, list, task } from "./Make.ts";

const t = task("a", "Do it.");
const options = (level: Likeness.Level, threshold = 0.8) => ({ level, threshold, seed: 1 });
const run = (items: ReadonlyArray<Attempt>, level: Likeness.Level) =>
  Dedupe.attempts(list(items), (id) => (id === "b" ? task("b", "x") : t), options(level));
const stays = (items: ReadonlyArray<Attempt>, level: Likeness.Level) =>
  items.filter((_, index) => run(items, level).keep[index] === 1);

const programs = fc.constantFrom(
  "def f(x): return x",
  "def f(y):\n    return y  # same",
  "def f(x): return x + 1",
  "def f(x): return x + 2",
  "def f(x:",
);
const attempts = fc.array(
  fc.record(
    {
      taskId: fc.constantFrom("a", "b"),
      program: programs,
      origin: fc.constantFrom("m", "n"),
      outcome: fc.constantFrom("Passed" as const, "WrongAnswer" as const),
      labelSource: fc.constantFrom("dataset" as const, "sandbox" as const),
      reasoning: fc.constantFrom("", "think"),
    },
    { requiredKeys: ["taskId", "program", "origin"] },
  ),
  { maxLength: 12 },
);

const keyOf = (level: Likeness.Level) => (a: Attempt) =>
  JSON.stringify([a.taskId, a.reasoning ?? "", Likeness.programKey(level, t, a.program)]);

describe("Dedupe.attempts", () => {
  for (const level of ["exact", "normalised"] as const) {
    it(`keeps one attempt of each kind, labelled where one is (${level})`, () => {
      fc.assert(
        fc.property(attempts, (items) => {
          const left = stays(items, level);
          const key = keyOf(level);
          assert.sameMembers(left.map(key), [...new Set(items.map(key))]);
          for (const one of left) {
            const same = items.filter((other) => key(other) === key(one));
            const best = same.some(
              ({ outcome, labelSource }) => outcome !== undefined && labelSource === "sandbox",
            )
              ? "sandbox"
              : same.some(({ outcome }) => outcome !== undefined)
                ? "labelled"
                : "none";
            if (best === "sandbox") assert.strictEqual(one.labelSource, "sandbox");
            if (best !== "none") assert.isDefined(one.outcome);
          }
          const { removed, conflicts } = run(items, level);
          assert.strictEqual(removed.equal, items.length - left.length);
          const groups = new Set(items.map(key));
          const split = [...groups].filter(
            (group) =>
              new Set(items.filter((a) => key(a) === group).flatMap((a) => a.outcome ?? [])).size > 1,
          );
          assert.strictEqual(conflicts.count, split.length);
        }),
      );
    });
  }

  it("changes nothing the second time, at any level", () => {
    fc.assert(
      fc.property(attempts, fc.constantFrom(...Likeness.LEVELS), (items, level) => {
        const once = stays(items, level);
        assert.deepEqual(stays(once, level), once);
      }),
    );
  });

  const long = (end: string): string =>
    `def f(x):\n${Array.from({ length: 12 }, (_, i) => `    if x == ${i}: print(x, ${i})\n`).join("")}    return ${end}\n`;

  it("takes near-duplicates with one outcome as one, and keeps a near miss beside what passes", () => {
    const near = [
      attempt("a", long("x + 1")),
      attempt("a", long("x + 2"), { outcome: "Passed" }),
      attempt("a", long("x + 3"), { outcome: "Passed" }),
      attempt("a", long("x - 1"), { outcome: "WrongAnswer" }),
    ];
    assert.deepEqual(stays(near, "normalised"), near);
    assert.deepEqual(stays(near, "near"), [near[1], near[3]]);
    assert.deepEqual(run(near, "near").removed, { equal: 0, near: 2 });
  });

  it("drops the attempts of tasks that are gone", () => {
    const { keep } = Dedupe.attempts(
      list([attempt("a", "x"), attempt("b", "x")]),
      (id) => (id === "a" ? t : undefined),
      options("exact"),
    );
    assert.deepEqual([...keep], [1, 0]);
  });
});

describe("Dedupe.tasks", () => {
  it("goes by statement, language and entry point", () => {
    const all = [
      task("1", "Sort the list."),
      task("2", "sort THE list"),
      task("3", "Sort the list.", { language: "cpp" }),
      task("4", "Sort the list.", { entryPoint: "g" }),
      task("5", "Sort the list."),
    ];
    assert.deepEqual([...Dedupe.tasks(list(all), options("exact")).removed], [["5", "1"]]);
    assert.deepEqual(
      [...Dedupe.tasks(list(all), options("normalised")).removed],
      [
        ["2", "1"],
        ["5", "1"],
      ],
    );
  });

  it("finds statements that share most of their words", () => {
    const words =
      "write a function that finds the longest run of equal numbers in a list and returns its first index or minus one";
    const all = [
      task("1", `${words} if none`),
      task("2", `${words} when none`),
      task("3", "Add two numbers."),
    ];
    const { removed, pairs } = Dedupe.tasks(list(all), options("near", 0.7));
    assert.deepEqual([...removed], [["2", "1"]]);
    assert.isAbove(pairs[0].similarity, 0.7);
    assert.isEmpty([...Dedupe.tasks(list(all), options("near", 0.95)).removed]);
    // What equals one that is gone repeats the one that stays.
    const again = [...all, task("4", `${words} when none`)];
    assert.deepEqual(
      [...Dedupe.tasks(list(again), options("near", 0.7)).removed],
      [
        ["2", "1"],
        ["4", "1"],
      ],
    );
  });
});
