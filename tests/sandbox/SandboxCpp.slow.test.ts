/** C++ programs through the Docker sandbox: each kind of tests and each outcome. */
import { assert, describe, layer } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import type { Limits, Task, Tests } from "../../src/domain/Task.ts";
import type { Outcome } from "../../src/domain/Verdict.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as WithDocker from "./support/WithDocker.ts";

const limits: Limits = {
  cpuSeconds: 1,
  wallSeconds: 20,
  memoryBytes: 128 * 1024 * 1024,
  outputBytes: 16 * 1024,
};
const task = (tests: Tests, entryPoint = "f"): Task => ({
  id: `test/cpp-${tests.kind}`,
  source: "test",
  split: "test",
  language: "cpp",
  statement: "",
  entryPoint,
  limits,
  tests,
});
type Json = Extract<Tests, { kind: "call" }>["cases"][number]["expected"];
const call = (...cases: ReadonlyArray<readonly [args: ReadonlyArray<Json>, expected: Json]>): Task =>
  task({ kind: "call", visible: 0, cases: cases.map(([args, expected]) => ({ args, expected })) });
const asserts = (setup: string, ...lines: ReadonlyArray<string>): Task =>
  task({ kind: "assert", setup, asserts: lines });
const counted = (setup: string, ...lines: ReadonlyArray<string>): Task =>
  task({ kind: "assert", setup, asserts: lines, counts: true });
const stdio = (...cases: ReadonlyArray<readonly [input: string, output: string]>): Task =>
  task({
    kind: "stdio",
    comparison: "exact",
    visible: 0,
    cases: cases.map(([input, output]) => ({ input, output })),
  });

const add = call([[2, 3], 5], [[-1, 1], 0]);
const INT = "int f(int a, int b) {";
const addAsserts = asserts(INT, "assert(f(2, 3) == 5);", "assert(f(-1, 1) == 0);");
const addMain = asserts(
  `#include<stdio.h>\nusing namespace std;\n/* adds; f(1, 2) */\n${INT}`,
  "#undef NDEBUG\n#include<assert.h>\nint main(){\n assert(f(2, 3) == 5);\n assert(f(-1, 1) == 0);\n}\n",
);
const sum = stdio(["2 3\n", "5\n"], ["-1 1\n", "0\n"]);

type Row = readonly [
  name: string,
  task: Task,
  program: string,
  outcome: Outcome,
  passed?: number,
  detail?: RegExp,
];

