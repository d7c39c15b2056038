/** The small parts that formats share. */
import fc from "fast-check";
import * as Result from "effect/Result";
import { assert, describe, it } from "vitest";
import type { StdioTests } from "../../../../src/domain/Task.ts";
import * as Completion from "../../../../src/dataset/import/formats/Completion.ts";
import * as HtmlText from "../../../../src/dataset/import/formats/HtmlText.ts";
import * as InputOutput from "../../../../src/dataset/import/formats/InputOutput.ts";
import * as SplitName from "../../../../src/dataset/import/formats/SplitName.ts";
import * as TaskLimits from "../../../../src/dataset/import/formats/TaskLimits.ts";
import * as TestSize from "../../../../src/dataset/import/formats/TestSize.ts";

describe("limits", () => {
  it("are read from text", () => {
    assert.deepStrictEqual(
      ["2.0 seconds", "1 second", "500 ms", "1.5", "None", "", "0 seconds"].map(TaskLimits.seconds),
      [2, 1, 0.5, 1.5, undefined, undefined, undefined],
    );
    assert.deepStrictEqual(
      ["256 megabytes", "256.0 MB", "1 GB", "65536 KB", "64", "12 bytes", "null"].map(TaskLimits.bytes),
      [2 ** 28, 2 ** 28, 2 ** 30, 2 ** 26, 2 ** 26, 12, undefined],
    );
  });
});

describe("the size of tests", () => {
  const tests = (sizes: ReadonlyArray<number>, visible: number): StdioTests => ({
    kind: "stdio",
    comparison: "tokens",
    visible,
    cases: sizes.map((size, index) => ({ input: String(index % 10).repeat(size), output: "" })),
  });

  it("is kept by leaving out the largest hidden ones", () => {
    const { tests: kept, cut } = TestSize.bounded(tests([5, 100, 3, 50, 4], 1), 15);
    assert.deepStrictEqual(
      kept.cases.map(({ input }) => input.length),
      [5, 3, 4],
    );
    assert.strictEqual(cut, 2);
    assert.strictEqual(TestSize.bounded(tests([5, 100], 0), undefined).cut, 0);
  });

  it("keeps visible ones, the order and at least one, and is within the bound", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 30 }),
        fc.nat(30),
        fc.nat(400),
        (sizes, shown, most) => {
          const all = tests(sizes, Math.min(shown, sizes.length));
          const { tests: kept, cut } = TestSize.bounded(all, most);
          assert.strictEqual(kept.cases.length + cut, sizes.length);
          assert.isAbove(kept.cases.length, 0);
          assert.deepStrictEqual(kept.cases.slice(0, all.visible), all.cases.slice(0, all.visible));
          const places = kept.cases.map((one) => all.cases.indexOf(one));
          assert.deepStrictEqual(
            places,
            [...places].sort((a, b) => a - b),
          );
          const size = (cases: StdioTests["cases"]) =>
            cases.reduce((sum, { input }) => sum + input.length, 0);
          const needed = Math.max(most, size(all.cases.slice(0, all.visible)), Math.min(...sizes));
          assert.isAtMost(size(kept.cases), needed);
        },
      ),
    );
  });
});

describe("the split", () => {
  it("is what the path names last", () => {
    assert.deepStrictEqual(
      [
        "train-00000-of-00039.parquet",
        "data/test/0001",
        "apps/train/",
        "valid.jsonl",
        "train/latest_dev.jsonl",
        "test/run/train/0000.parquet",
        "contests.parquet",
        "strain.jsonl",
        "/home/dev/apps.jsonl",
        "test/mine/rows.jsonl",
      ].map(SplitName.of),
      [
        "train",
        "test",
        "train",
        "validation",
        "validation",
        "train",
        undefined,
        undefined,
        undefined,
        undefined,
      ],
    );
  });
});

