/** What becomes of bad input, and of an import that is stopped, limited or repeated. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Zlib from "node:zlib";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Dataset from "../../../src/dataset/Dataset.ts";
import type * as Import from "../../../src/dataset/import/Import.ts";
import * as Syntax from "../../../src/syntax/Syntax.ts";
import * as Run from "./Run.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-import-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));
let paths = 0;
const path = (name: string): string => Path.join(directory, `${paths++}-${name}`);
const written = (name: string, content: Uint8Array | string): string => {
  const file = path(name);
  Fs.writeFileSync(file, content);
  return file;
};

/** A row of HumanEval. */
const row = (n: number, change: Readonly<Record<string, unknown>> = {}) => ({
  task_id: `HumanEval/${n}`,
  prompt: `def f${n}(x):\n    """ Adds ${n}. """\n`,
  entry_point: `f${n}`,
  canonical_solution: `    return x + ${n}\n`,
  test: `def check(candidate):\n    assert candidate(1) == ${n + 1}\n    assert candidate(2) == ${n + 2}\n`,
  ...change,
});
const lines = (rows: ReadonlyArray<unknown>): string =>
  rows.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");

const syntax: Import.Services<never>["syntax"] = (language, source) =>
  Syntax.parse(language, source).error === null ? undefined : "it does not parse";

const { task_id, entry_point, canonical_solution, test } = row(1);
const withoutPrompt = { task_id, entry_point, canonical_solution, test };

/** A bad record after a good one and before another, and what is told of it. */
const bad: ReadonlyArray<readonly [what: string, record: unknown, kind: string, said: RegExp]> = [
  ["a line that does not parse", '{"task_id": "HumanEval/1", ', "does not parse", /not valid JSON/],
  ["a line that is no object", "[1, 2]", "wrong type", /the record: Expected object, found \[1,2\]/],
  ["a missing field", withoutPrompt, "missing field", /the field "prompt" is missing/],
  ["a wrong type", row(1, { test: 7 }), "wrong type", /the field "test": Expected string, found 7/],
  ["an empty id", row(1, { task_id: "" }), "wrong type", /the field "task_id": /],
  ["an empty solution", row(1, { canonical_solution: " \n" }), "empty program", /HumanEval\/1/],
  [
    "a test that does not compile",
    row(1, { test: "def check(candidate):\n    assert candidate(1 == 2\n" }),
    "tests do not compile",
    /test 0 of task "HumanEval\/1"/,
  ],
  ["a task that occurs twice", row(0), "duplicate task", /the task "HumanEval\/0" occurs twice/],
];

describe("a record with a fault", () => {
  it.effect.each(bad)("%s", ([, record, kind, said]) =>
    Effect.gen(function* () {
      const file = written("a.jsonl", lines([row(0), record, row(2)]));
      const out = path("out");
      const stopped = yield* Effect.flip(Run.run([file], out, { format: "humaneval" }, { syntax }));
      assert.strictEqual(stopped.path, file);
      assert.strictEqual(stopped.line, 2);
      assert.match(stopped.reason, said);
      assert.include(stopped.message, kind);
      assert.include(stopped.message, "--on-error skip");
      assert.isFalse(Fs.existsSync(out));
      assert.isFalse(Fs.existsSync(`${out}.partial`));

      const report = yield* Run.run([file], out, { format: "humaneval", onError: "skip" }, { syntax });
      assert.deepStrictEqual(Object.keys(report.problems), [kind]);
      assert.strictEqual(report.problems[kind]?.count, 1);
      assert.strictEqual(report.problems[kind]?.first[0]?.place, `${file}:2`);
      const { tasks } = yield* Dataset.load(out);
      assert.deepStrictEqual(
        tasks.map(({ id }) => id),
        ["HumanEval/0", "HumanEval/2"],
      );
    }),
  );

  it.effect("an attempt that is empty or at no task, without the others", () =>
    Effect.gen(function* () {
      const base = path("base");
      yield* Run.run([written("a.jsonl", lines([row(0)]))], base);
      const sample = (task: string, completion: string) => ({
        task_id: task,
        completion,
        result: "passed",
        passed: true,
      });
      const file = written(
        "s.jsonl",
        lines([
          sample("HumanEval/0", "    return x\n"),
          sample("HumanEval/0", "\n"),
          sample("HumanEval/7", "    x\n"),
        ]),
      );
      const out = path("out");
      const report = yield* Run.run([file], out, { tasks: base, onError: "skip" });
      assert.deepStrictEqual(
        Object.entries(report.problems).map(([kind, { count }]) => [kind, count]),
        [
          ["empty program", 1],
          ["unknown task", 1],
        ],
      );
      const { attempts } = yield* Dataset.load(out);
      assert.strictEqual(attempts.length, 1);
    }),
  );

  it.effect("an unknown language", () =>
    Effect.gen(function* () {
      const pack = (id: string) => ({
        ...row(0),
        task_id: id,
        declaration: "def f0(x):\n",
        buggy_solution: "    return x\n",
      });
      const file = written("p.jsonl", lines([pack("Python/0"), pack("Cobol/0"), pack("Rust/0")]));
      const stopped = yield* Effect.flip(Run.run([file], path("out")));
      assert.include(stopped.message, "unknown language: Cobol/0 names no language.");
      const report = yield* Run.run([file], path("out"), { onError: "skip" });
      assert.strictEqual(report.tasks, 1);
      assert.strictEqual(report.problems["unknown language"]?.count, 1);
      assert.deepStrictEqual(report.leftOut, { "a task in Rust": 1 });
    }),
  );
});

