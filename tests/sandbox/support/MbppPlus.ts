/** MBPP+ as tasks with call-style tests: Python's own values, EvalPlus' comparison. */
import type * as Schema from "effect/Schema";
import type { CallTests } from "../../../src/domain/Task.ts";
import * as Problems from "./Problems.ts";

interface Row {
  readonly task_id: string;
  readonly entry_point: string;
  readonly canonical_solution: string;
  readonly atol: Schema.Json;
  readonly base_input: ReadonlyArray<Schema.Json>;
  /** `{}` in one. */
  readonly plus_input: Schema.Json;
}

/** A problem whose expected answers the reference is yet to give. */
export interface Unanswered {
  readonly id: string;
  readonly entryPoint: string;
  readonly reference: string;
  readonly atol: number;
  /** Tagged plain data. */
  readonly inputs: ReadonlyArray<ReadonlyArray<Schema.Json>>;
}

/** Tasks whose arguments, or arguments' elements, are tuples (evalplus/data/mbpp.py, `mbpp_deserialize_inputs`). */
const TUPLES = [
  2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809,
];
const LISTS_OF_TUPLES = [63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780];
/** Other arguments than these and lists. */
const OTHER_ARGUMENTS = [
  75, 413, 444, 753, 106, 750, 115, 124, 250, 405, 446, 617, 720, 763, 808, 259, 401, 445, 278, 307, 722, 252,
  580, 615, 791,
];
/** Judged by an oracle of their own (evalplus/eval/_special_oracle.py). */
const OWN_ORACLE = [164, 295, 581, 558, 2, 7, 111, 140, 232, 249, 579, 769];
const NOT_NONE = ["check_str", "text_match_three", "text_starta_endb"];

export const problems = (): ReadonlyArray<Unanswered> =>
  Problems.lines("evalplus", "MbppPlus.jsonl.gz").flatMap((line) => {
    const row = parse(line) as unknown as Row;
    const number = Number(row.task_id.split("/")[1]);
    if ([...OTHER_ARGUMENTS, ...OWN_ORACLE].includes(number) || NOT_NONE.includes(row.entry_point)) return [];
    const depth = TUPLES.includes(number) ? 1 : LISTS_OF_TUPLES.includes(number) ? 2 : undefined;
    const inputs = [...row.base_input, ...(Array.isArray(row.plus_input) ? row.plus_input : [])].map(
      (given) => (given as ReadonlyArray<Schema.Json>).map((one) => tagged(one, depth)),
    );
    const atol = Number(typeof row.atol === "string" ? row.atol.slice(2) : row.atol);
    return [
      { id: row.task_id, entryPoint: row.entry_point, reference: row.canonical_solution, atol, inputs },
    ];
  });

/** The task, once the reference's answers (tagged plain data) are known. */
export const problem = (one: Unanswered, expected: ReadonlyArray<Schema.Json>): Problems.Problem => {
  const tests: CallTests = {
    kind: "call",
    visible: 0,
    values: "python",
    comparison: { kind: "evalplus", atol: one.atol },
    cases: one.inputs.map((args, index) => ({ args, expected: expected[index] ?? null })),
  };
  const limits = { cpuSeconds: 20, wallSeconds: 60, memoryBytes: 384 << 20, outputBytes: 1 << 20 };
  return { reference: one.reference, task: Problems.task(one.id, "python", one.entryPoint, tests, limits) };
};

/** A character for private use. */
const MARK = "\ue0f5";

/** JSON in which numbers that JavaScript would not keep (1.0, 2**60) are texts that begin with MARK and their tag. */
const parse = (line: string): Schema.Json =>
  JSON.parse(
    line.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g, (token) => {
      if (token.startsWith('"')) return token;
      if (/^-?\d{1,15}$/.test(token)) return token;
      if (/^-?\d+$/.test(token)) {
        const value = BigInt(token);
        return `"${MARK}i${value < 0n ? "-" : ""}0x${(value < 0n ? -value : value).toString(16)}"`;
      }
      return `"${MARK}f${token.replace("Infinity", "inf").replace("NaN", "nan")}"`;
    }),
  ) as Schema.Json;

/** Plain data, lists at `depth` below the argument being tuples. */
const tagged = (value: Schema.Json, tuplesAt: number | undefined): Schema.Json => {
  if (typeof value === "string") {
    return value.startsWith(MARK) ? { [value.charAt(1)]: value.slice(2) } : value;
  }
  if (Array.isArray(value)) {
    const items = (value as ReadonlyArray<Schema.Json>).map((item) =>
      tagged(item, tuplesAt === undefined ? undefined : tuplesAt - 1),
    );
    return tuplesAt === 1 ? { t: items } : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return { d: Object.entries(value).map(([key, item]) => [key, tagged(item, undefined)]) };
};
