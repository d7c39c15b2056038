/** Published datasets as Drydock's: from real files where they are at hand, else from rows written to the schema. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Dataset from "../../../src/dataset/Dataset.ts";
import type { CallTests, Task } from "../../../src/domain/Task.ts";
import type * as Format from "../../../src/dataset/import/Format.ts";
import * as MbppArguments from "../../../src/dataset/import/formats/MbppArguments.ts";
import * as Requirements from "../../support/Requirements.ts";
import * as Run from "./Run.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-formats-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));
let outs = 0;
const out = (): string => Path.join(directory, String(outs++));
const fixture = (name: string): string => Path.join(import.meta.dirname, "fixtures", name);

const data = (...parts: ReadonlyArray<string>): string => Requirements.sharedData(...parts) ?? "";
const missing = data() === "";

/** Imports, and reads back what is there. */
const imported = Effect.fnUntraced(function* (
  paths: ReadonlyArray<string>,
  change: Parameters<typeof Run.run>[2] = {},
  use: Parameters<typeof Run.run>[3] = {},
) {
  const made = out();
  const report = yield* Run.run(paths, made, change, use);
  return { made, report, ...(yield* Dataset.load(made)) };
});

const find = (tasks: ReadonlyArray<Task>, id: string): Task =>
  tasks.find((task) => task.id === id) ?? assert.fail(id);

/** In place of what a reference answers, which a sandbox finds out: the number of its arguments. */
const counted = ({ task }: Format.Unanswered) =>
  Effect.succeed({
    ...task,
    tests: { ...task.tests, cases: task.tests.cases.map(({ args }) => ({ args, expected: args.length })) },
  });

const asserts = ({ tests }: Task): ReadonlyArray<string> => (tests.kind === "assert" ? tests.asserts : []);

describe.skipIf(missing)("HumanEval", () => {
  it.effect("has an assert a test where its check is nothing else", () =>
    Effect.gen(function* () {
      const { tasks, report } = yield* imported([data("humaneval", "HumanEval.jsonl.gz")]);
      assert.strictEqual(report.format, "humaneval");
      const counts = tasks.map((task) => asserts(task).length);
      assert.strictEqual(counts.length, 164);
      assert.strictEqual(counts.filter((count) => count > 1).length, 156);
      assert.strictEqual(counts[0], 7);
      assert.deepStrictEqual(
        [32, 38, 44, 50, 53, 151].map((index) => counts[index]),
        [1, 1, 1, 1, 1, 1],
      );
      assert.isTrue(
        tasks.every((task) => task.split === "test" && task.reference?.startsWith(task.statement)),
      );
    }),
  );

  it.effect("samples with results are attempts at its tasks", () =>
    Effect.gen(function* () {
      const base = (yield* imported([data("humaneval", "HumanEval.jsonl.gz")])).made;
      const { attempts, tasks, manifest } = yield* imported([fixture("samples.jsonl_results.jsonl")], {
        tasks: base,
      });
      assert.strictEqual(tasks.length, 164);
      assert.deepStrictEqual(
        attempts.map(({ outcome }) => outcome),
        ["WrongAnswer", "RuntimeError", "TimedOut", "Passed"],
      );
      const [first] = attempts;
      assert.strictEqual(first?.origin, "samples");
      assert.isTrue(first?.program.startsWith("from typing import List"));
      assert.isTrue(first?.program.endsWith('"""\n    return True\n'));
      assert.deepStrictEqual(
        manifest.made?.map(({ options }) => (options as { readonly format: string }).format),
        ["humaneval", "human-eval-samples"],
      );
    }),
  );

  it.effect("EvalPlus' results: the label of the tests that the tasks have", () =>
    Effect.gen(function* () {
      const base = (yield* imported([data("humaneval", "HumanEval.jsonl.gz")])).made;
      const { attempts, report } = yield* imported([data("labelled", "humaneval-Meta-Llama-3-8B.json")], {
        tasks: base,
        onError: "skip",
      });
      // 164 samples, of which the result file has 45 passing the base tests.
      assert.strictEqual(attempts.length + (report.problems["empty program"]?.count ?? 0), 164);
      assert.strictEqual(attempts.filter(({ outcome }) => outcome === "Passed").length, 45);
      assert.isTrue(
        attempts.every(
          ({ origin, labelSource }) => origin === "Meta-Llama-3-8B" && labelSource === "dataset",
        ),
      );
      const refused = yield* Effect.flip(
        Run.run([data("labelled", "humaneval-Meta-Llama-3-8B.json")], out()),
      );
      assert.include(refused.message, "--tasks");
    }),
  );
});