describe("a file with a fault", () => {
  const whole = Buffer.from(lines(Array.from({ length: 2000 }, (_, n) => row(n))));

  it.effect("a truncated archive: nothing is imported, or its whole records", () =>
    Effect.gen(function* () {
      const packed = Zlib.gzipSync(whole);
      const file = written("a.jsonl.gz", packed.subarray(0, packed.length >> 1));
      const out = path("out");
      const stopped = yield* Effect.flip(Run.run([file], out));
      assert.include(stopped.message, "truncated archive: the archive ends in the middle.");
      assert.isFalse(Fs.existsSync(out));
      const report = yield* Run.run([file], out, { onError: "skip" });
      assert.strictEqual(report.problems["truncated archive"]?.count, 1);
      const { tasks } = yield* Dataset.load(out);
      assert.isAbove(tasks.length, 100);
      assert.isBelow(tasks.length, 2000);
      assert.deepStrictEqual(
        tasks.map(({ id }) => id),
        tasks.map((_, n) => `HumanEval/${n}`),
      );
    }),
  );

  it.effect("one that has no format that is known", () =>
    Effect.gen(function* () {
      const of = (content: string) => Effect.flip(Run.run([written("a.jsonl", content)], path("out")));
      assert.match(
        (yield* of('{"a": 1, "b": 2}\n')).message,
        /the fields a, b, which fit none\. Name the format .*humaneval/,
      );
      assert.match((yield* of("")).message, /no record to tell by/);
      const named = yield* Effect.flip(
        Run.run([written("a.jsonl", "{}")], path("out"), { format: "humanval" }),
      );
      assert.include(named.message, "there is no such format");
      assert.include(
        (yield* Effect.flip(Run.run([path("none.jsonl")], path("out")))).message,
        "no such file",
      );
    }),
  );

  it.effect("one out of which no task comes", () =>
    Effect.gen(function* () {
      const file = written("a.jsonl", lines([withoutPrompt]));
      const out = path("out");
      const none = yield* Effect.flip(Run.run([file], out, { format: "humaneval", onError: "skip" }));
      assert.include(none.message, "no task came out of 1 records (1 missing field)");
      assert.isFalse(Fs.existsSync(out));
      assert.isFalse(Fs.existsSync(`${out}.partial`));
    }),
  );
});

describe("an import", () => {
  it.effect("tells in the manifest what it was made of", () =>
    Effect.gen(function* () {
      const file = written("a.jsonl", lines([row(0), row(1), row(2)]));
      const out = path("mine");
      yield* Run.run([file], out, { split: "train", limit: 2, command: "import humaneval" });
      const { manifest, tasks } = yield* Dataset.load(out);
      assert.deepStrictEqual(manifest.splits, { train: 2, validation: 0, test: 0 });
      assert.strictEqual(tasks.length, 2);
      assert.strictEqual(manifest.licence, "MIT");
      assert.deepStrictEqual(manifest.sources, [
        { name: "HumanEval", licence: "MIT", url: "https://github.com/openai/human-eval" },
      ]);
      const [made] = manifest.made ?? [];
      assert.strictEqual(made?.command, "import humaneval");
      assert.deepStrictEqual(made?.counts, { records: 2, tasks: 2, attempts: 0 });
      assert.strictEqual(made?.inputs[0]?.path, file);
      assert.match(made?.inputs[0]?.sha256 ?? "", /^[0-9a-f]{64}$/);
    }),
  );

  it.effect("never replaces a dataset unasked, and only with a whole one", () =>
    Effect.gen(function* () {
      const good = written("a.jsonl", lines([row(0)]));
      const wrong = written("b.jsonl", lines([row(1), "{"]));
      const out = path("out");
      yield* Run.run([good], out);
      assert.include((yield* Effect.flip(Run.run([good], out))).message, "--overwrite");
      yield* Effect.flip(Run.run([wrong], out, { overwrite: true }));
      assert.strictEqual((yield* Dataset.load(out)).tasks[0]?.id, "HumanEval/0");
      yield* Run.run([written("c.jsonl", lines([row(5)]))], out, { overwrite: true });
      assert.strictEqual((yield* Dataset.load(out)).tasks[0]?.id, "HumanEval/5");
    }),
  );

  it.effect("of several files is one dataset", () =>
    Effect.gen(function* () {
      const files = [
        written("a.jsonl", lines([row(0), row(1)])),
        written("b.jsonl.gz", Zlib.gzipSync(lines([row(2)]))),
        written("c.json", JSON.stringify([row(3), row(4)])),
      ];
      const out = path("out");
      const report = yield* Run.run(files, out);
      assert.strictEqual(report.records, 5);
      const { tasks, manifest } = yield* Dataset.load(out);
      assert.deepStrictEqual(
        tasks.map(({ id }) => id),
        [0, 1, 2, 3, 4].map((n) => `HumanEval/${n}`),
      );
      assert.deepStrictEqual(
        manifest.made?.[0]?.inputs.map(({ records }) => records),
        [2, 1, 2],
      );
    }),
  );
});
