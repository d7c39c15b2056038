/** Contests, submissions, prompts and own tables, from files to a dataset directory that loads. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Dataset from "../../../src/dataset/Dataset.ts";
import * as DatasetReader from "../../../src/dataset/DatasetReader.ts";
import * as JsonLines from "../../../src/dataset/Jsonl.ts";
import * as Requirements from "../../support/Requirements.ts";
import { fixture, written } from "./formats/support.ts";
import * as Run from "./Run.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-contests-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));
let outs = 0;

/** Imports, and reads back what is there. */
const imported = Effect.fnUntraced(function* (
  path: string | ReadonlyArray<string>,
  change: Parameters<typeof Run.run>[2] = {},
) {
  const made = Path.join(directory, String(outs++));
  const report = yield* Run.run(typeof path === "string" ? [path] : path, made, change);
  return { made, report, ...(yield* Dataset.load(made)) };
});

const skip = { onError: "skip" } as const;

describe("an import, its format told by the records", () => {
  it.effect("of LiveCodeBench leaves out what is a pickle, or stops there", () =>
    Effect.gen(function* () {
      const { report, tasks } = yield* imported(fixture("livecodebench.jsonl"), skip);
      assert.deepStrictEqual([report.format, report.tasks, tasks.length], ["livecodebench", 2, 2]);
      assert.deepStrictEqual(Object.keys(report.problems), ["pickled data"]);
      const error = yield* Effect.flip(imported(fixture("livecodebench.jsonl")));
      assert.match(
        error.message,
        /livecodebench\.jsonl:3: pickled data: .*code_generation.*Nothing was imported/s,
      );
    }),
  );

  it.effect("of TACO", () =>
    Effect.gen(function* () {
      const { report, attempts } = yield* imported(fixture("taco.jsonl"), skip);
      assert.deepStrictEqual([report.format, report.tasks, attempts.length], ["taco", 2, 3]);
      assert.deepStrictEqual(report.problems["no tests"]?.count, 1);
    }),
  );

  it.effect("of CodeNet's folders, in every language", () =>
    Effect.gen(function* () {
      const { report, tasks, attempts } = yield* imported(fixture("codenet"), {
        ...skip,
        languages: ["python", "cpp", "javascript"],
      });
      assert.deepStrictEqual([report.format, tasks.length, attempts.length], ["codenet", 6, 7]);
      assert.strictEqual(report.leftOut["a program in Python 2"], 2);
      assert.deepStrictEqual(Object.keys(report.problems), ["missing field"]);
    }),
  );

  it.effect("of verl's rows, whose tasks come with each row", () =>
    Effect.gen(function* () {
      const lines = Fs.readFileSync(fixture("verl.jsonl"), "utf8");
      const twice = written(directory, "twice.jsonl", lines + lines);
      const { report, tasks, attempts } = yield* imported(twice);
      assert.deepStrictEqual([report.format, tasks.length, attempts.length], ["prompts", 2, 4]);
    }),
  );

  it.effect("of TRL's rows, at the tasks of another dataset", () =>
    Effect.gen(function* () {
      const task = {
        id: "sums/1",
        source: "sums",
        split: "train",
        language: "python",
        statement: "Write f(a, b), the sum.",
        entryPoint: "f",
        tests: { kind: "call", visible: 1, cases: [{ args: [1, 2], expected: 3 }] },
      };
      const base = yield* imported(written(directory, "sums/tasks.jsonl", JsonLines.format([task])));
      assert.strictEqual(base.report.format, "jsonl");
      const { report, tasks, attempts } = yield* imported(fixture("trl.jsonl"), {
        ...skip,
        tasks: base.made,
      });
      assert.deepStrictEqual([report.format, tasks.length, attempts.length], ["prompts", 1, 5]);
      assert.deepStrictEqual(
        Object.entries(report.problems).map(([kind, { count }]) => [kind, count]),
        [
          ["empty program", 1],
          ["unsupported", 2],
        ],
      );
    }),
  );
});

const missing = Requirements.sharedData() === undefined;
const data = (...parts: ReadonlyArray<string>): string => Requirements.sharedData(...parts) ?? "";

describe.skipIf(missing)("an import of real samples", () => {
  it.effect("of APPS' folders, with attempts, and back from its own lines", () =>
    Effect.gen(function* () {
      const { report, tasks, attempts } = yield* imported(data("apps"));
      assert.deepStrictEqual([report.format, tasks.length, attempts.length], ["apps", 5, 189]);
      // As one writes them by hand: the attempts' file comes first by its name.
      const folder = Path.join(directory, "lines");
      written(folder, "attempts.jsonl", JsonLines.format(attempts));
      written(folder, "tasks.jsonl", JsonLines.format(tasks));
      const again = yield* imported(folder, { format: "jsonl" });
      assert.deepStrictEqual(again.tasks, tasks);
      assert.deepStrictEqual(again.attempts, attempts);
    }),
  );

  it.effect("of CodeContests, with tests bounded", () =>
    Effect.gen(function* () {
      const path = data("codecontests", "sample.jsonl");
      const { report, made } = yield* imported(path);
      assert.deepStrictEqual([report.format, report.tasks, report.attempts], ["codecontests", 60, 60]);
      const few = yield* imported(path, { formatOptions: { passes: 1, reasoning: "think", testBytes: 200 } });
      const cut = few.report.leftOut["a test beyond --max-tests"] ?? 0;
      assert.isAbove(cut, 0);
      const count = (tasks: Dataset.Dataset["tasks"]) =>
        tasks.reduce((sum, { tests }) => sum + (tests.kind === "stdio" ? tests.cases.length : 0), 0);
      assert.strictEqual(count(few.tasks) + cut, 599);
      const reader = yield* DatasetReader.open(made);
      assert.strictEqual(reader.tasks.length, 60);
    }).pipe(Effect.scoped),
  );
});
