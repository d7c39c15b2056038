import * as Schema from "effect/Schema";
import { assert, describe, it } from "vitest";
import * as Format from "../../../src/dataset/import/Format.ts";
import * as Problem from "../../../src/dataset/import/Problem.ts";

const format = Format.make({
  name: "test",
  title: "Test",
  licence: "none",
  url: "https://example.org",
  gives: "tasks",
  row: Schema.Struct({
    id: Schema.Int,
    tests: Schema.Array(Schema.Struct({ input: Schema.String })),
    level: Schema.optionalKey(Schema.Literals(["easy", "hard"])),
  }),
  looksLike: () => true,
  convert: ({ id }) => ({ leftOut: [String(id)] }),
});
const context = {
  options: Format.OPTIONS,
  file: "a.jsonl",
  origin: "a",
  task: () => undefined,
  taskWith: () => undefined,
};
const flaw = (value: unknown) => format.read(value, context).flaws?.[0];

describe("a format", () => {
  it("converts what fits its schema", () => {
    assert.deepStrictEqual(format.read({ id: 3, tests: [] }, context), { leftOut: ["3"] });
  });

  it("says which field is missing or wrong, in one line", () => {
    assert.deepStrictEqual(flaw({ tests: [] }), {
      kind: "missing field",
      reason: 'the field "id" is missing',
    });
    assert.deepStrictEqual(flaw({ id: 1, tests: [{ input: "x" }, {}] }), {
      kind: "missing field",
      reason: 'the field "tests.1.input" is missing',
    });
    assert.deepStrictEqual(flaw({ id: "one", tests: [] }), {
      kind: "wrong type",
      reason: 'the field "id": Expected number, found "one"',
    });
    assert.deepStrictEqual(flaw({ id: 1, tests: [{ input: 7 }] }), {
      kind: "wrong type",
      reason: 'the field "tests.0.input": Expected string, found 7',
    });
    assert.deepStrictEqual(flaw([1]), {
      kind: "wrong type",
      reason: "the record: Expected object, found [1]",
    });
    assert.strictEqual(flaw({ id: 1.5, tests: [] })?.kind, "wrong type");
    assert.strictEqual(flaw({ id: 1, tests: [], level: "x".repeat(500) })?.reason.includes("\n"), false);
  });
});

describe("problems", () => {
  it("are counted by kind with the first three places", () => {
    const problem = (line: number): Problem.Problem => ({
      kind: "no tests",
      reason: `number ${line}`,
      place: { file: "a.jsonl", line },
    });
    const tally = [4, 7, 9, 12].map(problem).reduce(Problem.count, {});
    assert.deepStrictEqual(tally, {
      "no tests": {
        count: 4,
        first: [4, 7, 9].map((line) => ({ place: `a.jsonl:${line}`, reason: `number ${line}` })),
      },
    });
  });

  it("have places that a person finds", () => {
    assert.strictEqual(
      Problem.placeText({ file: "apps/", entry: "train/0001/question.txt" }),
      "apps/train/0001/question.txt",
    );
    assert.strictEqual(Problem.placeText({ file: "a.parquet", row: 3 }), "a.parquet row 3");
  });
});
