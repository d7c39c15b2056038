/**
 * TACO (Li et al. 2023): rows of BAAI/TACO.
 *
 * Tests and solutions are written and judged as those of APPS. The rows have no id, so a task's is made of its statement:
 * the same in every copy, whatever the order of the rows. Problems with pictures say so in `meta.pictures`, as their
 * statement alone may not be enough; problems with several right answers are not marked in the rows.
 */
import { createHash } from "node:crypto";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import * as Apps from "./Apps.ts";
import * as InputOutput from "./InputOutput.ts";
import * as JsonField from "./JsonField.ts";
import * as SplitName from "./SplitName.ts";
import * as TaskLimits from "./TaskLimits.ts";
import * as TestSize from "./TestSize.ts";

const Text = Schema.optionalKey(Schema.NullOr(Schema.String));

const Row = Schema.Struct({
  question: Schema.NonEmptyString,
  solutions: Schema.optionalKey(Schema.Unknown),
  starter_code: Text,
  input_output: Schema.optionalKey(Schema.Unknown),
  difficulty: Text,
  tags: Text,
  skill_types: Text,
  name: Text,
  source: Text,
  url: Text,
  date: Text,
  time_limit: Text,
  memory_limit: Text,
  picture_num: Schema.optionalKey(Schema.Union([Schema.Null, Schema.String, Schema.Int])),
  "Expected Time Complexity": Text,
  "Expected Auxiliary Space": Text,
});
type Row = typeof Row.Type;

/** A list of texts as Python prints it: "['Sorting', 'Greedy algorithms']". */
export const pythonList = (text: string | null | undefined): ReadonlyArray<string> =>
  Array.from((text ?? "").matchAll(/'([^']*)'|"([^"]*)"/g), ([, single, double]) => single ?? double ?? "");

const convert = (row: Row, context: Format.Context): Format.Converted => {
  const fields = Result.gen(function* () {
    return {
      found: yield* InputOutput.tests(row.input_output),
      solutions: yield* JsonField.read("solutions", row.solutions, Schema.Array(Schema.String), []),
    };
  });
  if (Result.isFailure(fields)) return { flaws: [fields.failure] };
  const { name } = fields.success.found;
  const called = name !== undefined;
  const { tests, cut } = TestSize.bounded(fields.success.found.tests, context.options.testBytes);
  const split = context.options.split ?? SplitName.of(context.file) ?? "train";
  const id = `taco/${split}/${createHash("sha256").update(row.question).digest("hex").slice(0, 16)}`;
  const solutions = fields.success.solutions.map((program) => Apps.runnable(program, called));
  const reference = solutions.find((program) => program.trim() !== "" && Apps.selfContained(program));
  const seconds = TaskLimits.seconds(row.time_limit ?? "") ?? 10;
  const pictures = Number(row.picture_num ?? 0);
  const task: Task = {
    id,
    source: "taco",
    split,
    language: "python",
    statement: Apps.statement(row.question, row.starter_code ?? "", name),
    entryPoint: name ?? "main",
    ...(reference === undefined ? {} : { reference }),
    tests,
    limits: TaskLimits.limits({
      seconds: called ? Math.max(seconds, 10) : seconds,
      memoryBytes: TaskLimits.bytes(row.memory_limit ?? "") ?? TaskLimits.DEFAULT_MEMORY,
    }),
    meta: Format.facts({
      difficulty: row.difficulty,
      name: row.name,
      site: row.source,
      url: row.url,
      date: row.date,
      tags: pythonList(row.tags),
      skills: pythonList(row.skill_types),
      pictures: pictures > 0 ? pictures : undefined,
      timeComplexity: row["Expected Time Complexity"],
      space: row["Expected Auxiliary Space"],
    }),
  };
  return {
    tasks: [task],
    ...Apps.passing(id, solutions),
    leftOut: Array.from({ length: cut }, () => TestSize.CUT),
  };
};

export const taco = Format.make({
  name: "taco",
  title: "TACO",
  licence: "Apache-2.0",
  url: "https://huggingface.co/datasets/BAAI/TACO",
  gives: "tasks and attempts",
  row: Row,
  looksLike: (record) => "input_output" in record && "skill_types" in record && "picture_num" in record,
  convert,
});
