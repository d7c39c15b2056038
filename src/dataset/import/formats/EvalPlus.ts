/**
 * EvalPlus (Liu et al. 2023): HumanEval+ and MBPP+, as released (`HumanEvalPlus.jsonl.gz`, `MbppPlus.jsonl.gz`).
 *
 * A row has inputs; what to expect of them is what its canonical solution answers, which a sandbox finds out. Answers
 * are compared as EvalPlus does, those of some tasks by an oracle of their own.
 */
import * as Schema from "effect/Schema";
import type { EvalPlusOracle, Split } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import * as PythonJson from "../source/PythonJson.ts";
import * as MbppArguments from "./MbppArguments.ts";
import * as Mbpp from "./Mbpp.ts";

const Row = Schema.Struct({
  task_id: Schema.NonEmptyString,
  prompt: Schema.String,
  entry_point: Schema.NonEmptyString,
  canonical_solution: Schema.String,
  base_input: Schema.Array(Schema.Json),
  /** `{}` in one of MBPP+. */
  plus_input: Schema.Json,
  atol: Schema.Json,
});
type Row = typeof Row.Type;

/** Seconds and bytes for all calls together: MBPP+ has about 100 a problem, HumanEval+ about 750. */
const LIMITS = { cpuSeconds: 20, wallSeconds: 60, memoryBytes: 384 << 20, outputBytes: 1 << 20 };

interface Parts {
  readonly id: string;
  readonly source: string;
  readonly split: Split;
  readonly reference: string;
  readonly statement: string;
  readonly oracle: EvalPlusOracle | undefined;
  /** An argument list as tagged plain data. */
  readonly args: (input: ReadonlyArray<Schema.Json>) => ReadonlyArray<Schema.Json>;
}

const unanswered = (row: Row, parts: Parts): Format.Converted => {
  const { args, oracle, ...task } = parts;
  if (row.canonical_solution.trim() === "") {
    return { flaws: [{ kind: "empty program", reason: `${row.task_id} has an empty canonical_solution` }] };
  }
  const plus = PythonJson.isArray(row.plus_input) ? row.plus_input : [];
  const lists = [...row.base_input, ...plus];
  const odd = lists.findIndex((list) => !PythonJson.isArray(list));
  if (odd >= 0) {
    const reason = `${row.task_id}: input ${odd} is no list of arguments`;
    return { flaws: [{ kind: "wrong type", reason }] };
  }
  const cases = lists.map((list) => ({
    args: args(PythonJson.isArray(list) ? list : []),
    expected: null,
  }));
  return {
    unanswered: [
      {
        task: {
          ...task,
          language: "python",
          entryPoint: row.entry_point,
          limits: LIMITS,
          meta: { baseTests: row.base_input.length },
          tests: {
            kind: "call",
            values: "python",
            comparison: {
              kind: "evalplus",
              atol: PythonJson.number(row.atol),
              ...(oracle === undefined ? {} : { oracle }),
            },
            visible: 0,
            cases,
          },
        },
      },
    ],
  };
};

const isReleased = (record: { readonly [field: string]: unknown }, name: string): boolean =>
  typeof record["task_id"] === "string" &&
  record["task_id"].startsWith(name) &&
  "base_input" in record &&
  "plus_input" in record;

export const humanEvalPlus = Format.make({
  name: "humaneval+",
  title: "HumanEval+ (EvalPlus)",
  licence: "Apache-2.0",
  url: "https://github.com/evalplus/humanevalplus_release",
  gives: "tasks",
  json: "python",
  row: Row,
  looksLike: (record) => isReleased(record, "HumanEval/"),
  convert: (row) =>
    unanswered(row, {
      id: row.task_id,
      source: "humaneval+",
      split: "test",
      statement: Format.unixLines(row.prompt),
      reference: Format.unixLines(row.prompt + row.canonical_solution),
      oracle: row.entry_point === "find_zero" ? "root" : undefined,
      args: (input) => input.map(PythonJson.tagged),
    }),
});

export const mbppPlus = Format.make({
  name: "mbpp+",
  title: "MBPP+ (EvalPlus)",
  licence: "Apache-2.0",
  url: "https://github.com/evalplus/mbppplus_release",
  gives: "tasks",
  json: "python",
  row: Row,
  looksLike: (record) => isReleased(record, "Mbpp/"),
  convert: (row) => {
    const number = Number(row.task_id.split("/")[1]);
    if (!Number.isInteger(number)) {
      return { flaws: [{ kind: "wrong type", reason: `the task_id "${row.task_id}" is not Mbpp/NUMBER` }] };
    }
    return unanswered(row, {
      id: Mbpp.taskId(number),
      source: "mbpp+",
      split: Mbpp.splitOf(number) ?? "train",
      statement: Format.unixLines(row.prompt),
      reference: Format.unixLines(row.canonical_solution),
      oracle: MbppArguments.oracleOf(number),
      args: (input) => MbppArguments.tagged(number, input),
    });
  },
});
