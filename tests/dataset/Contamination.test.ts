import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Contamination from "../../src/dataset/Contamination.ts";
import * as Dataset from "../../src/dataset/Dataset.ts";
import * as Overlap from "../../src/dataset/Overlap.ts";
import type { Task } from "../../src/domain/Task.ts";
import { sharedData } from "../support/Requirements.ts";
import * as Fs from "node:fs";
import { task } from "./curate/Make.ts";

const statement = "Write a function to find the item with the most occurrences in a given list of numbers.";
const reference =
  "def f(xs):\n    counts = {}\n    for x in xs: counts[x] = counts.get(x, 0) + 1\n    return max(counts, key=counts.get)\n";
const trained = task("t/1", statement, { reference });
const twin = task("e/1", `Python: ${statement.replace("given ", "")}`, {
  entryPoint: "g",
  reference: reference
    .replaceAll("counts", "seen")
    .replace("def f", "def g")
    .replace("xs", "items")
    .replace("in xs", "in items"),
});
const template = task("e/2", statement.replace("most", "fewest"), {
  reference: reference.replace("max", "min"),
});

describe("Contamination", () => {
  it.effect("refuses a task that is nearly trained on, and shows the pair and the shared text", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Contamination.check([trained], [twin]));
      assert.strictEqual(error.count, 1);
      assert.include(error.message, "e/1 (it shares");
      assert.include(
        error.message,
        '100 % of its solution with t/1: "write a function to find the item with the most',
      );
      assert.include(error.message, '"contamination": "exact"');
    }),
  );

  it.effect("lets templates pass that ask for something else", () =>
    Contamination.check([trained], [template]),
  );

  it.effect("goes by the mode", () =>
    Effect.gen(function* () {
      yield* Contamination.check([trained], [twin], "exact");
      yield* Contamination.check([trained], [trained], "report");
      const error = yield* Effect.flip(Contamination.check([trained], [trained], "exact"));
      assert.include(error.message, "t/1");
    }),
  );

  it("refuses nothing of the shipped dataset, whose splits share their templates", async () => {
    const { tasks } = await Effect.runPromise(Dataset.load("datasets/js-compose"));
    const found = Contamination.pairs(
      tasks.filter(({ split }) => split === "train"),
      tasks.filter(({ split }) => split !== "train"),
    );
    assert.isNotEmpty(found);
    assert.isEmpty(found.filter(({ refused }) => refused));
  });

  const mbpp = sharedData("mbpp", "mbpp.jsonl");
  it.skipIf(mbpp === undefined)("finds what MBPP's training split repeats of the others", () => {
    interface Row {
      readonly task_id: number;
      readonly text: string;
      readonly code: string;
    }
    const rows = Fs.readFileSync(mbpp ?? "", "utf8")
      .trim()
      .split("\n")
      .map((line): Row => JSON.parse(line));
    const of = (from: number, to: number): ReadonlyArray<Task> =>
      rows
        .filter(({ task_id }) => task_id >= from && task_id <= to)
        .map((row) => task(String(row.task_id), row.text, { reference: row.code }));
    const refused = Contamination.pairs(of(601, 974), of(11, 600)).filter((pair) => pair.refused);
    const by = (kind: string) =>
      refused
        .filter((pair) => pair.by === kind)
        .map(({ evaluated, trained: { id } }) => `${evaluated.id} ${id}`);
    assert.deepEqual(by("statement"), ["216 872", "217 602", "248 704"]);
    // Every one has the same program as its solution but for names.
    assert.sameMembers(by("near"), ["17 716", "362 658", "542 732", "595 699", "170 649", "563 725"]);
  });
});

describe("Overlap", () => {
  const list = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 });
  const occurs = (inside: ReadonlyArray<string>, run: ReadonlyArray<string>) =>
    ` ${inside.join(" ")} `.includes(run.length === 0 ? "" : ` ${run.join(" ")} `);

  it("finds the longest run that two lists share", () => {
    fc.assert(
      fc.property(list, list, (a, b) => {
        const run = Overlap.longestRun(a, b);
        assert.isTrue(occurs(a, run) && occurs(b, run));
        const longer = a.flatMap((_, i) =>
          i + run.length < a.length ? [a.slice(i, i + run.length + 1)] : [],
        );
        assert.isFalse(longer.some((other) => occurs(b, other)));
      }),
    );
  });

  it("is the same whichever of two tasks is trained on, all of itself, and none of what is foreign", () => {
    const text = fc
      .array(fc.constantFrom("sort", "list", "sum", "the", "of"), { minLength: 1, maxLength: 20 })
      .map((w) => w.join(" "));
    fc.assert(
      fc.property(text, text, (a, b) => {
        const one = task("1", a, { reference: `x = "${a}"` });
        const other = task("2", b, { reference: `x = "${b}"` });
        assert.closeTo(
          Overlap.compare(one, other).statement.share,
          Overlap.compare(other, one).statement.share,
          1e-12,
        );
        assert.strictEqual(
          Overlap.compare(one, task("3", a, { reference: one.reference ?? "" })).statement.share,
          1,
        );
      }),
    );
    assert.strictEqual(
      Overlap.compare(task("1", "add two numbers"), task("2", "sort words")).statement.share,
      0,
    );
  });

  it("finds in one pass what comparing all pairs finds", () => {
    const text = fc
      .array(fc.constantFrom("sort", "list", "sum", "the", "of"), { minLength: 1, maxLength: 12 })
      .map((w) => w.join(" "));
    const texts = fc.array(text, { maxLength: 6 });
    fc.assert(
      fc.property(texts, texts, fc.constantFrom(0.1, 0.5, 0.8, 1), (some, others, least) => {
        const options = { ...Overlap.OPTIONS, words: 2, statementAlone: least };
        const train = some.map((s, i) => task(`t${i}`, s));
        const held = others.map((s, i) => task(`e${i}`, s));
        const all = train
          .flatMap((t) => held.map((e) => Overlap.compare(t, e, options)))
          .filter(({ statement: s }) => s.share >= least);
        const ids = (pairs: ReadonlyArray<Overlap.Pair>) =>
          pairs.map(({ evaluated, trained: t }) => `${t.id} ${evaluated.id}`);
        assert.sameMembers(ids(Overlap.pairs(train, held, options)), ids(all));
      }),
    );
  });
});
