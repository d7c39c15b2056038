/** The datasets' comparison rules beside the datasets' own graders (golden/judges.py), and on arbitrary input. */
import { readFileSync } from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import type * as Schema from "effect/Schema";
import { type CallTests, EvalPlusOracle } from "../../src/domain/Task.ts";
import * as AppsAnswer from "../../src/sandbox/judge/AppsAnswer.ts";
import * as CallAnswer from "../../src/sandbox/judge/CallAnswer.ts";
import * as EvalPlusAnswer from "../../src/sandbox/judge/EvalPlusAnswer.ts";
import * as PythonAnswer from "../../src/sandbox/judge/PythonAnswer.ts";
import * as PythonText from "../../src/sandbox/judge/PythonText.ts";
import * as PythonValue from "../../src/sandbox/judge/PythonValue.ts";
import * as StdioAnswer from "../../src/sandbox/judge/StdioAnswer.ts";

interface Golden {
  readonly texts: ReadonlyArray<{
    readonly printed: string;
    readonly expected: string;
    readonly tokens: boolean;
    readonly apps: boolean;
    readonly "apps-strict": boolean;
  }>;
  readonly values: ReadonlyArray<{
    readonly answer: Schema.Json;
    readonly expected: Schema.Json;
    readonly atol: number;
    readonly evalplus: boolean;
    /** null where the expected value is none of JSON. */
    readonly apps: boolean | null;
  }>;
}
interface Oracle {
  readonly oracle: EvalPlusOracle;
  readonly atol: number;
  readonly args: ReadonlyArray<Schema.Json>;
  readonly expected: Schema.Json;
  readonly answers: ReadonlyArray<Schema.Json>;
  readonly passed: ReadonlyArray<boolean>;
}
const oracles = JSON.parse(
  readFileSync(new URL("./golden/oracles.json", import.meta.url), "utf8"),
) as ReadonlyArray<Oracle>;
const golden = JSON.parse(readFileSync(new URL("./golden/judges.json", import.meta.url), "utf8")) as Golden;

/** Texts of few words, numbers and blanks of every kind, so that pairs of them often nearly match. */
const text = fc.string({
  unit: fc.constantFrom(
    "1",
    "2",
    ".",
    "0",
    "e",
    "-",
    "nan",
    "inf",
    "a",
    "B",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\f",
    "\u2028",
    "_",
  ),
  maxLength: 12,
});
/** Tagged plain data, well formed or not. */
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      1,
      2 ** 60,
      "a",
      { f: "1.0" },
      { f: "nan" },
      { f: 5 },
      { i: "0x1" },
      { i: "" },
    ),
    fc.constantFrom<unknown>(
      { x: "f" },
      { d: [1] },
      { d: 0 },
      { t: 0 },
      { c: ["1.0"] },
      { c: ["1.0", "0.0"] },
      { b: "61" },
      {},
    ),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.array(tie("any"), { maxLength: 3 }).map((t) => ({ t })),
    fc.array(tie("any"), { maxLength: 3 }).map((s) => ({ s })),
    fc.array(fc.tuple(tie("any"), tie("any")), { maxLength: 3 }).map((d) => ({ d })),
  ),
})).any;

