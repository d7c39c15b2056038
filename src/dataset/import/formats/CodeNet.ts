/**
 * Project CodeNet (Puri et al. 2021): submissions to AIZU and AtCoder with the judge's status, as a folder
 * (`CodeNetFolder.ts` walks it). A problem is a task for each language that is asked for, a submission an attempt.
 *
 * The judges' own tests are not in the data: a task has the sample of its description, and no more. The labels come from
 * all of the judge's tests, so a sandbox passes more programs than the judge did.
 */
import * as Schema from "effect/Schema";
import type { Attempt } from "../../../domain/Attempt.ts";
import type { Language, Task } from "../../../domain/Task.ts";
import type { Outcome } from "../../../domain/Verdict.ts";
import * as Format from "../Format.ts";
import { shown } from "../Problem.ts";
import * as CodeNetFolder from "./CodeNetFolder.ts";
import * as HtmlText from "./HtmlText.ts";
import * as TaskLimits from "./TaskLimits.ts";

/** Of metadata/problem_list.csv, with the files of the problem. CSV fields are texts, and may be empty. */
const Problem = Schema.Struct({
  record: Schema.Literal("problem"),
  problem_id: Schema.NonEmptyString,
  name: Schema.optionalKey(Schema.String),
  dataset: Schema.optionalKey(Schema.String),
  time_limit: Schema.optionalKey(Schema.String),
  memory_limit: Schema.optionalKey(Schema.String),
  rating: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  input: Schema.optionalKey(Schema.String),
  output: Schema.optionalKey(Schema.String),
});
type Problem = typeof Problem.Type;

/** A row of metadata/pNNNNN.csv, with the source. */
const Submission = Schema.Struct({
  record: Schema.Literal("submission"),
  submission_id: Schema.NonEmptyString,
  problem_id: Schema.NonEmptyString,
  user_id: Schema.String,
  date: Schema.String,
  language: Schema.String,
  original_language: Schema.String,
  status: Schema.String,
  cpu_time: Schema.String,
  memory: Schema.String,
  accuracy: Schema.optionalKey(Schema.String),
  source: Schema.optionalKey(Schema.String),
});
type Submission = typeof Submission.Type;

/** Every status that is a verdict; the others (waiting, judge not available, internal error) are none. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  Accepted: "Passed",
  "Wrong Answer": "WrongAnswer",
  "WA: Presentation Error": "WrongAnswer",
  "Runtime Error": "RuntimeError",
  "Time Limit Exceeded": "TimedOut",
  "Memory Limit Exceeded": "OutOfMemory",
  "Output Limit Exceeded": "OutputLimit",
  "Compile Error": "CompileError",
};

/** The dataset's languages that Drydock has. Python 2 goes by the same name as Python 3. */
const languageOf = ({ language, original_language: original }: Submission): Language | undefined => {
  if (language === "C++") return "cpp";
  if (language === "JavaScript") return "javascript";
  return language === "Python" && /^(?:Python|PyPy)\s*\(?3/.test(original) ? "python" : undefined;
};

const SUFFIX: Readonly<Record<Language, string>> = { python: "", cpp: "/cpp", javascript: "/javascript" };

const idOf = (problem: string, language: Language): string => `codenet/${problem}${SUFFIX[language]}`;

/** A number of a CSV field; undefined where it is empty, or negative as some are. */
const number = (text: string | undefined): number | undefined => {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
};

const tasksOf = (row: Problem, { options }: Format.Context): Format.Converted => {
  const { description, input, output } = row;
  if (description === undefined) return { leftOut: ["a problem without a description, and its submissions"] };
  if (input === undefined || output === undefined) {
    return { leftOut: ["a problem without a sample input and output, and its submissions"] };
  }
  const seconds = (number(row.time_limit) ?? 0) / 1000;
  const kilobytes = number(row.memory_limit) ?? 0;
  return {
    tasks: options.languages.map(
      (language): Task => ({
        id: idOf(row.problem_id, language),
        source: "codenet",
        split: options.split ?? "train",
        language,
        statement: HtmlText.of(description),
        entryPoint: "main",
        tests: {
          kind: "stdio",
          comparison: "tokens",
          visible: 1,
          cases: [{ input: Format.unixLines(input), output: Format.unixLines(output) }],
        },
        limits: TaskLimits.limits({
          seconds: seconds > 0 ? seconds : 2,
          memoryBytes: kilobytes > 0 ? kilobytes * 1024 : TaskLimits.DEFAULT_MEMORY,
        }),
        meta: Format.facts({ difficulty: number(row.rating), name: row.name, site: row.dataset }),
      }),
    ),
  };
};

const attemptOf = (row: Submission, { options }: Format.Context): Format.Converted => {
  const language = languageOf(row);
  if (language === undefined || !options.languages.includes(language)) {
    const name = row.language === "Python" && language === undefined ? "Python 2" : row.language;
    return { leftOut: [`a program in ${name}`] };
  }
  const place = `${row.problem_id}, ${row.submission_id}`;
  if (row.source === undefined) {
    return { flaws: [{ kind: "missing field", reason: `${place}: there is no such source file` }] };
  }
  if (row.source.trim() === "") return { flaws: [{ kind: "empty program", reason: `${place} is empty` }] };
  const outcome = Object.hasOwn(OUTCOMES, row.status) ? OUTCOMES[row.status] : undefined;
  const milliseconds = number(row.cpu_time);
  const kilobytes = number(row.memory);
  const [, passed, total] = /^(\d+)\/(\d+)$/.exec(row.accuracy ?? "") ?? [];
  const attempt: Attempt = {
    taskId: idOf(row.problem_id, language),
    program: Format.unixLines(row.source),
    origin: "submission",
    ...(outcome === undefined ? {} : { outcome, labelSource: "dataset" }),
    ...(passed === undefined || total === undefined
      ? {}
      : { testsPassed: Number(passed), testsTotal: Number(total) }),
    ...(milliseconds === undefined ? {} : { cpuSeconds: milliseconds / 1000 }),
    ...(kilobytes === undefined ? {} : { memoryBytes: Math.round(kilobytes * 1024) }),
    meta: Format.facts({
      submission: row.submission_id,
      user: row.user_id,
      date: number(row.date),
      status: row.status,
      language: row.original_language,
    }),
  };
  return {
    attempts: [attempt],
    leftOut: outcome === undefined ? [`a label: ${shown(row.status)} is no verdict`] : [],
  };
};

export const codeNet = Format.make({
  name: "codenet",
  title: "Project CodeNet",
  licence: "CDLA-Permissive-2.0",
  url: "https://github.com/IBM/Project_CodeNet",
  gives: "tasks and attempts",
  row: Schema.Union([Problem, Submission]),
  looksLike: () => false,
  folder: CodeNetFolder.folder,
  convert: (row, context) => (row.record === "problem" ? tasksOf(row, context) : attemptOf(row, context)),
});
