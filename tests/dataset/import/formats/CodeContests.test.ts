import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, assert, describe, it } from "vitest";
import { codeContests } from "../../../../src/dataset/import/formats/CodeContests.ts";
import * as Requirements from "../../../support/Requirements.ts";
import { context, converted, imported, records } from "./support.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-contests-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));

/** A row as the card of deepmind/code_contests has it. */
const row = {
  name: "1_a. Sum",
  description: "Print the sum.\n",
  public_tests: { input: ["1 2\n"], output: ["3\n"] },
  private_tests: { input: ["2 2\n"], output: ["4\n"] },
  generated_tests: { input: ["9 9\n", "1 ".repeat(40)], output: ["18\n", "2\n"] },
  source: 2,
  difficulty: 7,
  solutions: {
    language: [1, 2, 3, 4, 3, 0],
    solution: ["print 1", "int main() {}\r\n", "print(3)", "class A {}", "print(5)", "?"],
  },
  incorrect_solutions: { language: [3, 2, 3], solution: ["print(0)", "int main() { return 1; }", " "] },
  cf_contest_id: 1,
  cf_index: "A",
  cf_points: 0,
  cf_rating: 800,
  cf_tags: ["math"],
  is_description_translated: false,
  untranslated_description: "",
  time_limit: { seconds: 2, nanos: 500_000_000 },
  memory_limit_bytes: 256_000_000,
  input_file: "",
  output_file: "",
};
const read = (change: object, options = {}) =>
  converted(codeContests, [{ ...row, ...change }], context("train-00000-of-00039.parquet", options));

describe("CodeContests' rows", () => {
  it("become a Python task with all tests, and attempts of either label", () => {
    const { tasks, attempts, flaws, leftOut } = read({});
    assert.deepStrictEqual(tasks, [
      {
        id: "codecontests/1_a. Sum",
        source: "codecontests",
        split: "train",
        language: "python",
        statement: "Print the sum.",
        entryPoint: "main",
        reference: "print(3)",
        tests: {
          kind: "stdio",
          comparison: "tokens",
          visible: 1,
          cases: [
            { input: "1 2\n", output: "3\n" },
            { input: "2 2\n", output: "4\n" },
            { input: "9 9\n", output: "18\n" },
            { input: "1 ".repeat(40), output: "2\n" },
          ],
        },
        limits: { cpuSeconds: 2.5, wallSeconds: 22.5, memoryBytes: 256_000_000, outputBytes: 2 ** 20 },
        meta: { difficulty: 800, site: "codeforces", contest: 1, index: "A", tags: ["math"] },
      },
    ]);
    assert.deepStrictEqual(
      attempts.map(({ program, origin, outcome }) => [program, origin, outcome]),
      [
        ["print(3)", "solution", "Passed"],
        ["print(5)", "solution", "Passed"],
        ["print(0)", "incorrect solution", "WrongAnswer"],
      ],
    );
    assert.deepStrictEqual(leftOut, {
      "a program in Python 2": 1,
      "a program in C++": 2,
      "a program in Java": 1,
      "a program in an unknown language": 1,
    });
    assert.deepStrictEqual(
      flaws.map(({ kind }) => kind),
      ["empty program"],
    );
  });

  it("become a task for each language that is asked for, with ids that do not depend on it", () => {
    const { tasks, attempts, leftOut } = read({}, { languages: ["cpp", "python"] });
    assert.deepStrictEqual(
      tasks.map(({ id, language, reference }) => [id, language, reference]),
      [
        ["codecontests/1_a. Sum/cpp", "cpp", "int main() {}\n"],
        ["codecontests/1_a. Sum", "python", "print(3)"],
      ],
    );
    assert.strictEqual(attempts.filter(({ taskId }) => taskId.endsWith("/cpp")).length, 2);
    assert.strictEqual(leftOut["a program in C++"], undefined);
  });

  it("leave out the largest hidden tests beyond a bound", () => {
    const { tasks, leftOut } = read({}, { testBytes: 20 });
    assert.strictEqual(tasks[0]?.tests.kind === "stdio" ? tasks[0].tests.cases.length : 0, 3);
    assert.strictEqual(leftOut["a test beyond --max-tests"], 1);
  });

  it("have limits of the dataset's judge where they name none", () => {
    const { tasks } = read({ time_limit: null, memory_limit_bytes: 0 });
    assert.deepStrictEqual([tasks[0]?.limits?.cpuSeconds, tasks[0]?.limits?.memoryBytes], [10, 2 ** 28]);
  });

  it("say their site and level as far as card and proto agree", () => {
    const meta = (change: object) => read({ cf_rating: 0, cf_index: "", ...change }).tasks[0]?.meta;
    assert.deepStrictEqual(
      [5, 6, 7, "ATCODER"].map((source) => meta({ source })?.["site"]),
      ["atcoder", "atcoder or aizu", "aizu", "ATCODER"],
    );
    assert.deepStrictEqual(
      [0, 1, 5, 6, 7, 17, 18, "HARD"].map((difficulty) => meta({ difficulty })?.["difficulty"]),
      [undefined, "easy", "hardest", undefined, "A", "K", undefined, "HARD"],
    );
    assert.strictEqual(meta({ cf_index: "D2" })?.["difficulty"], "D");
  });

  it("are refused by kind", () => {
    const kinds = [
      { input_file: "input.txt" },
      { output_file: "out" },
      { private_tests: { input: ["1"], output: [] } },
      { public_tests: none, private_tests: none, generated_tests: none },
      { solutions: { language: [3], solution: [4] } },
    ].map((change) => {
      const { tasks, attempts, flaws } = read(change);
      return [tasks.length + attempts.length, flaws.map(({ kind }) => kind)];
    });
    assert.deepStrictEqual(kinds, [
      [0, ["unsupported"]],
      [0, ["unsupported"]],
      [0, ["wrong type"]],
      [0, ["no tests"]],
      [0, ["wrong type"]],
    ]);
  });

  it("are the same from parquet", async () => {
    const rows = [row, { ...row, name: "2_b. Other", time_limit: { seconds: 1, nanos: 0 } }];
    const buffer = parquetWriteBuffer({
      columnData: Object.keys(row).map((name) => ({
        name,
        data: rows.map((each) => Reflect.get(each, name)),
      })),
    });
    const path = Path.join(directory, "train-00000-of-00001.parquet");
    Fs.writeFileSync(path, Buffer.from(buffer));
    const values = await records(codeContests, path);
    assert.deepStrictEqual(
      converted(codeContests, values, context(path)),
      converted(codeContests, rows, context(path)),
    );
  });
});

const none = { input: [], output: [] };
const sample = Requirements.sharedData("codecontests", "sample.jsonl");

describe.skipIf(sample === undefined)("CodeContests' sample", () => {
  it("becomes 60 tasks, each with a solution in Python", async () => {
    const { tasks, attempts, flaws, leftOut } = await imported(codeContests, sample ?? "");
    assert.deepStrictEqual([tasks.length, attempts.length, flaws.length], [60, 60, 0]);
    assert.deepStrictEqual(leftOut, {});
    assert.isTrue(
      tasks.every(({ reference, limits }) => reference !== undefined && limits?.cpuSeconds === 10),
    );
    const tests = tasks.map((task) => (task.tests.kind === "stdio" ? task.tests.cases.length : 0));
    assert.strictEqual(
      tests.reduce((sum, count) => sum + count, 0),
      599,
    );
  });
});
