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
  readonly entry_point: string;
  readonly declaration: string;
  readonly canonical_solution: string;
  readonly buggy_solution: string;
  readonly test: string;
}

/** The declaration's functions beside the entry point: the dataset's helpers, which tests may call. */
const helpers = ({ declaration, entry_point }: Row): string =>
  declaration.slice(0, declaration.search(new RegExp(`\\b(const|let|var|function)\\s+${entry_point}\\b`)));

export const problems = (limits: Limits): ReadonlyArray<Problem> =>
  path === undefined
    ? []
    : readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Row)
        .map((row) => ({
          task: {
            id: row.task_id,
            source: "humanevalpack",
            split: "test",
            language: "javascript",
            statement: "",
            entryPoint: row.entry_point,
            tests: { kind: "assert", setup: helpers(row), asserts: [row.test] },
            limits,
          },
          canonical: row.declaration + row.canonical_solution,
          buggy: row.declaration + row.buggy_solution,
        }));
