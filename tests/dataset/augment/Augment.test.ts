/** What is generated: parses, is one edit away, means the same, and is the same for a seed. */
import { assert, describe, it } from "@effect/vitest";
import * as FastCheck from "fast-check";
import * as Augment from "../../../src/dataset/augment/Augment.ts";
import * as Cuts from "../../../src/dataset/augment/Cuts.ts";
import * as Mutants from "../../../src/dataset/augment/Mutants.ts";
import * as Renames from "../../../src/dataset/augment/Renames.ts";
import * as Repairs from "../../../src/dataset/augment/Repairs.ts";
import * as Sites from "../../../src/dataset/augment/Sites.ts";
import * as Statements from "../../../src/dataset/augment/Statements.ts";
import type { Attempt } from "../../../src/domain/Attempt.ts";
import * as Random from "../../../src/random/Random.ts";
import * as Normalise from "../../../src/syntax/Normalise.ts";
import * as Syntax from "../../../src/syntax/Syntax.ts";
import * as Fixture from "../verify/Fixture.ts";
import { awkward, real, shipped, type Sample } from "./Programs.ts";

const samples = [...awkward, ...shipped(), ...real()].filter(
  ({ task, program }) => Syntax.parse(task.language, program).error === null,
);

const forAll = (check: (sample: Sample, seed: number) => void, numRuns = 150): void =>
  FastCheck.assert(FastCheck.property(FastCheck.constantFrom(...samples), FastCheck.nat(1000), check), {
    numRuns,
  });

describe("mutants", () => {
  it("parse, are distinct, and differ in exactly one place", () => {
    forAll(({ task: { language }, program }, seed) => {
      const found = Mutants.mutants(language, program, Random.make(seed), 8);
      assert.strictEqual(new Set(found.map((m) => m.program)).size, found.length);
      for (const mutant of found) {
        assert.isNull(Syntax.parse(language, mutant.program).error, mutant.program);
        assert.notStrictEqual(mutant.program, program);
        assert.strictEqual(mutant.program.slice(0, mutant.from), program.slice(0, mutant.from));
        assert.strictEqual(mutant.program.slice(mutant.from + mutant.text.length), program.slice(mutant.to));
        assert.include(Sites.kinds, mutant.kind);
      }
    });
  });

  it("are the same for a seed", () => {
    forAll(({ task: { language }, program }, seed) => {
      const draw = () => Mutants.mutants(language, program, Random.make(seed), 5);
      assert.deepStrictEqual(draw(), draw());
    }, 40);
  });

  it("are of every kind where a program has it", () => {
    for (const { task, program } of awkward) {
      const { tree } = Syntax.parse(task.language, program);
      const kinds = new Set(Sites.all(task.language, tree, program).map(({ kind }) => kind));
      assert.deepStrictEqual([...kinds].sort(), [...Sites.kinds].sort(), task.language);
    }
  });

  it.each([
    ["javascript", "const f = (x) => x < 3;", "boundary", "const f = (x) => x <= 3;"],
    ["javascript", "const f = (xs) => xs.reverse();", "call", "const f = (xs) => xs;"],
    ["javascript", "const f = (xs) => xs[0];", "off-by-one", "const f = (xs) => xs[1];"],
    [
      "javascript",
      "function f(x) { if (x) return 1; }",
      "condition",
      "function f(x) { if (!(x)) return 1; }",
    ],
    ["python", "def f(x):\n    return x and 1\n", "operator", "def f(x):\n    return x or 1\n"],
    [
      "python",
      "def f(n):\n    return list(range(n))\n",
      "off-by-one",
      "def f(n):\n    return list(range(n - 1))\n",
    ],
    ["python", "def f(x):\n    return 'a' in x\n", "constant", "def f(x):\n    return '' in x\n"],
    ["cpp", "int f(int x) { return min(x, 3); }", "call", "int f(int x) { return max(x, 3); }"],
    ["cpp", "int f(int *x) { return *x; }", "operator", null],
  ] as const)("of %s %j: a %s gives %j", (language, program, kind, expected) => {
    const { tree } = Syntax.parse(language, program);
    const found = Sites.all(language, tree, program)
      .filter((site) => site.kind === kind)
      .map((site) => Sites.apply(program, site));
    if (expected === null) assert.deepStrictEqual(found, []);
    else assert.include(found, expected);
  });

  it("of a program that does not parse are none", () => {
    assert.deepStrictEqual(Mutants.mutants("python", "def f(:", Random.make(1), 5), []);
  });
});

