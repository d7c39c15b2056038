/** HumanEvalPack's JavaScript problems from the shared data folder, with their right and their buggy solutions. */
import { readFileSync } from "node:fs";
import type { Limits, Task } from "../../../src/domain/Task.ts";
import * as Requirements from "../../support/Requirements.ts";

const path = Requirements.sharedData("humanevalpack", "js.jsonl");

export const missing = path === undefined;

export interface Problem {
  readonly task: Task;
  readonly canonical: string;
  readonly buggy: string;
}

interface Row {
  readonly task_id: string;
  readonly declaration: string;
  readonly canonical_solution: string;
  readonly buggy_solution: string;
  readonly test: string;
}

/** The function to be written is the last that is declared (`entry_point` of problem 114 is misspelt). */
const declared = ({ declaration }: Row): { readonly name: string; readonly at: number } => {
  const last = [...declaration.matchAll(/\b(?:const|let|var|function)\s+(\w+)/g)].at(-1);
  return { name: last?.[1] ?? "", at: last?.index ?? 0 };
};

export const problems = (limits: Limits): ReadonlyArray<Problem> =>
  path === undefined
    ? []
    : readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Row)
        .map((row) => ({
          // The functions before it are the dataset's helpers, which tests may call.
          task: {
            id: row.task_id,
            source: "humanevalpack",
            split: "test",
            language: "javascript",
            statement: "",
            entryPoint: declared(row).name,
            tests: { kind: "assert", setup: row.declaration.slice(0, declared(row).at), asserts: [row.test] },
            limits,
          },
          canonical: row.declaration + row.canonical_solution,
          buggy: row.declaration + row.buggy_solution,
        }));