describe("what a program printed", () => {
  it.each(["tokens", "apps", "apps-strict"] as const)("%s: as the original grades it", (name) => {
    for (const { printed, expected, [name]: accepted } of golden.texts) {
      assert.strictEqual(
        StdioAnswer.judges[name](printed, expected),
        accepted,
        JSON.stringify([printed, expected]),
      );
    }
  });

  it("exact: but for blanks at the ends", () => {
    assert.isTrue(StdioAnswer.exact("1 \n2\r\n\n\n", "1\n2"));
    assert.isFalse(StdioAnswer.exact(" 1", "1"));
    assert.isFalse(StdioAnswer.exact("1\n\n2", "1\n2"));
    assert.isFalse(StdioAnswer.exact("1 2", "1  2"));
    assert.isFalse(StdioAnswer.exact("1.0", "1"));
  });

  it("is the text itself by every rule, and each rule is total", () => {
    for (const [name, matches] of Object.entries(StdioAnswer.judges)) {
      // To APPS' chain a line ends at more than "\n", in the printed text only.
      const own = name === "apps" ? text.filter((one) => !/[\f\r\u2028]/.test(one)) : text;
      fc.assert(fc.property(own, (one) => matches(one, one)));
      fc.assert(fc.property(text, text, (a, b) => typeof matches(a, b) === "boolean"));
      // All but APPS' chain (np.allclose, blank expected lines) know no sides.
      if (name !== "apps") fc.assert(fc.property(text, text, (a, b) => matches(a, b) === matches(b, a)));
    }
  });

  it("takes no time that grows faster than the text", () => {
    const size = 100_000;
    const texts = [" ", "\n", "1", "1 ", "\f", "a\n", "0.", "_", "\t\n "].map((unit) =>
      unit.repeat(size / unit.length),
    );
    for (const matches of Object.values(StdioAnswer.judges)) {
      for (const one of texts) assert.isFalse(matches(`${one}x`, `${one}y`));
    }
  });
});

describe("values", () => {
  const said = ({ answer, expected, atol }: Golden["values"][number]) =>
    JSON.stringify({ answer, expected, atol });

  it("evalplus: as the original grades them", () => {
    for (const one of golden.values) {
      const [atol = 0] = EvalPlusAnswer.tolerances([one.expected], one.atol);
      assert.strictEqual(EvalPlusAnswer.equals(one.expected, one.answer, atol), one.evalplus, said(one));
    }
  });

  const byOracle = (
    { oracle, atol, args, expected }: Omit<Oracle, "answers" | "passed">,
    answer: unknown,
  ): boolean => {
    const tests: CallTests = {
      kind: "call",
      values: "python",
      comparison: { kind: "evalplus", atol, oracle },
      visible: 0,
      cases: [{ args, expected }],
    };
    return CallAnswer.judge({ equals: PythonAnswer.equals, show: String }, tests)(0, answer) === undefined;
  };

  it("evalplus' oracles of single tasks: as the original grades them", () => {
    for (const { answers, passed, ...one } of oracles) {
      for (const [i, answer] of answers.entries()) {
        assert.strictEqual(byOracle(one, answer), passed[i], JSON.stringify({ ...one, answer }));
      }
    }
  });

  it("evalplus' oracles are total, and lenient only where they say so", () => {
    const any = fc.array(value, { maxLength: 2 });
    fc.assert(
      fc.property(
        fc.constantFrom(...EvalPlusOracle.literals),
        any,
        value,
        value,
        (oracle, args, expected, answer) => {
          const one = {
            oracle,
            atol: 0,
            args: args as Array<Schema.Json>,
            expected: expected as Schema.Json,
          };
          assert.isBoolean(byOracle(one, answer));
        },
      ),
    );
  });

  it("apps: as the original grades them", () => {
    for (const one of golden.values) {
      if (one.apps !== null)
        assert.strictEqual(AppsAnswer.equals(one.expected, one.answer), one.apps, said(one));
    }
  });

  it("a float tolerance stays once a float was expected", () => {
    assert.deepStrictEqual(EvalPlusAnswer.tolerances([1, { f: "1.0" }, 1], 0), [0, 1e-6, 1e-6]);
    assert.deepStrictEqual(EvalPlusAnswer.tolerances([[{ f: "1.0" }, 1], []], 0), [0, 0]);
    assert.deepStrictEqual(EvalPlusAnswer.tolerances([{ f: "1.0" }], 1e-4), [1e-4]);
  });

  it("equality is one, of whatever arrives", () => {
    fc.assert(fc.property(value, value, (a, b) => PythonValue.equals(a, b) === PythonValue.equals(b, a)));
    fc.assert(
      fc.property(value, value, fc.constantFrom(0, 1e-6), (a, b, atol) => {
        assert.isBoolean(EvalPlusAnswer.equals(a, b, atol));
        assert.isBoolean(AppsAnswer.equals(a, b));
        if (!PythonValue.equals(a, b)) return;
        assert.isTrue(EvalPlusAnswer.equals(a, b, atol));
        // APPS' expected values come from JSON: never tuples.
        if (PythonValue.typeOf(a) !== "tuple") assert.isTrue(AppsAnswer.equals(a, b));
      }),
    );
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.jsonValue(),
        (a, b) => PythonValue.equals(a, b) === PythonValue.equals(b, a),
      ),
    );
  });

  it("plain JSON equals itself", () => {
    const json = fc.jsonValue() as fc.Arbitrary<Schema.Json>;
    fc.assert(
      fc.property(json, (one) => PythonValue.equals(PythonAnswer.encode(one), PythonAnswer.encode(one))),
    );
  });
});