describe("renamed and reformatted programs", () => {
  it("have the normal form of the first one", () => {
    let made = 0;
    forAll(({ task, program }, seed) => {
      const keep = Renames.kept(task);
      const form = (text: string) => Normalise.program(task.language, text, { keep });
      const random = Random.make(seed);
      const versions = [
        ...Renames.renamings(task, program, random, 3, seed % 2 === 0 ? [] : ["xs", "x", "n", "other"]),
        ...Renames.reformattings(task, program, random, 2),
      ];
      for (const version of versions) {
        made += 1;
        assert.notStrictEqual(version, program);
        assert.strictEqual(form(version), form(program), version);
      }
    });
    assert.isAbove(made, 200);
  });

  it("are the same for a seed, and distinct", () => {
    forAll(({ task, program }, seed) => {
      const draw = () => Renames.renamings(task, program, Random.make(seed), 4);
      assert.deepStrictEqual(draw(), draw());
      assert.strictEqual(new Set(draw()).size, draw().length);
    }, 30);
  });

  it("keep the entry point and every name of the tests", () => {
    const [, python] = awkward;
    if (python === undefined) throw new Error("no sample");
    const tests = { kind: "assert", setup: "", asserts: ["assert helper(1) == 2"] } as const;
    for (let seed = 0; seed < 20; seed++) {
      for (const program of Renames.renamings(
        { ...python.task, tests },
        python.program,
        Random.make(seed),
        2,
      )) {
        assert.include(program, "def f(");
        assert.include(program, "def helper(");
      }
    }
  });
});

describe("names of a dataset", () => {
  it("are the most frequent first, and what renamed programs are written in", () => {
    const programs = ["const f = (xs) => xs.map((x) => x);", "const f = (ws) => ws.map((x) => x);"];
    const pool = Renames.poolOf(
      "javascript",
      programs.map((program) => ({ program, keep: ["f"] })),
    );
    assert.deepStrictEqual(pool, ["x", "ws", "xs"]);
    const [first] = awkward;
    if (first === undefined) throw new Error("no sample");
    const task = { ...first.task, entryPoint: "f" };
    const found = Renames.renamings(task, "const f = (a) => a + 1;", Random.make(1), 9, pool);
    assert.includeMembers(
      [...found],
      ["const f = (xs) => xs + 1;", "const f = (ws) => ws + 1;", "const f = (x) => x + 1;"],
    );
  });
});

describe("cuts", () => {
  it("parse, and are a beginning or an end", () => {
    forAll(({ task: { language }, program }, seed) => {
      for (const cut of Cuts.cuts(language, program, Random.make(seed), 6)) {
        assert.isNull(Syntax.parse(language, cut.program).error);
        assert.isBelow(cut.program.length, program.length);
      }
    }, 80);
  });

  it("of a chain leave its first or its last links", () => {
    const program = "const f = (xs) => xs.filter((x) => x > 1).map((x) => x + 1).reverse();";
    const found = Cuts.cuts("javascript", program, Random.make(1), 10).map(
      (cut) => `${cut.kind} ${cut.program}`,
    );
    assert.deepStrictEqual(found.sort(), [
      "prefix const f = (xs) => xs.filter((x) => x > 1).map((x) => x + 1);",
      "prefix const f = (xs) => xs.filter((x) => x > 1);",
      "suffix const f = (xs) => xs.map((x) => x + 1).reverse();",
      "suffix const f = (xs) => xs.reverse();",
    ]);
  });

  it("of a body leave its first or its last statements", () => {
    const program = "def f(x):\n    x += 1\n    x *= 2\n    return x\n";
    const found = Cuts.cuts("python", program, Random.make(1), 10).map((cut) => `${cut.kind} ${cut.program}`);
    assert.deepStrictEqual(found.sort(), [
      "prefix def f(x):\n    x += 1\n",
      "prefix def f(x):\n    x += 1\n    x *= 2\n",
      "suffix def f(x):\n    return x\n",
      "suffix def f(x):\n    x *= 2\n    return x\n",
    ]);
  });
});

describe("repairs", () => {
  const attempt = (program: string, outcome: Attempt["outcome"]): Attempt => ({
    taskId: "a",
    program,
    origin: "student",
    ...(outcome === undefined ? {} : { outcome, labelSource: "sandbox" }),
  });

  it("pair a failing program with the nearest passing one", () => {
    const attempts = [
      attempt("const f = (x) => x + 1;", "Passed"),
      attempt("function f(x) { const y = x; return y + 1; }", "Passed"),
      attempt("const f = (x) => x + 2;", "WrongAnswer"),
      attempt("const f = (x) => x + 3;", undefined),
    ];
    const found = Repairs.repairs("javascript", attempts, Random.make(1), 5);
    assert.lengthOf(found, 1);
    assert.deepInclude(found[0], {
      program: "const f = (x) => x + 1;",
      outcome: "Passed",
      origin: "augment:repair",
      reasoning: "A first try, which gives a wrong answer:\nconst f = (x) => x + 2;",
    });
  });

  it("of a task without a passing program are none", () => {
    assert.deepStrictEqual(Repairs.repairs("python", [attempt("x", "WrongAnswer")], Random.make(1), 5), []);
  });
});

