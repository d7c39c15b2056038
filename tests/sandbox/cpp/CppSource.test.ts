import { assert, describe, it } from "@effect/vitest";
import * as FastCheck from "fast-check";
import type { Task, Tests } from "../../../src/domain/Task.ts";
import * as CppDeclaration from "../../../src/sandbox/cpp/CppDeclaration.ts";
import * as CppSource from "../../../src/sandbox/cpp/CppSource.ts";

const task = (tests: Tests, entryPoint = "f"): Task => ({
  id: "test/cpp",
  source: "test",
  split: "test",
  language: "cpp",
  statement: "",
  entryPoint,
  tests,
});

describe("CppDeclaration", () => {
  const PROMPT = `/*
A prompt, with f(1, 2) { in it
>>> f("/*", '"')
*/
#include<stdio.h>
#include <map>
using namespace std;
int helper(int x){ return x; } // int not(int this) {
map<char, int> histogram(string test = "a, (b", vector<pair<int, int>> v={{1,2}}, int& last){
    /* and a docstring */
`;

  it("reads the prompt of a function", () => {
    const found = CppDeclaration.parse(PROMPT);
    assert.isDefined(found);
    assert.deepStrictEqual(found?.includes, ["#include<stdio.h>", "#include <map>"]);
    assert.deepStrictEqual(found?.usings, ["using namespace std;"]);
    assert.strictEqual(found?.name, "histogram");
    assert.deepStrictEqual(found?.parameters, ["test", "v", "last"]);
    assert.notInclude(found?.head ?? "", "#include");
    assert.match(found?.head ?? "", /int& last\)$/);
  });

  const heads: ReadonlyArray<readonly [setup: string, nameAndParameters: ReadonlyArray<string> | undefined]> =
    [
      ["int f();", ["f"]],
      ["std::vector<int> ns_f(const std::vector<int>&values,int k){", ["ns_f", "values", "k"]],
      ["bool f(void (*each)(int), int n) {", undefined],
      ["int f(int) {", undefined],
      ["int x = 3;", undefined],
      ["int f(int x", undefined],
      ["f) {", undefined],
      ["", undefined],
    ];
  it.each(heads)("%s", (setup, expected) => {
    const found = CppDeclaration.parse(setup);
    assert.deepStrictEqual(found && [found.name, ...found.parameters], expected);
  });

  it("never throws", () => {
    const pieces = FastCheck.array(
      FastCheck.constantFrom(
        "(",
        ")",
        "{",
        "}",
        "<",
        ">",
        ",",
        "int f",
        " x",
        "/*",
        "*/",
        "//",
        '"',
        "'",
        "\n",
        ";",
        "=",
      ),
    );
    FastCheck.assert(
      FastCheck.property(pieces, (words) => {
        CppDeclaration.parse(words.join(""));
        CppDeclaration.parse(`int f(${words.join("")}) {`);
      }),
    );
  });
});

describe("CppSource", () => {
  const SECRET = "assert(f(7) == 4242);";
  const PROGRAM = "int f(int x) { return 1234567; }";
  const tests = (asserts: ReadonlyArray<string>): Tests => ({
    kind: "assert",
    setup: "int f(int x) {",
    asserts,
  });

  it("keeps tests from the candidate and the candidate from the tests", () => {
    const { candidate, checker = "" } = CppSource.sources(task(tests([SECRET])), PROGRAM);
    assert.include(candidate, PROGRAM);
    assert.notInclude(candidate, "4242");
    assert.include(checker, SECRET);
    assert.notInclude(checker, "1234567");
  });

  it("compiles stdio programs as they are", () => {
    const { candidate, checker } = CppSource.sources(
      task({ kind: "stdio", cases: [], comparison: "exact", visible: 0 }),
      "int main() {}",
    );
    assert.strictEqual(candidate, "int main() {}");
    assert.isUndefined(checker);
  });

  it("takes a test that is a program as it is, and numbers others", () => {
    const whole = "#include<assert.h>\nint main(){ assert(f(1) == 1); }";
    assert.include(CppSource.sources(task(tests([whole])), PROGRAM).checker, whole);
    const many = CppSource.sources(task(tests([SECRET, SECRET])), PROGRAM).checker ?? "";
    assert.include(many, "drydock::run({[] {");
    assert.match(many, /, false\); \}/);
  });

  it("says where a task does not declare its function", () => {
    const { checker } = CppSource.sources(task({ kind: "assert", setup: "", asserts: [SECRET] }), PROGRAM);
    assert.match(checker ?? "", /^#error the setup has to end with the declaration/);
  });
});
