/**
 * LiveCodeBench (Jain et al. 2024): rows of livecodebench/code_generation, and those of code_generation_lite whose
 * private tests somebody wrote out as JSON. There they are a pickle (base64 of zlib), which only Python can read and
 * which may run anything: such a row is refused, and its pickle never opened.
 */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import type { Flaw } from "../Problem.ts";
import * as Apps from "./Apps.ts";
import * as JsonField from "./JsonField.ts";
import * as TestCases from "./TestCases.ts";
import * as TaskLimits from "./TaskLimits.ts";
import * as TestSize from "./TestSize.ts";

const Row = Schema.Struct({
  question_title: Schema.optionalKey(Schema.NullOr(Schema.String)),
  question_content: Schema.NonEmptyString,
  platform: Schema.optionalKey(Schema.NullOr(Schema.String)),
  question_id: Schema.NonEmptyString,
  contest_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
  contest_date: Schema.optionalKey(Schema.NullOr(Schema.String)),
  starter_code: Schema.optionalKey(Schema.NullOr(Schema.String)),
  difficulty: Schema.optionalKey(Schema.NullOr(Schema.String)),
  public_test_cases: Schema.Unknown,
  private_test_cases: Schema.Unknown,
  metadata: Schema.optionalKey(Schema.Unknown),
});
type Row = typeof Row.Type;

const isPickle = (field: unknown): boolean =>
  typeof field === "string" && field.length > 16 && /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(field);

const pickled = (id: string): Flaw => ({
  kind: "pickled data",
  reason: `${id}: private_test_cases is a Python pickle (base64 of zlib), which can run code when it is read`,
  remedy:
    "Take the rows of livecodebench/code_generation, where these tests are JSON, or write them out as JSON with LiveCodeBench's own code, where you trust the file.",
});

const convert = (row: Row, context: Format.Context): Format.Converted => {
  const id = `livecodebench/${row.question_id}`;
  if (isPickle(row.private_test_cases)) return { flaws: [pickled(id)] };
  const found = Result.gen(function* () {
    const shown = yield* JsonField.read("public_test_cases", row.public_test_cases, TestCases.Cases, []);
    const hidden = yield* JsonField.read("private_test_cases", row.private_test_cases, TestCases.Cases, []);
    const { func_name: func } = yield* JsonField.read("metadata", row.metadata, TestCases.Metadata, {});
    return yield* TestCases.tests([...shown, ...hidden], shown.length, func);
  });
  if (Result.isFailure(found)) {
    return { flaws: [{ ...found.failure, reason: `${id}: ${found.failure.reason}` }] };
  }
  const { name } = found.success;
  const { tests, cut } = TestSize.bounded(found.success.tests, context.options.testBytes);
  const facts = {
    difficulty: row.difficulty,
    title: row.question_title,
    platform: row.platform,
    contest: row.contest_id,
    date: row.contest_date,
  };
  const task: Task = {
    id,
    source: "livecodebench",
    split: context.options.split ?? "test",
    language: "python",
    statement: Apps.statement(row.question_content, row.starter_code ?? "", name),
    entryPoint: name ?? "main",
    tests,
    // 6 seconds a test; the limits of calls are for all of them together.
    limits: TaskLimits.limits({
      seconds: name === undefined ? 6 : 12,
      memoryBytes: TaskLimits.DEFAULT_MEMORY,
    }),
    meta: Format.facts(facts),
  };
  return { tasks: [task], leftOut: Array.from({ length: cut }, () => TestSize.CUT) };
};

export const liveCodeBench = Format.make({
  name: "livecodebench",
  title: "LiveCodeBench",
  licence: "CC-BY-4.0",
  url: "https://huggingface.co/datasets/livecodebench/code_generation",
  gives: "tasks",
  row: Row,
  looksLike: (record) => "public_test_cases" in record && "private_test_cases" in record,
  convert,
});