describe("CallAnswer", () => {
  const rules: CallAnswer.Rules = { equals: PythonAnswer.equals, show: PythonAnswer.show };
  const accepts = (more: Partial<CallTests>, expected: Schema.Json, answer: unknown): boolean => {
    const tests: CallTests = { kind: "call", visible: 0, cases: [{ args: [], expected }], ...more };
    return CallAnswer.judge(rules, tests)(0, answer) === undefined;
  };

  it("judges by the language's rules, by the values' own, or by those that the task names", () => {
    assert.isTrue(accepts({}, 0.3, { f: "0.30000000000000004" }));
    assert.isFalse(accepts({}, 0.3, { f: "0.3000001" }));
    assert.isTrue(accepts({ comparison: { kind: "evalplus", atol: 0 } }, 0.3, { f: "0.3000001" }));
    assert.isTrue(accepts({ comparison: { kind: "evalplus", atol: 0 } }, [0.3], { t: [{ f: "0.3000001" }] }));
    assert.isFalse(
      accepts({ comparison: { kind: "evalplus", atol: 0 }, values: "python" }, [{ f: "0.3" }], {
        t: [{ f: "0.3" }],
      }),
    );
    assert.isFalse(accepts({ values: "python" }, { t: [1] }, [1]));
    assert.isTrue(accepts({ values: "python" }, { t: [1] }, { t: [{ f: "1.0" }] }));
    assert.isTrue(accepts({ comparison: "apps" }, [5], 5));
    assert.isFalse(accepts({}, [5], 5));
  });

  it("passes arguments on as the task means them", () => {
    const tests: CallTests = { kind: "call", visible: 0, cases: [] };
    const args = (more: Partial<CallTests>, given: ReadonlyArray<Schema.Json>) =>
      CallAnswer.encodeArguments({ ...tests, ...more }, given, PythonAnswer.encode);
    assert.deepStrictEqual(args({}, [0.5, { 1: 2 }]), [{ f: "0.5" }, { d: [["1", 2]] }]);
    assert.deepStrictEqual(args({ values: "python" }, [{ t: [1] }]), [{ t: [1] }]);
    assert.deepStrictEqual(args({ comparison: "apps" }, [{ 1: 2 }, 7]), [{ d: [[1, 2]] }]);
    assert.deepStrictEqual(args({ comparison: "apps" }, [{ a: 2 }, 7]), [{ d: [["a", 2]] }, 7]);
  });
});

describe("PythonText", () => {
  it("rounds as Python does", () => {
    const cases: ReadonlyArray<readonly [number, number]> = [
      [0.0625, 0.062],
      [0.1875, 0.188],
      [-0.0625, -0.062],
      [0.0005, 0.001],
      [2.0005, 2.001],
      [1e300, 1e300],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ];
    for (const [given, rounded] of cases)
      assert.strictEqual(PythonText.round3(given), rounded, String(given));
  });
});