describe("input_output", () => {
  const found = (field: unknown) => Result.getOrThrow(InputOutput.tests(field));
  const flaw = (field: unknown) => {
    const result = InputOutput.tests(field);
    return Result.isFailure(result) ? result.failure : assert.fail("no flaw");
  };

  it("is calls where it names a function, else text", () => {
    assert.deepStrictEqual(found('{"fn_name": "f", "inputs": [[1, [2]]], "outputs": [3]}'), {
      name: "f",
      tests: { kind: "call", comparison: "apps", visible: 0, cases: [{ args: [1, [2]], expected: 3 }] },
    });
    assert.deepStrictEqual(found({ inputs: ["1\n", ["2", "3"]], outputs: ["x\n", ["y", "z"]] }), {
      name: undefined,
      tests: {
        kind: "stdio",
        comparison: "apps",
        visible: 0,
        cases: [
          { input: "1\n", output: "x\n" },
          { input: "2\n3", output: "y\nz" },
        ],
      },
    });
  });

  it("keeps numbers that only Python has", () => {
    assert.deepStrictEqual(found('{"fn_name": "f", "inputs": [[2.0, {"a": 1}]], "outputs": [1e3]}').tests, {
      kind: "call",
      comparison: "apps",
      visible: 0,
      values: "python",
      cases: [{ args: [{ f: "2.0" }, { d: [["a", 1]] }], expected: { f: "1e3" } }],
    });
  });

  it("is refused by kind", () => {
    assert.deepStrictEqual(
      [
        "",
        null,
        '{"inputs": [], "outputs": []}',
        '{"inputs": ["1"], "outputs": []}',
        '{"inputs": 3}',
        "{'inputs'",
        '{"fn_name": "f", "inputs": [3], "outputs": [3]}',
      ].map((field) => flaw(field).kind),
      ["no tests", "no tests", "no tests", "wrong type", "wrong type", "does not parse", "wrong type"],
    );
  });
});

describe("HTML", () => {
  it("becomes text", () => {
    const html = `<!-- c --><html><head><title>T</title><style>p { x }</style></head><body>
<h1>Sum  of
 two</h1><p>Given <var>a<sub>i</sub></var> &le; 10<sup>5</sup> &amp; b&#x3c;c,<br>print <b>it</b>.</p>
<ul><li>one</li><li>two</li></ul>
<pre>1  2
  3
</pre><table><tr><td>a</td><td>b</td></tr></table><script>if (a < b) {}</script></body></html>`;
    assert.strictEqual(
      HtmlText.of(html),
      "T\n\nSum of two\n\nGiven a_i ≤ 10^5 & b<c,\nprint it.\n\n- one\n\n- two\n\n1  2\n  3\n\na b",
    );
  });

  it("takes anything, keeping what is no mark-up", () => {
    assert.strictEqual(
      HtmlText.of("if a < b and c > d: &unknown; &#0; 5 <= 6"),
      "if a < b and c > d: &unknown; &#0; 5 <= 6",
    );
    fc.assert(fc.property(fc.string(), (text) => typeof HtmlText.of(text) === "string"));
  });
});

describe("a completion", () => {
  const parts = Completion.parts;
  const written =
    "<think>\nadd them\n</think>\nFirst a try:\n```python\nx\n```\nBetter:\n```python\ndef f(a, b):\n    return a + b\n```\nDone.";

  it("is its last fenced block, with what was thought", () => {
    const program = "def f(a, b):\n    return a + b";
    assert.deepStrictEqual(parts(written, "think"), { program, reasoning: "add them" });
    assert.deepStrictEqual(parts(written, "none"), { program });
    assert.deepStrictEqual(parts(written, "prose"), {
      program,
      reasoning: "add them\n\nFirst a try:\n```python\nx\n```\nBetter:",
    });
  });

  it("is all of the text where there is no block", () => {
    assert.deepStrictEqual(parts("    return a\r\n\n", "think"), { program: "    return a\n\n" });
    assert.deepStrictEqual(parts("<think></think>\n \n    x = 1\n    return x\n\n", "think"), {
      program: "    x = 1\n    return x",
    });
    assert.deepStrictEqual(parts("so: <b></think>print(1)", "think"), {
      program: "print(1)",
      reasoning: "so: <b>",
    });
  });

  it("has no program where the thought was never ended, and a cut one where a block was", () => {
    assert.deepStrictEqual(parts("<think>hm, ```python\nx = 1\n```", "think"), {
      program: "",
      reasoning: "hm, ```python\nx = 1\n```",
    });
    assert.deepStrictEqual(parts("Here:\n```python\nx = 1\nprint(", "think"), { program: "x = 1\nprint(" });
  });
});
