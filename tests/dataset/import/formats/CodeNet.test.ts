import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "vitest";
import { codeNet } from "../../../../src/dataset/import/formats/CodeNet.ts";
import { fixture, imported, written } from "./support.ts";

const root = fixture("codenet");
const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-codenet-"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));

describe("CodeNet's folders", () => {
  it("become a task of each problem that has a description and a sample", async () => {
    const { tasks } = await imported(codeNet, root);
    assert.deepStrictEqual(tasks, [
      {
        id: "codenet/p00001",
        source: "codenet",
        split: "train",
        language: "python",
        statement:
          "Sum, of Two\n\nTwo integers a and b (0 ≤ a, b ≤ 10^4) stand in one line. Print their sum.\n\nSample Input\n\n1 2\n\nOutput for the Sample Input\n\n3",
        entryPoint: "main",
        tests: {
          kind: "stdio",
          comparison: "tokens",
          visible: 1,
          cases: [{ input: "1 2\n", output: "3\n" }],
        },
        limits: { cpuSeconds: 1, wallSeconds: 15, memoryBytes: 2 ** 27, outputBytes: 2 ** 20 },
        meta: { name: "Sum, of Two", site: "AIZU" },
      },
      {
        id: "codenet/p00002",
        source: "codenet",
        split: "train",
        language: "python",
        statement: "Print twice the number.",
        entryPoint: "main",
        tests: {
          kind: "stdio",
          comparison: "tokens",
          visible: 1,
          cases: [{ input: "21\n", output: "42\n" }],
        },
        limits: { cpuSeconds: 2, wallSeconds: 20, memoryBytes: 2 ** 30, outputBytes: 2 ** 20 },
        meta: { difficulty: 300, name: "Twice", site: "AtCoder" },
      },
    ]);
  });

  it("become attempts with the judge's status, time and memory", async () => {
    const { attempts, flaws, leftOut } = await imported(codeNet, root);
    const [first] = attempts;
    assert.deepStrictEqual(first, {
      taskId: "codenet/p00001",
      program: "a, b = map(int, input().split())\nprint(a + b)\n",
      origin: "submission",
      outcome: "Passed",
      labelSource: "dataset",
      testsPassed: 4,
      testsTotal: 4,
      cpuSeconds: 0.02,
      memoryBytes: 5604 * 1024,
      meta: {
        submission: "s000000001",
        user: "u000000001",
        date: 1480319506,
        status: "Accepted",
        language: "Python3",
      },
    });
    assert.deepStrictEqual(
      attempts.map(({ outcome, meta }) => [meta?.["submission"], outcome]),
      [
        ["s000000001", "Passed"],
        ["s000000002", "WrongAnswer"],
        ["s000000006", undefined],
        ["s000000007", "WrongAnswer"],
        ["s000000012", "OutOfMemory"],
      ],
    );
    assert.deepStrictEqual(
      flaws.map(({ kind, reason }) => `${kind}: ${reason}`),
      ["missing field: p00001, s000000008: there is no such source file"],
    );
    assert.deepStrictEqual(leftOut, {
      "a problem without a sample input and output, and its submissions": 1,
      "a program in Python 2": 2,
      "a program in C++": 1,
      "a program in Java": 1,
      "a program in JavaScript": 1,
      'a label: "Judge Not Available" is no verdict': 1,
    });
  });

  it("have tasks and attempts in each language that is asked for", async () => {
    const { tasks, attempts } = await imported(codeNet, root, { languages: ["cpp", "javascript"] });
    assert.deepStrictEqual(
      tasks.map(({ id, language }) => [id, language]),
      [
        ["codenet/p00001/cpp", "cpp"],
        ["codenet/p00001/javascript", "javascript"],
        ["codenet/p00002/cpp", "cpp"],
        ["codenet/p00002/javascript", "javascript"],
      ],
    );
    const [cpp, javascript] = attempts;
    assert.deepStrictEqual([cpp?.taskId, cpp?.outcome], ["codenet/p00001/cpp", "TimedOut"]);
    assert.deepStrictEqual(
      [javascript?.taskId, javascript?.outcome],
      ["codenet/p00002/javascript", "CompileError"],
    );
    // -1 in the CSV file is no time.
    assert.isFalse("cpuSeconds" in (cpp ?? {}) || "memoryBytes" in (cpp ?? {}));
  });

  it("are read no further than themselves, whatever the CSV files say", async () => {
    const folder = Path.join(directory, "Project_CodeNet");
    written(directory, "secret.py", "print('secret')");
    written(folder, "problem_descriptions/p00001.html", "<p>Print.</p>");
    written(folder, "derived/input_output/data/p00001/input.txt", "1\n");
    written(folder, "derived/input_output/data/p00001/output.txt", "1\n");
    written(folder, "data/p00001/Python/x", "");
    const head =
      "submission_id,problem_id,user_id,date,language,original_language,filename_ext,status,cpu_time,memory,code_size,accuracy";
    const row = "../../../../secret,p00001,u1,1,Python,Python3,py,Accepted,1,1,1,";
    written(folder, "metadata/p00001.csv", `${head}\n${row}\n`);
    const { attempts, flaws } = await imported(codeNet, folder);
    assert.deepStrictEqual([attempts.length, flaws.map(({ kind }) => kind)], [0, ["missing field"]]);
  });
});
