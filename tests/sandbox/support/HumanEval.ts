/** HumanEval and HumanEvalPack (Python, JavaScript, C++) as tasks with assert-style tests. */
import type { AssertTests } from "../../../src/domain/Task.ts";
import * as Problems from "./Problems.ts";

interface Row {
  readonly task_id: string;
  readonly prompt: string;
  readonly canonical_solution: string;
  readonly test: string;
  readonly entry_point: string;
}

interface PackRow extends Row {
  readonly declaration: string;
  readonly buggy_solution: string;
}

/** The 164 problems of openai/human-eval. */
export const humanEval = (): ReadonlyArray<Problems.Problem> =>
  (Problems.rows("humaneval", "HumanEval.jsonl.gz") as ReadonlyArray<Row>).map((row) => {
    const reference = row.prompt + row.canonical_solution;
    const tests = checkTests(row.test, row.entry_point, reference);
    return { reference, task: Problems.task(row.task_id, "python", row.entry_point, tests) };
  });

/** HumanEvalPack's, each with a buggy solution. */
export const pack = (language: "python" | "javascript" | "cpp"): ReadonlyArray<Problems.Problem> => {
  const file = { python: "python", javascript: "js", cpp: "cpp" }[language];
  return (Problems.rows("humanevalpack", `${file}.jsonl`) as ReadonlyArray<PackRow>).map((row) => {
    const { head, entry } = opening[language](row);
    const [reference, buggy] = [row.canonical_solution, row.buggy_solution].map((body) => head + body);
    const tests =
      language === "python"
        ? checkTests(row.test, entry, reference ?? "")
        : language === "cpp"
          ? { kind: "assert" as const, setup: head, asserts: [row.test] }
          : consoleTests(row.test, head, entry);
    return {
      reference: reference ?? "",
      buggy: buggy ?? "",
      task: Problems.task(row.task_id, language, entry, tests),
    };
  });
};

/** A program up to its function's body, and the name that its tests call, which is not always `entry_point`. */
const opening = {
  python: (row: PackRow) => ({ head: row.declaration, entry: row.entry_point }),
  javascript: (row: PackRow) => ({
    head: row.declaration,
    entry: [...row.declaration.matchAll(/^const (\w+) = /gm)].at(-1)?.[1] ?? row.entry_point,
  }),
  cpp: (row: PackRow) => {
    // CPP/38 declares some lines of the body too.
    const last = [...row.declaration.matchAll(/^\w[^\n;={]*?\b(\w+)\s*\([^\n{;]*\)\s*\{/gm)].at(-1);
    return {
      head: row.declaration.slice(0, (last?.index ?? 0) + (last?.[0].length ?? 0)) + "\n",
      entry: last?.[1] ?? row.entry_point,
    };
  },
};

/**
 * The body of `def check(NAME)` as tests, an assert each, where it is nothing else; otherwise as one test.
 *
 * The reference stands in the setup, for the prompt's helpers and imports (HumanEval/32, 38, 50), and where a test calls
 * the entry point by its name for what to expect (HumanEval/33), which would else compare the program with itself.
 */
const checkTests = (test: string, entry: string, reference: string): AssertTests => {
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

/** The statements of a block; undefined where one begins otherwise than the pattern has it. */
const pieces = (block: string, between: RegExp, first: RegExp): ReadonlyArray<string> | undefined => {
  const [_, ...found] = block.split(between);
  return found.every((text) => first.test(text)) ? found.map((text) => text.trimEnd()) : undefined;
};

/** `const testX = () => { ... }` and its call: a `console.assert` each, where the body is nothing else. */
const consoleTests = (test: string, head: string, entry: string): AssertTests => {
  const body = /^\s*const \w+ = \(\) => \{\n(.*)\n\}\n*\w+\(\)\s*$/s.exec(test)?.[1];
  const setup = head.slice(0, head.lastIndexOf(`const ${entry} = `));
  const asserts = body === undefined ? undefined : pieces(body, /^ {2}(?=[^\s)\]}])/m, /^console\.assert\(/);
  return { kind: "assert", setup, asserts: asserts ?? [test] };
};
