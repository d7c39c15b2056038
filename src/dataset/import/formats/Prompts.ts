/**
 * Prompts, completions and rewards, as TRL's and verl's trainers read and write them:
 *
 *     trl:  {"prompt", "completion", "label" | "reward"}, prompt and completion a text or a list of messages
 *     verl: {"data_source", "prompt": [messages], "reward_model": {"ground_truth"}, "extra_info"}, with "responses" and
 *           "scores" where something was generated
 *
 * A program can only be judged by tests. A row that carries them (a `ground_truth`, `input_output` or `tests` as APPS or
 * LiveCodeBench write tests) is a task; a row whose id or prompt is that of a task of `--tasks` has attempts at it; all
 * other rows are left out and counted. A reward is a label: it says whether a program passed, not how one failed.
 */
import { createHash } from "node:crypto";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { Attempt } from "../../../domain/Attempt.ts";
import type { Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import { type Flaw, shown } from "../Problem.ts";
import * as Completion from "./Completion.ts";
import * as InputOutput from "./InputOutput.ts";
import * as JsonField from "./JsonField.ts";
import * as SplitName from "./SplitName.ts";
import * as TaskLimits from "./TaskLimits.ts";
import * as TestCases from "./TestCases.ts";
import * as TestSize from "./TestSize.ts";

const Messages = Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.String }));
const Text = Schema.Union([Schema.String, Messages]);
type Text = typeof Text.Type;

const Reward = Schema.NullOr(Schema.Union([Schema.Boolean, Schema.Number]));
const Id = Schema.NullOr(Schema.Union([Schema.String, Schema.Int]));