const rows: ReadonlyArray<Row> = [
  ["answers calls", add, "int f(int a, int b) { return a + b; }", "Passed", 2],
  ["answers asserts", addAsserts, "int f(int a, int b) { return a + b; }", "Passed", 2],
  ["answers a whole program of tests", addMain, "int f(int a, int b) { return a + b; }", "Passed", 1],
  [
    "prints",
    sum,
    "#include <iostream>\nint main() { long a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
    "Passed",
    2,
  ],
  ["is wrong in a later call", add, "int f(int a, int b) { return a < 0 ? 7 : a + b; }", "WrongAnswer", 1],
  [
    "is wrong in a later assert",
    addAsserts,
    "int f(int a, int b) { return a < 0 ? 7 : a + b; }",
    "WrongAnswer",
    1,
    /f\(-1, 1\) == 0/,
  ],
  [
    "is wrong in a test's main",
    addMain,
    "int f(int a, int b) { return 7; }",
    "WrongAnswer",
    0,
    /f\(2, 3\) == 5/,
  ],
  [
    "has a main of its own",
    addMain,
    "int f(int a, int b) { return a + b; }\nint main() { return f(1, 1) == 2 ? 0 : 1; }",
    "Passed",
  ],
  [
    "leans on the task's includes",
    asserts("#include <vector>\nusing namespace std;\nint f(vector<int> v) {", "assert(f({1, 2}) == 3);"),
    "int f(vector<int> v) { return accumulate(v.begin(), v.end(), 0); }",
    "Passed",
  ],
  [
    "redefines int",
    add,
    "#include <bits/stdc++.h>\n#define int long long\nint f(int a, int b) { return a + b; }\nsigned main() { }",
    "Passed",
  ],
  [
    "takes and gives containers",
    call([
      [[[1, 2], [3]], { a: 1 }, "xé\u0001", true, 1.5, null],
      [[[3], [1, 2]], "xé\u0001!", { a: 2 }, [1.5, false], null],
    ]),
    '#include <bits/stdc++.h>\nusing namespace std;\ntuple<vector<vector<int>>, string, map<string, long long>, pair<double, bool>, optional<int>>\nf(vector<vector<int>> v, const map<string, long long>& m, string_view s, bool b, double d, optional<int> o) {\n  reverse(v.begin(), v.end());\n  auto n = m; n["a"]++;\n  return {v, string(s) + "!", n, {d, !b}, o};\n}',
    "Passed",
  ],
  [
    "takes big and odd numbers",
    call([
      [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0.1, 4294967295],
      "-9007199254740991 9007199254740991 0.1 4294967295",
    ]),
    "#include <bits/stdc++.h>\nstd::string f(long long a, unsigned long long b, float c, unsigned d) {\n  std::ostringstream o; o << a << ' ' << b << ' ' << c << ' ' << d; return o.str();\n}",
    "Passed",
  ],
  [
    "has an overload of a C function's name",
    task(
      {
        kind: "assert",
        setup: "#include <string>\nusing namespace std;\nint strlen(string str){",
        asserts: ['assert(strlen("abc") == 3);'],
      },
      "strlen",
    ),
    "#include <string>\nusing namespace std;\nint strlen(string str) { return str.length() - 1; }",
    "WrongAnswer",
  ],
  [
    "does not compile",
    add,
    "int f(int a, int b) { return c; }",
    "CompileError",
    0,
    /solution\.cpp:1:30: error: .c. was not declared/,
  ],
  ["defines no such function", addAsserts, "int g(int a, int b) { return a + b; }", "CompileError"],
  [
    "throws",
    addAsserts,
    'int f(int a, int b) { throw std::out_of_range("no"); }',
    "RuntimeError",
    0,
    /^std::out_of_range: no/,
  ],
  [
    "throws in an initialiser",
    addAsserts,
    'int x = std::stoi("a");\nint f(int a, int b) { return a + b; }',
    "RuntimeError",
    0,
    /std::invalid_argument: stoi/,
  ],
  ["throws while printing", sum, "int main() { throw 3; }", "RuntimeError"],
  [
    "crashes",
    addAsserts,
    "int f(int a, int b) { *(volatile int*)nullptr = 1; return 5; }",
    "RuntimeError",
    0,
    /signal 11/,
  ],
  [
    "divides by zero",
    add,
    "int f(int a, int b) { volatile int zero = 0; return a / zero; }",
    "RuntimeError",
    0,
    /signal 8/,
  ],
  ["leaves", addAsserts, "int f(int a, int b) { exit(0); }", "RuntimeError"],
  ["fails after some output", sum, '#include <cstdio>\nint main() { puts("5"); return 3; }', "RuntimeError"],
  ["loops", add, 'int f(int a, int b) { for (;;) asm volatile(""); }', "TimedOut"],
  [
    "takes memory",
    addAsserts,
    "int f(int a, int b) { std::vector<std::string> v; for (;;) v.emplace_back(1 << 20, 'x'); }",
    "OutOfMemory",
  ],
  [
    "takes memory and prints",
    sum,
    "#include <vector>\nint main() { std::vector<long> v; for (;;) v.push_back(1); }",
    "OutOfMemory",
  ],
  ["floods", sum, '#include <cstdio>\nint main() { for (;;) puts("flood"); }', "OutputLimit"],
  [
    "answers another type",
    addAsserts,
    'std::string f(int a, int b) { return "5"; }',
    "WrongAnswer",
    0,
    /answered what is no int/,
  ],
  ["answers a wider type", addAsserts, "long long f(long long a, long long b) { return a + b; }", "Passed"],
  [
    "answers too few items",
    asserts("std::vector<int> f(int n) {", "assert(f(3)[2] == 3);"),
    "std::vector<int> f(int n) { return {}; }",
    "WrongAnswer",
  ],
  [
    "is counted",
    counted(INT, "assert(f(1, 1) == 2);", "assert(f(2, 3) == 5);", "assert(f(0, 1) == 1);"),
    "int f(int a, int b) { if (a == 0) throw 1; return a == 1 ? 0 : a + b; }",
    "WrongAnswer",
    1,
    /f\(1, 1\) == 2/,
  ],
];

