/**
 * CodeContests (Li et al. 2022): rows of deepmind/code_contests, as parquet or JSON lines.
 *
 * A row becomes a task for each language that is asked for: `codecontests/NAME` for Python, `codecontests/NAME/cpp` for
 * C++. Solutions and incorrect solutions are labelled attempts. The dataset does not say how an incorrect one fails, and
 * warns that not all of its labels are right: `drydock data verify` tells.
 */
import * as Schema from "effect/Schema";
import type { Attempt } from "../../../domain/Attempt.ts";
import type { Language, StdioTests, Task } from "../../../domain/Task.ts";
import * as Format from "../Format.ts";
import type { Flaw } from "../Problem.ts";
import * as SplitName from "./SplitName.ts";
import * as TaskLimits from "./TaskLimits.ts";
import * as TestSize from "./TestSize.ts";

const Tests = Schema.Struct({ input: Schema.Array(Schema.String), output: Schema.Array(Schema.String) });

const Programs = Schema.Struct({
  language: Schema.Array(Schema.Union([Schema.Int, Schema.String])),
  solution: Schema.Array(Schema.String),
});

const Row = Schema.Struct({
  name: Schema.NonEmptyString,
  description: Schema.String,
  public_tests: Tests,
  private_tests: Tests,
  generated_tests: Tests,
  solutions: Programs,
  incorrect_solutions: Programs,
  source: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  difficulty: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  cf_contest_id: Schema.optionalKey(Schema.Int),
  cf_index: Schema.optionalKey(Schema.String),
  cf_rating: Schema.optionalKey(Schema.Int),
  cf_tags: Schema.optionalKey(Schema.Array(Schema.String)),
  is_description_translated: Schema.optionalKey(Schema.Boolean),
  time_limit: Schema.optionalKey(Schema.NullOr(Schema.Struct({ seconds: Schema.Int, nanos: Schema.Int }))),
  memory_limit_bytes: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  input_file: Schema.optionalKey(Schema.NullOr(Schema.String)),
  output_file: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
type Row = typeof Row.Type;
type Programs = typeof Programs.Type;

/** By number, as in the rows, and by the name that some copies of them have. */
const LANGUAGES = ["UNKNOWN_LANGUAGE", "PYTHON", "CPP", "PYTHON3", "JAVA"] as const;
type Name = (typeof LANGUAGES)[number];

const OURS: Readonly<Partial<Record<Name, Language>>> = { PYTHON3: "python", CPP: "cpp" };

/** Why a program is left out. */
const LEFT_OUT: Readonly<Record<Name, string>> = {
  UNKNOWN_LANGUAGE: "a program in an unknown language",
  PYTHON: "a program in Python 2",
  PYTHON3: "a program in Python",
  CPP: "a program in C++",
  JAVA: "a program in Java",
};

const nameOf = (language: number | string): Name | undefined =>
  typeof language === "string" ? LANGUAGES.find((name) => name === language) : LANGUAGES[language];

/**
 * The sites by number. The card of the published rows and the repository's proto disagree about AtCoder (5 or 6) and
 * Aizu (6 or 7), so 6 may be either.
 */
const SITES = [
  "unknown",
  "codechef",
  "codeforces",
  "hackerearth",
  "codejam",
  "atcoder",
  "atcoder or aizu",
  "aizu",
];

const siteOf = (source: Row["source"]): string | undefined =>
  source === undefined ? undefined : typeof source === "string" ? source : SITES[source];

/** 1 to 5, and the letters of Codeforces; those beyond K have other numbers in the card than in the proto. */
const LEVELS = ["easy", "medium", "hard", "harder", "hardest", undefined, ...Array.from("ABCDEFGHIJK")];

/** A problem's level: the rating of Codeforces where it has one, else the level or letter of its site. */
const difficultyOf = (row: Row): string | number | undefined => {
  if (row.cf_rating !== undefined && row.cf_rating > 0) return row.cf_rating;
  if (typeof row.difficulty === "string") return row.difficulty;
  return row.cf_index?.[0] ?? LEVELS[(row.difficulty ?? 0) - 1];
};

const ID_SUFFIX: Readonly<Record<Language, string>> = { python: "", cpp: "/cpp", javascript: "/javascript" };

const convert = (row: Row, context: Format.Context): Format.Converted => {
  const { languages, testBytes } = context.options;
  const file = row.input_file || row.output_file;
  if (file) {
    return {
      flaws: [
        {
          kind: "unsupported",
          reason: `${row.name} reads or writes the file ${JSON.stringify(file)} in place of standard input and output`,
        },
      ],
    };
  }
  const lists = { public: row.public_tests, private: row.private_tests, generated: row.generated_tests };
  for (const [name, { input, output }] of Object.entries(lists)) {
    if (input.length !== output.length) {
      const reason = `${row.name}: ${name}_tests has ${input.length} inputs and ${output.length} outputs`;
      return { flaws: [{ kind: "wrong type", reason }] };
    }
  }
  const cases = Object.values(lists).flatMap(({ input, output }) =>
    input.map((text, index) => ({ input: text, output: output[index] ?? "" })),
  );
  if (cases.length === 0)
    return { flaws: [{ kind: "no tests", reason: `${row.name} has no tests of any kind` }] };
  const all: StdioTests = {
    kind: "stdio",
    comparison: "tokens",
    visible: row.public_tests.input.length,
    cases,
  };
  const { tests, cut } = TestSize.bounded(all, testBytes);
  const tasks: Array<Task> = [];
  const attempts: Array<Attempt> = [];
  const flaws: Array<Flaw> = [];
  const leftOut = Array.from({ length: cut }, () => TestSize.CUT);

  const add = ({ language, solution }: Programs, passes: boolean): void => {
    for (const [index, text] of solution.entries()) {
      const name = nameOf(language[index] ?? 0);
      const ours = name === undefined ? undefined : OURS[name];
      if (ours === undefined || !languages.includes(ours)) {
        leftOut.push(LEFT_OUT[name ?? "UNKNOWN_LANGUAGE"]);
      } else if (text.trim() === "") {
        flaws.push({
          kind: "empty program",
          reason: `${row.name}: a program of ${passes ? "" : "incorrect_"}solutions is empty`,
        });
      } else {
        attempts.push({
          taskId: idOf(row, ours),
          program: Format.unixLines(text),
          origin: passes ? "solution" : "incorrect solution",
          // How an incorrect one fails is not said.
          outcome: passes ? "Passed" : "WrongAnswer",
          labelSource: "dataset",
        });
      }
    }
  };
  add(row.solutions, true);
  add(row.incorrect_solutions, false);

  for (const language of languages) {
    const id = idOf(row, language);
    const reference = attempts.find(({ taskId, outcome }) => taskId === id && outcome === "Passed")?.program;
    tasks.push({
      id,
      source: "codecontests",
      split: context.options.split ?? SplitName.of(context.file) ?? "train",
      language,
      statement: Format.unixLines(row.description).trim(),
      entryPoint: "main",
      ...(reference === undefined ? {} : { reference }),
      tests,
      limits: limitsOf(row),
      meta: metaOf(row),
    });
  }
  return { tasks, attempts, flaws, leftOut };
};

const idOf = (row: Row, language: Language): string => `codecontests/${row.name}${ID_SUFFIX[language]}`;

/** Of each test; the dataset's own judge gives 10 seconds and 256 MiB where a row says nothing. */
const limitsOf = ({ time_limit: time, memory_limit_bytes: memory }: Row) => {
  const seconds = time === undefined || time === null ? 0 : time.seconds + time.nanos / 1e9;
  const bytes = memory ?? 0;
  return TaskLimits.limits({
    seconds: seconds > 0 ? seconds : 10,
    memoryBytes: bytes > 0 ? bytes : TaskLimits.DEFAULT_MEMORY,
  });
};

const metaOf = (row: Row): NonNullable<Task["meta"]> =>
  Format.facts({
    difficulty: difficultyOf(row),
    site: siteOf(row.source),
    contest: row.cf_contest_id || undefined,
    index: row.cf_index,
    tags: row.cf_tags,
    translated: row.is_description_translated === true ? true : undefined,
  });

export const codeContests = Format.make({
  name: "codecontests",
  title: "CodeContests",
  licence: "CC-BY-4.0",
  url: "https://huggingface.co/datasets/deepmind/code_contests",
  gives: "tasks and attempts",
  row: Row,
  looksLike: (record) => "generated_tests" in record && "incorrect_solutions" in record,
  convert,
});