describe("statement variants", () => {
  it("are other words for the same tests, and name the task that they are of", () => {
    for (const { task } of awkward) {
      const base = { ...task, statement: "Write a python function to add one to each number." };
      const found = Statements.variants(base, [], Random.make(1), 10);
      assert.isAtLeast(found.length, 3);
      assert.strictEqual(new Set(found.map((v) => v.task.statement)).size, found.length);
      for (const { task: variant } of found) {
        assert.strictEqual(variant.meta?.["variantOf"], base.id);
        assert.deepStrictEqual(variant.tests, base.tests);
        assert.match(variant.statement, /add one to each number/);
      }
      const again = Statements.variants(found[0]?.task ?? base, [], Random.make(1), 1);
      assert.strictEqual(again[0]?.task.meta?.["variantOf"], base.id);
    }
  });
});

describe("what is made of a dataset", () => {
  const data = Fixture.source(
    awkward.map(({ task }) => task),
    awkward.flatMap(({ task, program }) => [
      { taskId: task.id, program, origin: "model", outcome: "Passed" as const },
      { taskId: task.id, program: `${program} `, origin: "model", outcome: "WrongAnswer" as const },
    ]),
  );
  const options: Augment.Options = { kinds: Augment.kinds, perTask: 4, seed: 1, names: "fresh" };

  it("has a number of records a task and kind, none of them there already, the same for a seed", () => {
    const made = Augment.generate(data, options);
    assert.deepStrictEqual(made, Augment.generate(data, options));
    assert.notDeepEqual(made.programs, Augment.generate(data, { ...options, seed: 2 }).programs);
    const mutants = made.programs.filter(({ origin }) => origin.startsWith("augment:mutant/"));
    assert.lengthOf(mutants, 3 * 4);
    assert.isTrue(
      made.programs.every(({ outcome, labelSource }) => outcome === undefined && labelSource === undefined),
    );
    const programs = [...data.attempts].map(({ program }) => program);
    assert.isTrue(made.programs.every(({ program }) => !programs.includes(program)));
    assert.lengthOf(made.repairs, 3);
    assert.isAtLeast(made.variants.length, 9);
  });

  it("is made of training tasks alone", () => {
    const held = Fixture.source(
      [...data.tasks].map((task) => ({ ...task, split: "test" })),
      [...data.attempts],
    );
    assert.deepStrictEqual(Augment.generate(held, options), {
      programs: [],
      repairs: [],
      variants: [],
      without: 0,
    });
  });

  it("is kept by what the sandbox says of it", () => {
    const of = (origin: string): Attempt => ({ taskId: "a", program: "x", origin });
    const keep = { equivalents: "keep" } as const;
    const [pass, wrong, fault] = [Fixture.answer("pass"), Fixture.answer("wrong"), Fixture.answer("fault")];
    const kept = (attempt: Attempt, answer: ReturnType<typeof Fixture.answer>) => {
      const settled = Augment.settle(attempt, answer, keep);
      return "kept" in settled ? [settled.kept.origin, settled.kept.outcome] : settled.dropped;
    };
    assert.deepStrictEqual(kept(of("augment:mutant/call"), wrong), ["augment:mutant/call", "WrongAnswer"]);
    assert.deepStrictEqual(kept(of("augment:mutant/call"), pass), [
      "augment:mutant-equivalent/call",
      "Passed",
    ]);
    assert.deepStrictEqual(kept(of("augment:renamed"), pass), ["augment:renamed", "Passed"]);
    assert.strictEqual(kept(of("augment:reformatted"), wrong), "changed-meaning");
    assert.deepStrictEqual(kept(of("augment:cut/prefix"), wrong), ["augment:cut/prefix", "WrongAnswer"]);
    assert.strictEqual(kept(of("augment:cut/prefix"), fault), "fault");
    assert.deepStrictEqual(Augment.settle(of("augment:mutant/call"), pass, { equivalents: "drop" }), {
      dropped: "equivalent",
    });
    assert.deepStrictEqual(Augment.settle(of("augment:mutant/call"), undefined, keep), {
      dropped: "unverified",
    });
  });
});
