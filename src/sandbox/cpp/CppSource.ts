/**
 * What is compiled for a C++ program: itself with the part of sandbox-images/cpp/ that answers calls, and, of assert-style
 * tests, the checker. The two are programs of their own; the checker holds no line of the candidate's.
 *
 * `<bits/stdc++.h>` comes first in all that is generated, because it is the header that the image has compiled.
 * Stdio programs are compiled as they are.
 */
import type { AssertTests, Task } from "../../domain/Task.ts";
import type { Sources } from "../docker/Languages.ts";
import * as CppDeclaration from "./CppDeclaration.ts";

/** The flags that every program has stand in the image's launch.json, beside the header that is compiled with them. */
const FLAGS: ReadonlyArray<string> = [];

export const sources = (task: Task, program: string): Sources => {
  switch (task.tests.kind) {
    case "stdio":
      return { candidate: program, flags: FLAGS };
    case "call":
      return { candidate: called(task.entryPoint, program), flags: FLAGS };
    case "assert": {
      const declaration = CppDeclaration.parse(task.tests.setup);
      if (declaration === undefined) {
        return { candidate: called(task.entryPoint, program), checker: NO_DECLARATION, flags: FLAGS };
      }
      return {
        candidate: declared(declaration, program),
        checker: checker(declaration, task.tests),
        flags: FLAGS,
      };
    }
  }
};

const NO_DECLARATION =
  "#error the setup has to end with the declaration of the function that the tests call, its parameters named\n";

/** A program whose function says itself what it takes. */
const called = (entry: string, program: string): string => `#include <bits/stdc++.h>
#include <drydock/candidate.hpp>
#line 1 "solution.cpp"
${program}
#line 1 "drydock"
drydock::Entry drydock_entry{&::${entry}};
`;

/** A program whose function the task declares; it may lean on the task's includes. */
const declared = (
  { includes, usings, head, name }: CppDeclaration.Declaration,
  program: string,
): string => `#include <bits/stdc++.h>
#include <drydock/candidate.hpp>
${[...includes, ...usings].join("\n")}
namespace drydock_task {
${head};
}
#line 1 "solution.cpp"
${program}
#line 1 "drydock"
drydock::DeclaredEntry<decltype(drydock_task::${name})> drydock_entry{
  [](auto&&... values) -> decltype(auto) { return ::${name}(static_cast<decltype(values)>(values)...); }};
`;

/**
 * The tests, with a function of the declared type that asks the candidate. It has a name of its own, because a test that
 * says `strlen("")` would else call the C library's.
 */
const checker = (
  { includes, head, name, parameters }: CppDeclaration.Declaration,
  tests: AssertTests,
): string => `#include <bits/stdc++.h>
#include <drydock/checker.hpp>
${includes.join("\n")}
#define ${name} drydock_entry
${head} {
  return drydock::call<decltype(${name}(${parameters.join(", ")}))>(${parameters.join(", ")});
}
#line 1 "tests.cpp"
${testProgram(tests)}
`;

/** One test that is a whole program, or a function for each. */
const testProgram = ({ asserts, counts = false }: AssertTests): string => {
  const [only] = asserts;
  if (only !== undefined && asserts.length === 1 && /\bint\s+main\s*\(/.test(only)) return only;
  const tests = asserts.map((text) => `[] {\n${text}\n;}`);
  return `int main() { return drydock::run({${tests.join(", ")}}, ${counts}); }`;
};
