/**
 * HumanEvalPack (Muennighoff et al. 2023): HumanEval in several languages, of which Python, JavaScript and C++ are run
 * here. The canonical solution is a task's reference; the buggy one is a failing attempt at it.
 */
import * as Schema from "effect/Schema";
import type { AssertTests, Language } from "../../../domain/Task.ts";
import type { Outcome } from "../../../domain/Verdict.ts";
import * as Format from "../Format.ts";
import * as CheckTests from "./CheckTests.ts";

export const Row = Schema.Struct({
  task_id: Schema.NonEmptyString,
  prompt: Schema.String,
  declaration: Schema.String,
  canonical_solution: Schema.String,
  buggy_solution: Schema.String,
  bug_type: Schema.optionalKey(Schema.String),
  failure_symptoms: Schema.optionalKey(Schema.String),
  test: Schema.String,
  entry_point: Schema.NonEmptyString,
});
export type Row = typeof Row.Type;

const LANGUAGES: Readonly<Record<string, Language>> = {
  Python: "python",
  JavaScript: "javascript",
  CPP: "cpp",
};
const ELSEWHERE = ["Java", "Go", "Rust"];

/** A program up to its function's body, and the name that its tests call, which is not always `entry_point`. */
const opening: Record<Language, (row: Row) => { readonly head: string; readonly entry: string }> = {
  python: (row) => ({ head: row.declaration, entry: row.entry_point }),
  javascript: (row) => ({
    head: row.declaration,
    entry: [...row.declaration.matchAll(/^const (\w+) = /gm)].at(-1)?.[1] ?? row.entry_point,
  }),
  cpp: (row) => {
    // CPP/38 declares some lines of the body too.
    const last = [...row.declaration.matchAll(/^\w[^\n;={]*?\b(\w+)\s*\([^\n{;]*\)\s*\{/gm)].at(-1);
    return {
      head: `${row.declaration.slice(0, (last?.index ?? 0) + (last?.[0].length ?? 0))}\n`,
      entry: last?.[1] ?? row.entry_point,
    };
  },
};

const testsOf = (language: Language, row: Row, head: string, entry: string): AssertTests => {
  const test = Format.unixLines(row.test);
  if (language === "python") return CheckTests.python(test, entry, head + row.canonical_solution);
  if (language === "javascript") return CheckTests.javascript(test, head, entry);
  return { kind: "assert", setup: head, asserts: [test] };
};

const outcomeOf = (symptoms: string | undefined): Outcome =>
  symptoms === "infinite loop" ? "TimedOut" : symptoms === "stackoverflow" ? "RuntimeError" : "WrongAnswer";

export const humanEvalPack = Format.make({
  name: "humanevalpack",
  title: "HumanEvalPack (Python, JavaScript, C++)",
  licence: "MIT",
  url: "https://huggingface.co/datasets/bigcode/humanevalpack",
  gives: "tasks and attempts",
  row: Row,
  looksLike: (record) =>
    "buggy_solution" in record && "canonical_solution" in record && "declaration" in record,
  convert: (row) => {
    const [name = ""] = row.task_id.split("/");
    const language = LANGUAGES[name];
    if (language === undefined) {
      return ELSEWHERE.includes(name)
        ? { leftOut: [`a task in ${name}`] }
        : { flaws: [{ kind: "unknown language", reason: `${row.task_id} names no language` }] };
    }
    if (row.canonical_solution.trim() === "") {
      return { flaws: [{ kind: "empty program", reason: `${row.task_id} has an empty canonical_solution` }] };
    }
    const { head, entry } = opening[language](row);
    const meta = row.bug_type === undefined ? {} : { meta: { bugType: row.bug_type } };
    return {
      tasks: [
        {
          id: row.task_id,
          source: "humanevalpack",
          split: "test",
          language,
          statement: Format.unixLines(row.prompt),
          entryPoint: entry,
          reference: Format.unixLines(head + row.canonical_solution),
          tests: testsOf(language, row, head, entry),
        },
      ],
      attempts: [
        {
          taskId: row.task_id,
          program: Format.unixLines(head + row.buggy_solution),
          origin: "buggy",
          outcome: outcomeOf(row.failure_symptoms),
          labelSource: "dataset",
          ...meta,
        },
      ],
    };
  },
});
