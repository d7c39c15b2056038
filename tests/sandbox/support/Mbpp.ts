/** MBPP tasks straight from the shared data folder, for checking the sandbox against known programs. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Task } from "../../../src/domain/Task.ts";

const folder = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));

export const missing: string | undefined = existsSync(`${folder}mbpp/mbpp.jsonl`)
  ? undefined
  : `${folder}mbpp is not there`;

export interface Problem {
  readonly task: Task;
  readonly reference: string;
}

/** The function that the asserts call: the first name before a bracket that the reference defines. */
const entryPoint = (asserts: ReadonlyArray<string>, reference: string): string => {
  const defined = new Set([...reference.matchAll(/^(?:def|class)\s+(\w+)/gm)].map((match) => match[1]));
  for (const text of asserts) {
    for (const [, name] of text.matchAll(/(\w+)\s*\(/g)) if (defined.has(name)) return name;
  }
  return "missing";
};

const problem = (id: number, reference: string, setup: string, asserts: ReadonlyArray<string>): Problem => ({
  reference,
  task: {
    id: `mbpp/${id}`,
    source: "mbpp",
    split: "test",
    language: "python",
    statement: "",
    entryPoint: entryPoint(asserts, reference),
    tests: { kind: "assert", setup, asserts },
  },
});

/** All 974. */
export const full = (): ReadonlyArray<Problem> =>
  readFileSync(`${folder}mbpp/mbpp.jsonl`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map((row) => problem(row.task_id, row.code, row.test_setup_code, row.test_list));

/** The 427 hand-checked ones. */
export const sanitized = (): ReadonlyArray<Problem> =>
  (JSON.parse(readFileSync(`${folder}mbpp/sanitized-mbpp.json`, "utf8")) as Array<Row>).map((row) =>
    problem(row.task_id, row.code, row.test_imports.join("\n"), row.test_list),
  );

interface Row {
  readonly task_id: number;
  readonly code: string;
  readonly test_imports: ReadonlyArray<string>;
  readonly test_list: ReadonlyArray<string>;
}

export interface Labelled {
  readonly taskId: string;
  readonly program: string;
  readonly passes: boolean;
}

/** A model's programs for MBPP with EvalPlus's verdict on the base tests. */
export const labelled = (model: string): ReadonlyArray<Labelled> => {
  const file = JSON.parse(readFileSync(`${folder}labelled/mbpp-${model}.json`, "utf8")) as {
    readonly eval: {
      readonly [id: string]: ReadonlyArray<{ task_id: string; solution: string; base_status: string }>;
    };
  };
  return Object.values(file.eval)
    .flat()
    .map((row) => ({
      taskId: row.task_id.toLowerCase(),
      program: row.solution,
      passes: row.base_status === "pass",
    }));
};
