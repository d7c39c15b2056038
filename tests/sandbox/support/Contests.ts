/** APPS and CodeContests as tasks. */
import { readFileSync } from "node:fs";
import * as Path from "node:path";
import type { Task } from "../../../src/domain/Task.ts";
import type * as Schema from "effect/Schema";
import * as Requirements from "../../support/Requirements.ts";
import * as Problems from "./Problems.ts";

/** What APPS' grader puts before a program, but for numpy, which the sandbox has not. */
const APPS_PRELUDE = `import sys, time, itertools, collections, math, fractions, random, heapq
from itertools import accumulate, product, permutations, combinations
from collections import Counter, OrderedDict, deque, defaultdict, ChainMap
from functools import lru_cache
from math import sqrt, sin, cos, tan, ceil, fabs, floor, gcd, exp, log, log2
from typing import List, Tuple
from heapq import *
stdin, stdout = sys.stdin, sys.stdout
`;

export interface Graded {
  readonly task: Task;
  readonly programs: ReadonlyArray<{
    readonly program: string;
    readonly passes: boolean;
    readonly said: string;
  }>;
}

interface InputOutput {
  readonly fn_name?: string;
  readonly inputs: ReadonlyArray<Schema.Json>;
  readonly outputs: ReadonlyArray<Schema.Json>;
}

interface Solution {
  readonly code: string;
  readonly result: boolean | number;
  readonly error_type: string;
}

const NAMES = ["0001", "0111", "2287", "2404", "4184"];

/** Five problems: what CodeRL's grader said of generated programs, and solutions, which pass. */
export const apps = (): ReadonlyArray<Graded> => {
  const folder = Requirements.sharedData("apps", "train");
  if (folder === undefined) return [];
  return NAMES.map((name) => {
    const read = (file: string): unknown => JSON.parse(readFileSync(Path.join(folder, name, file), "utf8"));
    const { fn_name, inputs, outputs } = read("input_output.json") as InputOutput;
    const joined = (value: unknown): string =>
      Array.isArray(value) ? value.join("\n") : typeof value === "string" ? value : JSON.stringify(value);
    const tests: Task["tests"] =
      fn_name === undefined
        ? {
            kind: "stdio",
            comparison: "apps",
            visible: 0,
            cases: inputs.map((input, index) => ({ input: joined(input), output: joined(outputs[index]) })),
          }
        : {
            kind: "call",
            comparison: "apps",
            visible: 0,
            cases: inputs.map((args, index) => ({
              args: args as ReadonlyArray<Schema.Json>,
              expected: outputs[index] ?? null,
            })),
          };
    const program = (code: string): string =>
      fn_name === undefined
        ? APPS_PRELUDE + asFunction(code)
        : `${APPS_PRELUDE}${code}\n${code.includes("class Solution") ? `${fn_name} = Solution().${fn_name}\n` : ""}`;
    const usable = (code: string): boolean => !code.includes("numpy");
    const generated = (read("gen_solutions.json") as ReadonlyArray<Solution>).map((one) => ({
      program: program(one.code),
      passes: one.result === true,
      said: one.error_type,
    }));
    const solved = (read("solutions.json") as ReadonlyArray<string>)
      .filter(usable)
      .map((code) => ({ program: program(code), passes: true, said: "solution" }));
    return {
      task: Problems.task(`apps/${name}`, "python", fn_name ?? "main", tests),
      programs: [...generated, ...solved],
    };
  });
};

/** As APPS' grader runs whole programs, a few of which `return`: in a function, but for imports at the beginning. */
const asFunction = (code: string): string => {
  const lines = code.split("\n");
  const isImport = (line: string): boolean => /^(?:from|import) /.test(line);
  const first = lines.findIndex((line) => !isImport(line));
  const body = lines.slice(first).map((line) => `\t${line}`);
  return [...lines.slice(0, first), "def code():", ...body, "code()", ""].join("\n");
};

interface TestList {
  readonly input: ReadonlyArray<string>;
  readonly output: ReadonlyArray<string>;
}

interface ContestRow {
  readonly name: string;
  readonly public_tests: TestList;
  readonly private_tests: TestList;
  readonly generated_tests: TestList;
  readonly solutions: { readonly language: ReadonlyArray<number>; readonly solution: ReadonlyArray<string> };
  readonly time_limit: { readonly seconds: number; readonly nanos: number } | null;
  readonly memory_limit_bytes: number;
}

/** 60 problems, each with a correct solution in Python 3 (language 3). */
export const codeContests = (): ReadonlyArray<Problems.Problem> =>
  (Problems.rows("codecontests", "sample.jsonl") as ReadonlyArray<ContestRow>).map((row) => {
    const lists = [row.public_tests, row.private_tests, row.generated_tests];
    const cases = lists.flatMap(({ input, output }) =>
      input.map((text, index) => ({ input: text, output: output[index] ?? "" })),
    );
    const seconds = (row.time_limit?.seconds ?? 3) + (row.time_limit?.nanos ?? 0) / 1e9;
    const limits = {
      cpuSeconds: seconds,
      wallSeconds: 5 * seconds + 10,
      memoryBytes: 256 << 20,
      outputBytes: 1 << 20,
    };
    const tests = {
      kind: "stdio",
      comparison: "tokens",
      visible: row.public_tests.input.length,
      cases,
    } as const;
    const reference = row.solutions.solution[row.solutions.language.indexOf(3)] ?? "";
    return { reference, task: Problems.task(`codecontests/${row.name}`, "python", "main", tests, limits) };
  });