/** What the reader of frames makes of texts: whether they are JSON, and that no type's reader does worse than to refuse. */
const READER = `
template <class... T> void read_as(const std::string& text) {
  ([&] { try { drydock::Reader in(text); std::string out; drydock::write<T>(out, drydock::read<T>(in)); }
    catch (const drydock::Malformed&) {} catch (const drydock::Mismatch&) {} }(), ...);
}
std::vector<bool> f(std::vector<std::string> texts) {
  std::vector<bool> out;
  for (const auto& text : texts) {
    try { drydock::Reader in(text); in.skip(); in.end(); out.push_back(true); } catch (const drydock::Malformed&) { out.push_back(false); }
    read_as<bool, char, int, unsigned long, double, float, std::string, std::vector<int>, std::any, std::optional<int>,
      std::tuple<int, std::string>, std::map<std::string, std::vector<double>>, std::set<char>, std::array<int, 2>>(text);
  }
  return out;
}`;

const CHARACTERS = [
  "[",
  "]",
  "{",
  "}",
  ",",
  ":",
  '"',
  "\\",
  "u",
  "0",
  "e",
  "-",
  ".",
  "5",
  "t",
  "n",
  " ",
  "\n",
];

/** JSON texts, tagged values among them, as they are and with characters taken out, put in or changed. */
const texts = fc
  .tuple(
    fc.oneof(
      fc.jsonValue(),
      fc
        .tuple(fc.constantFrom("i", "f", "t", "d", "s", "b", "a"), fc.jsonValue())
        .map(([tag, body]) => ({ [tag]: body })),
      fc.constantFrom(
        { i: "0x10" },
        { i: "-0xffffffffffffffffff" },
        { f: "nan" },
        { f: "1e999" },
        { b: "ff0" },
        { a: ["char", "x"] },
      ),
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...CHARACTERS)), { maxLength: 3 }),
  )
  .map(([value, changes]) => {
    const characters = Array.from(JSON.stringify(value));
    for (const [at, gone, put] of changes) characters.splice(at % (characters.length + 1), gone, put);
    return characters.join("");
  })
  // Half of a surrogate pair is JSON, but no text.
  .filter((text) => !/\\u[dD][89a-fA-F]/.test(text));

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(WithDocker.skip)("C++ in Docker", () => {
  layer(SandboxDocker.layer(Languages.cpp), { timeout: 900_000, excludeTestServices: true })("", (it) => {
    it.effect.each(rows)(
      "%s",
      ([, of, program, outcome, passed, detail]) =>
        Effect.gen(function* () {
          const sandbox = yield* Sandbox;
          const verdict = yield* sandbox.verify(of, program);
          assert.strictEqual(verdict.outcome, outcome, JSON.stringify(verdict));
          if (passed !== undefined) assert.strictEqual(verdict.testsPassed, passed, JSON.stringify(verdict));
          if (detail !== undefined) assert.match(verdict.detail ?? "", detail);
          if (of.tests.counts !== true) return;
          const { failing = [], firstFailing, testsPassed, testsTotal } = verdict;
          assert.strictEqual(failing.length, testsTotal - testsPassed);
          assert.strictEqual(failing[0], firstFailing);
        }),
      120_000,
    );

    it.effect(
      "reads just what is JSON",
      () =>
        Effect.gen(function* () {
          const seed = Number(process.env["DRYDOCK_SEED"] ?? 20_261_124);
          const sandbox = yield* Sandbox;
          const sample = fc.sample(texts, { numRuns: 2000, seed });
          const judged = yield* sandbox.verify(call([[sample], sample.map(isJson)]), READER);
          assert.strictEqual(judged.outcome, "Passed", `seed ${seed}: ${JSON.stringify(judged)}`);
        }),
      120_000,
    );
  });
});