const Row = Schema.Struct({
  prompt: Text,
  task_id: Schema.optionalKey(Id),
  id: Schema.optionalKey(Id),
  completion: Schema.optionalKey(Text),
  completions: Schema.optionalKey(Schema.Array(Text)),
  response: Schema.optionalKey(Text),
  responses: Schema.optionalKey(Schema.Array(Text)),
  label: Schema.optionalKey(Reward),
  reward: Schema.optionalKey(Reward),
  rewards: Schema.optionalKey(Schema.Array(Reward)),
  score: Schema.optionalKey(Reward),
  scores: Schema.optionalKey(Schema.Array(Reward)),
  chosen: Schema.optionalKey(Schema.Unknown),
  data_source: Schema.optionalKey(Schema.NullOr(Schema.String)),
  reward_model: Schema.optionalKey(
    Schema.NullOr(Schema.Struct({ ground_truth: Schema.optionalKey(Schema.Unknown) })),
  ),
  extra_info: Schema.optionalKey(Schema.Unknown),
  input_output: Schema.optionalKey(Schema.Unknown),
  tests: Schema.optionalKey(Schema.Unknown),
  model: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
type Row = typeof Row.Type;

const ExtraInfo = Schema.Struct({
  task_id: Schema.optionalKey(Id),
  split: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
const decodeExtra = Schema.decodeUnknownResult(ExtraInfo);

/** What the user says, in one text; undefined of a conversation that has answers in it already. */
const statementOf = (prompt: Text): string | undefined => {
  if (typeof prompt === "string") return prompt.trim();
  if (prompt.some(({ role }) => role === "assistant" || role === "tool")) return undefined;
  return prompt
    .filter(({ role }) => role === "user")
    .map(({ content }) => content.trim())
    .join("\n\n");
};

/** What the model says: its last message. */
const textOf = (completion: Text): string =>
  typeof completion === "string"
    ? completion
    : (completion.findLast(({ role }) => role === "assistant")?.content ?? "");

interface Given {
  readonly completion: string;
  readonly reward: boolean | number | null | undefined;
}

/** Completions, each with its reward. */
const completionsOf = (row: Row): Result.Result<ReadonlyArray<Given>, Flaw> => {
  const several = row.completions ?? row.responses;
  const one = row.completion ?? row.response;
  const reward = row.reward ?? row.score ?? row.label;
  if (several === undefined) {
    return Result.succeed(one === undefined ? [] : [{ completion: textOf(one), reward }]);
  }
  const rewards = row.rewards ?? row.scores;
  if (rewards !== undefined && rewards.length !== several.length) {
    const reason = `${several.length} completions and ${rewards.length} rewards`;
    return Result.fail({ kind: "wrong type", reason });
  }
  return Result.succeed(
    several.map((completion, index) => ({
      completion: textOf(completion),
      reward: rewards === undefined ? reward : rewards[index],
    })),
  );
};

const convert = (row: Row, context: Format.Context): Format.Converted => {
  if (row.chosen !== undefined) {
    const reason = '"chosen" and "rejected" say which of two was preferred, not which one is right';
    return { flaws: [{ kind: "unsupported", reason }] };
  }
  const statement = statementOf(row.prompt);
  if (statement === undefined) {
    return {
      flaws: [{ kind: "unsupported", reason: "a prompt with several turns: a task has one statement" }],
    };
  }
  const given = completionsOf(row);
  if (Result.isFailure(given)) return { flaws: [given.failure] };
  const found = taskOf(row, statement, context);
  if (Result.isFailure(found)) return { flaws: [found.failure] };
  const { task, own, cut } = found.success;
  if (task === undefined) {
    return { leftOut: ["a prompt that has no tests and is no task of --tasks"] };
  }
  const attempts: Array<Attempt> = [];
  const flaws: Array<Flaw> = [];
  for (const { completion, reward } of given.success) {
    const { program, reasoning } = Completion.parts(completion, context.options.reasoning);
    if (program.trim() === "") {
      flaws.push({
        kind: "empty program",
        reason: `${task.id}: a completion has no program: ${shown(completion)}`,
      });
      continue;
    }
    attempts.push({
      taskId: task.id,
      program,
      origin: row.model ?? context.origin,
      ...labelOf(reward, context.options.passes),
      ...(reasoning === undefined ? {} : { reasoning }),
      ...(typeof reward === "number" ? { meta: { reward } } : {}),
    });
  }
  return {
    tasks: own ? [task] : [],
    attempts,
    flaws,
    leftOut: Array.from({ length: cut }, () => TestSize.CUT),
  };
};

const labelOf = (reward: Given["reward"], passes: number): Pick<Attempt, "outcome" | "labelSource"> => {
  if (reward === undefined || reward === null) return {};
  const passed = typeof reward === "boolean" ? reward : reward >= passes;
  return { outcome: passed ? "Passed" : "WrongAnswer", labelSource: "dataset" };
};

interface FoundTask {
  readonly task: Task | undefined;
  /** Whether the row brings it. */
  readonly own: boolean;
  readonly cut: number;
}

const taskOf = (row: Row, statement: string, context: Format.Context): Result.Result<FoundTask, Flaw> => {
  const decoded = decodeExtra(row.extra_info);
  const extra = Result.isSuccess(decoded) ? decoded.success : {};
  const ids = [row.task_id, row.id, extra.task_id].flatMap((id) => (id ? [String(id)] : []));
  const known = ids.map(context.task).find((task) => task !== undefined) ?? context.taskWith(statement);
  if (known !== undefined) return Result.succeed({ task: known, own: false, cut: 0 });
  const field = row.reward_model?.ground_truth ?? row.input_output ?? row.tests;
  if (!holdsTests(field)) return Result.succeed({ task: undefined, own: false, cut: 0 });
  return Result.map(testsOf(field), ({ name, tests: all }) => {
    const { tests, cut } = TestSize.bounded(all, context.options.testBytes);
    const digest = createHash("sha256").update(statement).digest("hex").slice(0, 16);
    const source = row.data_source ?? "prompts";
    const task: Task = {
      id: `${source}/${ids[0] ?? digest}`,
      source,
      split: context.options.split ?? splitOf(extra.split) ?? "train",
      language: context.options.languages[0] ?? "python",
      statement,
      entryPoint: name ?? "main",
      tests,
      limits: TaskLimits.limits({
        seconds: name === undefined ? 4 : 10,
        memoryBytes: TaskLimits.DEFAULT_MEMORY,
      }),
    };
    return { task, own: true, cut };
  });
};

/** Whether a ground truth is tests, rather than the answer to a question or the name of a rule. */
const holdsTests = (field: unknown): boolean => {
  if (typeof field === "string") return /^\s*(?:\{[^]*"inputs"|\[\s*\{[^]*"input")/.test(field);
  return (
    typeof field === "object" &&
    field !== null &&
    ("inputs" in field || (Array.isArray(field) && field.length > 0))
  );
};

/** As APPS writes tests, or as LiveCodeBench does; either may be JSON in a string. */
const testsOf = (field: unknown): Result.Result<InputOutput.Found, Flaw> =>
  Array.isArray(field) || (typeof field === "string" && /^\s*\[/.test(field))
    ? Result.flatMap(JsonField.read("tests", field, TestCases.Cases, []), (cases) =>
        TestCases.tests(cases, 0, undefined),
      )
    : InputOutput.tests(field);

const splitOf = (split: string | null | undefined): Task["split"] | undefined =>
  split === undefined || split === null ? undefined : SplitName.of(split);

export const prompts = Format.make({
  name: "prompts",
  title: "Prompts, completions and rewards (TRL, verl)",
  licence: "as the data says",
  url: "https://huggingface.co/docs/trl/dataset_formats",
  gives: "tasks and attempts",
  repeatsTasks: true,
  row: Row,
  looksLike: (record) =>
    "prompt" in record &&
    !("entry_point" in record) &&
    ["completion", "completions", "response", "responses", "reward_model", "chosen"].some(
      (field) => field in record,
    ),
  convert,
});
