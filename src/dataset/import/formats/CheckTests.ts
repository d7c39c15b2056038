/** HumanEval's way of testing, `check(candidate)`, as assert-style tests: an assert each where that can be told. */
import type { AssertTests } from "../../../domain/Task.ts";

/**
 * The body of `def check(NAME)` as tests, an assert each, where it is nothing else; otherwise as one test.
 *
 * The reference stands in the setup, for the prompt's helpers and imports (HumanEval/32, 38, 50), and where a test calls
 * the entry point by its name for what to expect (HumanEval/33), which would else compare the program with itself.
 */
export const python = (test: string, entry: string, reference: string): AssertTests => {
  const [before = "", name = "", body = ""] = test.split(/^def check\((\w+)\):\n/m);
  const inside = body.replace(/^check\(.*\)\s*$/m, "");
  const setup = `${reference}\n${before}\n_reference = ${entry}\n`;
  const own = name !== entry && new RegExp(`\\b${entry}\\b`).test(inside);
  const start = `${name} = ${entry}\n${own ? `${entry} = _reference\n` : ""}`;
  const asserts = pieces(inside, /^ {4}(?=[^\s)\]}])/m, /^(?:assert\b|#)/);
  if (asserts === undefined) {
    return { kind: "assert", setup, asserts: [`${start}def check(${name}):\n${inside}\ncheck(${name})`] };
  }
  const each = asserts.filter((text) => text.startsWith("assert"));
  return { kind: "assert", setup, asserts: each.map((text, index) => (index === 0 ? start + text : text)) };
};

/** `const testX = () => { ... }` and its call: a `console.assert` each, where the body is nothing else. */
export const javascript = (test: string, head: string, entry: string): AssertTests => {
  const body = /^\s*const \w+ = \(\) => \{\n(.*)\n\}\n*\w+\(\)\s*$/s.exec(test)?.[1];
  const setup = head.slice(0, head.lastIndexOf(`const ${entry} = `));
  const asserts = body === undefined ? undefined : pieces(body, /^ {2}(?=[^\s)\]}])/m, /^console\.assert\(/);
  return { kind: "assert", setup, asserts: asserts ?? [test] };
};

/** The statements of a block; undefined where one begins otherwise than the pattern has it. */
const pieces = (block: string, between: RegExp, first: RegExp): ReadonlyArray<string> | undefined => {
  const [_, ...found] = block.split(between);
  return found.length > 0 && found.every((text) => first.test(text))
    ? found.map((text) => text.trimEnd())
    : undefined;
};
