/**
 * A format: data about how a published dataset writes its records, and how they become tasks and attempts.
 *
 * One file a format in `formats/`, and a line in `formats/Table.ts`. A format reads no files and runs nothing: sources
 * give it parsed values, and `Import.ts` checks and writes what it makes of them.
 */
import type * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import * as SchemaIssue from "effect/SchemaIssue";
import type { Attempt } from "../../domain/Attempt.ts";
import type { CallTests, Language, Split, Task } from "../../domain/Task.ts";
import { type Flaw, shown } from "./Problem.ts";

/** What a person may choose about a format; formats without such a choice do not look at it. */
export interface Options {
  /** Languages whose programs become tasks and attempts, where the records have several: `--language`. */
  readonly languages: ReadonlyArray<Language>;
  /** Of every task: `--split`; else as the source says. */
  readonly split?: Split;
  /** The most characters that a task's tests may have together, beyond which the largest hidden ones are left out. */
  readonly testBytes?: number;
  /** The least reward of an attempt that passes: `--passes`. */
  readonly passes: number;
  /** What of a completion is the reasoning before its program: text in <think> tags, or all text before the program. */
  readonly reasoning: "none" | "think" | "prose";
}

/** What holds where nothing is chosen. */
export const OPTIONS: Options = { languages: ["python"], passes: 1, reasoning: "think" };

/** What a format may know beside the record. */
export interface Context {
  readonly options: Options;
  /** The file or folder that the record comes from. */
  readonly file: string;
  /** Who wrote the attempts where the record does not say: `--origin`, or else the file's name without its ending. */
  readonly origin: string;
  /** A task of the dataset that `--tasks` names. */
  readonly task: (id: string) => Task | undefined;
  /** A task of that dataset by its statement; only letters and digits count. */
  readonly taskWith: (statement: string) => Task | undefined;
}

/** A task of call-style tests whose expected answers are those of its reference, which is to be run in a sandbox. */
export interface Unanswered {
  readonly task: Omit<Task, "tests"> & { readonly reference: string; readonly tests: CallTests };
}

/** What a record becomes. */
export interface Converted {
  readonly tasks?: ReadonlyArray<Task>;
  readonly attempts?: ReadonlyArray<Attempt>;
  /** Tasks whose expected answers are still to come; `expected` of their cases is null. */
  readonly unanswered?: ReadonlyArray<Unanswered>;
  /** What is wrong with the record. A format gives no task, or leaves out the attempt, of which this is told. */
  readonly flaws?: ReadonlyArray<Flaw>;
  /** What Drydock has no use for and the source is not to blame for ("a solution in java"): counted by reason. */
  readonly leftOut?: ReadonlyArray<string>;
}

/** A record of a folder; `read` gives its value, undefined where there is nothing to import. */
export interface FolderEntry {
  /** The path within the folder, with slashes. */
  readonly entry: string;
  readonly read: () => Promise<unknown>;
}

/** How a format that is released as a folder is walked. */
export interface Folder {
  /** For a message: "a folder for each problem with question.txt and input_output.json". */
  readonly holds: string;
  readonly recognises: (root: string) => boolean | Promise<boolean>;
  /** In an order that is the same every time; entries are read only where they are asked for. */
  readonly walk: (root: string) => AsyncIterable<FolderEntry>;
}

/** What all formats have in common. */
interface About {
  /** As on the command line: "humaneval+". */
  readonly name: string;
  /** For people: "HumanEval+ (EvalPlus release)". */
  readonly title: string;
  /** Of the published data. */
  readonly licence: string;
  readonly url: string;
  /** What the records hold. "attempts": the tasks come from another dataset (`--tasks`). */
  readonly gives: "tasks" | "tasks and attempts" | "attempts";
  /** Whether a record is of this format; where several say so, the person has to name one. */
  readonly looksLike: (record: { readonly [field: string]: unknown }) => boolean;
  /** How JSON is parsed. "python": numbers that JavaScript would not keep (1.0, 2**60, NaN) stay apart (PythonJson.ts). */
  readonly json?: "python";
  /** Records bring their task with them, the same one with each of its attempts: only the first is kept. */
  readonly repeatsTasks?: boolean;
  readonly folder?: Folder;
  /** Of the data files in a folder those that are read, in their order. Absent: all, by their names. */
  readonly files?: (paths: ReadonlyArray<string>) => ReadonlyArray<string>;
}

export interface Definition<Row> extends About {
  /** A record; fields that nothing is made of need not be named. */
  readonly row: Schema.Decoder<Row>;
  readonly convert: (row: Row, context: Context) => Converted;
}

export interface Format extends About {
  /** Checks a record against the schema and converts it. */
  readonly read: (value: unknown, context: Context) => Converted;
}

/** Gives a task its expected answers by running its reference; a flaw where that does not answer. */
export type Answer<E = never> = (unanswered: Unanswered) => Effect.Effect<Task | Flaw, E>;

/** The task with what its reference answered: fewer answers than cases where it did not come to the end. */
export const answered = (task: Unanswered["task"], answers: ReadonlyArray<Schema.Json>): Task | Flaw => {
  if (answers.length === 0) {
    return { kind: "reference fails", reason: `the reference of "${task.id}" answers none of its tests` };
  }
  const lost = task.tests.cases.length - answers.length;
  const cases = answers.map((expected, index) => ({ args: task.tests.cases[index]?.args ?? [], expected }));
  const meta = { ...task.meta, ...(lost === 0 ? {} : { unansweredTests: lost }) };
  return { ...task, meta, tests: { ...task.tests, cases } };
};

export const make = <Row>({ row, convert, ...about }: Definition<Row>): Format => {
  const decode = Schema.decodeUnknownResult(row);
  return {
    ...about,
    read: (value, context) => {
      const decoded = decode(value);
      return Result.isSuccess(decoded)
        ? convert(decoded.success, context)
        : { flaws: [schemaFlaw(decoded.failure.issue, value)] };
    },
  };
};

const message = SchemaIssue.makeFormatterStandardSchemaV1();

/** A schema's complaint about a value as one line: which field is missing, or what it is and should be. */
export const schemaFlaw = (issue: SchemaIssue.Issue, value: unknown): Flaw => {
  const [first] = message(issue).issues;
  const keys = (first?.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  const path = keys.map(String).join(".");
  if (leafOf(issue)._tag === "MissingKey") {
    return { kind: "missing field", reason: `the field "${path}" is missing` };
  }
  const what = path === "" ? "the record" : `the field "${path}"`;
  const said = (first?.message ?? "unexpected value").replace(/\s*\n\s*/g, " ");
  return { kind: "wrong type", reason: `${what}: ${said}, found ${shown(keys.reduce(fieldOf, value))}` };
};

const fieldOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? (Reflect.get(value, key) as unknown) : undefined;

/** The innermost of a chain of issues. */
const leafOf = (issue: SchemaIssue.Issue): SchemaIssue.Issue => {
  switch (issue._tag) {
    case "Composite":
    case "AnyOf": {
      const [first] = issue.issues;
      return first === undefined ? issue : leafOf(first);
    }
    case "Pointer":
    case "Encoding":
    case "Filter":
      return leafOf(issue.issue);
    default:
      return issue;
  }
};

/** Line ends as they are in programs that Drydock keeps: "\n". */
export const unixLines = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");

/** Facts for `meta`, without those that are absent, empty or zero-length. */
export const facts = (
  given: Readonly<Record<string, Schema.Json | undefined>>,
): { readonly [name: string]: Schema.Json } =>
  Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) =>
      value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
        ? []
        : [[name, value]],
    ),
  );
