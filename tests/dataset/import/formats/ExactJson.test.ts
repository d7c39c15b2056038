import fc from "fast-check";
import { assert, describe, it } from "vitest";
import * as ExactJson from "../../../../src/dataset/import/formats/ExactJson.ts";
import * as PythonValue from "../../../../src/sandbox/judge/PythonValue.ts";

describe("JSON as Python reads it", () => {
  it("stays plain where JavaScript keeps every number", () => {
    const text = '{"a": [1, -2, 0.5, "1.0", null, true], "b": 9007199254740991}';
    assert.deepStrictEqual(ExactJson.parse(text), { value: JSON.parse(text), values: "json" });
  });

  it("is tagged where a number would lose its type or its digits", () => {
    const of = (text: string) => ExactJson.parse(text).value;
    assert.deepStrictEqual(ExactJson.parse("[1.0, 2]"), { value: [{ f: "1.0" }, 2], values: "python" });
    assert.deepStrictEqual(of("[1152921504606846976]"), [{ i: "0x1000000000000000" }]);
    assert.deepStrictEqual(of("[-9007199254740993]"), [{ i: "-0x20000000000001" }]);
    assert.deepStrictEqual(of("[NaN, Infinity, -Infinity]"), [{ f: "nan" }, { f: "inf" }, { f: "-inf" }]);
    assert.deepStrictEqual(of('{"k": 1E5, "s": "1.0"}'), {
      d: [
        ["k", { f: "1e5" }],
        ["s", "1.0"],
      ],
    });
    assert.deepStrictEqual(of('[-0.0, 1e400, "\\"2.0", "\\\\", 3]'), [
      { f: "-0.0" },
      { f: "1e400" },
      '"2.0',
      "\\",
      3,
    ]);
  });

  it("refuses what is no JSON, in either case", () => {
    for (const text of ["[1,", "[1.0,", "{'a': 1}", "[1.0 2]", "", '["a]', "[1.0, x]"]) {
      assert.throws(() => ExactJson.parse(text), SyntaxError);
    }
  });

  it("takes strings of many megabytes", () => {
    const long = "1.0\n".repeat(4 << 20);
    const { value, values } = ExactJson.parse(`[1.0, ${JSON.stringify(long)}]`);
    assert.strictEqual(values, "python");
    assert.isTrue(Array.isArray(value) && value[1] === long);
  });

  it("means the same tagged as plain", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const plain = ExactJson.parse(text);
        // A float beside it makes all of it tagged.
        const tagged = ExactJson.parse(`[${text}, 1.0]`);
        assert.strictEqual(tagged.values, "python");
        const [first] = PythonValue.items(tagged.value) ?? [];
        assert.isTrue(
          PythonValue.equals(first, plain.values === "python" ? plain.value : tag(plain.value)),
          text,
        );
      }),
    );
  });
});

/** Plain JSON as tagged data, written apart from the code under test. */
const tag = (value: unknown): unknown => {
  if (typeof value === "number") return Number.isInteger(value) ? value : { f: String(value) };
  if (Array.isArray(value)) return value.map(tag);
  if (typeof value !== "object" || value === null) return value;
  return { d: Object.entries(value).map(([key, item]) => [key, tag(item)]) };
};