describe.skipIf(missing)("MBPP", () => {
  it.effect("in the standard split, with the hand-checked part apart", () =>
    Effect.gen(function* () {
      const full = yield* imported([data("mbpp", "mbpp.jsonl")]);
      assert.strictEqual(full.report.format, "mbpp");
      assert.deepStrictEqual(full.manifest.splits, { train: 384, validation: 90, test: 500 });
      assert.isFalse(JSON.stringify(full.tasks).includes("\\r"));
      assert.strictEqual(full.tasks.filter(({ meta }) => meta?.["fewShot"] === true).length, 10);
      assert.strictEqual(find(full.tasks, "mbpp/1").entryPoint, "min_cost");
      const checked = yield* imported([data("mbpp", "sanitized-mbpp.json")]);
      assert.strictEqual(checked.report.format, "mbpp-sanitized");
      assert.strictEqual(checked.tasks.length, 427);
    }),
  );

  it.effect("MBPP+: its values in Python's types, its answers from the reference", () =>
    Effect.gen(function* () {
      const path = data("evalplus", "MbppPlus.jsonl.gz");
      const failing = { kind: "reference fails" as const, reason: "it answers nothing" };
      const stopped = yield* Effect.flip(
        Run.run([path], out(), {}, { answer: () => Effect.succeed(failing) }),
      );
      assert.include(stopped.message, "reference fails: it answers nothing.");

      const { tasks, report } = yield* imported([path], { limit: 60 }, { answer: counted });
      assert.strictEqual(report.records, 60);
      assert.strictEqual(tasks.length, 60);
      assert.deepStrictEqual((find(tasks, "mbpp/2").tests as CallTests).comparison, {
        kind: "evalplus",
        atol: 0,
        oracle: "set",
      });
      const subjects = find(tasks, "mbpp/64");
      assert.strictEqual(subjects.split, "test");
      // Lists of tuples.
      assert.deepStrictEqual((subjects.tests as CallTests).cases[0]?.args[0], [
        { t: ["English", 88] },
        { t: ["Science", 90] },
        { t: ["Maths", 97] },
        { t: ["Social sciences", 82] },
      ]);
    }),
  );
});

describe.skipIf(missing)("HumanEvalPack", () => {
  it.effect("in three languages, with a buggy attempt a task", () =>
    Effect.gen(function* () {
      const { tasks, attempts, report } = yield* imported([data("humanevalpack")]);
      assert.strictEqual(report.format, "humanevalpack");
      const languages = new Set(tasks.map(({ language }) => language));
      assert.deepStrictEqual([...languages].sort(), ["cpp", "javascript", "python"]);
      assert.strictEqual(tasks.length, 492);
      assert.strictEqual(attempts.length, 492);
      assert.isTrue(attempts.every(({ outcome, origin }) => outcome !== "Passed" && origin === "buggy"));
      // The function that tests call, where `entry_point` is misspelt.
      assert.strictEqual(find(tasks, "JavaScript/114").entryPoint, "minSubArraySum");
      const python = yield* imported([data("humanevalpack")], { languages: ["python"] });
      assert.strictEqual(python.tasks.length, 164);
      assert.strictEqual(python.attempts.length, 164);
      assert.strictEqual(python.report.leftOut["a task in cpp"], 164);
    }),
  );
});

describe("HumanEval+", () => {
  it.effect("inputs as tagged plain data, no test without an answer", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = [];
      const { tasks, report } = yield* imported(
        [fixture("HumanEvalPlus.jsonl")],
        {},
        {
          answer: ({ task }) => {
            asked.push(...task.tests.cases.map(({ args }) => args));
            return Effect.succeed({
              ...task,
              tests: { ...task.tests, cases: [{ args: [1], expected: { f: "0.5" } }] },
            });
          },
        },
      );
      assert.strictEqual(report.format, "humaneval+");
      assert.deepStrictEqual(
        tasks.map(({ id }) => id),
        ["HumanEval/900", "HumanEval/901", "HumanEval/32"],
      );
      assert.deepStrictEqual(asked, [
        [3],
        [{ f: "1.0" }],
        [{ f: "1e+22" }],
        [{ i: "0x1000000000000000" }],
        [{ f: "-0.0" }],
        [[1, 2], "a"],
        [[[], "x"], "é"],
        [[true, null], ""],
        [[], "raises"],
        [[1, 2]],
      ]);
      assert.deepStrictEqual((find(tasks, "HumanEval/32").tests as CallTests).comparison, {
        kind: "evalplus",
        atol: 0,
        oracle: "root",
      });
      assert.deepStrictEqual((find(tasks, "HumanEval/900").tests as CallTests).comparison, {
        kind: "evalplus",
        atol: 1e-6,
      });
      const refused = yield* Effect.flip(Run.run([fixture("HumanEvalPlus.jsonl")], out()));
      assert.include(refused.message, "no sandbox");
    }),
  );
});

describe("MBPP+'s arguments", () => {
  it("are read as EvalPlus does", () => {
    const read = MbppArguments.tagged;
    assert.deepStrictEqual(read(2, [[1], [2]]), [{ t: [1] }, { t: [2] }]);
    assert.deepStrictEqual(read(63, [[[1, 2]]]), [[{ t: [1, 2] }]]);
    assert.deepStrictEqual(read(75, [[[1, 2]], 3]), [[{ t: [1, 2] }], 3]);
    assert.deepStrictEqual(read(106, [[1], [2]]), [[1], { t: [2] }]);
    assert.deepStrictEqual(read(115, [[[1], [], { a: 1 }]]), [[{ s: [1] }, { d: [] }, { d: [["a", 1]] }]]);
    assert.deepStrictEqual(read(124, ["0", "1j"]), [{ f: "0" }, { c: ["0.0", "1"] }]);
    assert.deepStrictEqual(read(252, ["(1-2.5j)"]), [{ c: ["1", "-2.5"] }]);
    assert.deepStrictEqual(read(252, ["3"]), [{ c: ["3", "0.0"] }]);
    assert.deepStrictEqual(read(259, [[[1]], [[2]]]), [{ t: [{ t: [1] }] }, { t: [{ t: [2] }] }]);
    assert.deepStrictEqual(read(307, [[1], 2, 3]), [{ t: [1] }, 2, 3]);
    assert.deepStrictEqual(read(722, [{ a: [1] }, 2]), [{ d: [["a", { t: [1] }]] }, 2]);
    assert.deepStrictEqual(read(580, [[1, [2, [3]]]]), [{ t: [1, { t: [2, { t: [3] }] }] }]);
    assert.deepStrictEqual(read(4, [[1], [2]]), [[1], [2]]);
  });
});
