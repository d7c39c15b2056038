/**
 * A dataset directory: tasks with tests, and attempts at them.
 *
 *     dataset.json            the manifest: name, source, seed, counts, SHA-256 of the files' text, licence
 *     tasks.jsonl[.gz]        one Task a line
 *     attempts.jsonl[.gz]     one Attempt a line, labelled where the dataset has labels
 *     pretrain-tasks.jsonl[.gz], pretrain-attempts.jsonl[.gz]    optional: a corpus for behaviour cloning
 *     CARD.md                 what, how made, licence, figures
 */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { Attempt } from "../domain/Attempt.ts";
import { Task, testCount } from "../domain/Task.ts";
import { DatasetError } from "./DatasetError.ts";
import * as Jsonl from "./Jsonl.ts";

export const DATASET_FORMAT = 1;

const DataFile = Schema.Struct({
  file: Schema.NonEmptyString,
  records: Schema.Int,
  /** Of the unpacked text; left out, the file is not checked against it. */
  sha256: Schema.optionalKey(Schema.String),
});
export type DataFile = typeof DataFile.Type;

/** dataset.json. */
export const Manifest = Schema.Struct({
  formatVersion: Schema.Literal(DATASET_FORMAT),
  name: Schema.NonEmptyString,
  version: Schema.NonEmptyString,
  /** Where it comes from: a generator with its options, or files with their hashes. */
  source: Schema.String,
  seed: Schema.optionalKey(Schema.Int),
  licence: Schema.NonEmptyString,
  /** Tasks a split. */
  splits: Schema.Struct({ train: Schema.Int, validation: Schema.Int, test: Schema.Int }),
  files: Schema.Struct({
    tasks: DataFile,
    attempts: DataFile,
    pretrainTasks: Schema.optionalKey(DataFile),
    pretrainAttempts: Schema.optionalKey(DataFile),
  }),
  /** How it was made, for a person and for making it again. */
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
});
export type Manifest = typeof Manifest.Type;

/** A dataset in memory: tasks by id are unique, every attempt belongs to one of them. */
export interface Dataset {
  readonly manifest: Manifest;
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
}

export interface LoadOptions {
  /**
   * `attempts`: the tasks and the labelled attempts (the default). `pretrain`: the tasks of validation and
   * test as before, but as training tasks those of the corpus for behaviour cloning, with its attempts.
   * `none`: the tasks alone.
   */
  readonly part?: "attempts" | "pretrain" | "none";
}

/** Reads and checks a dataset directory. */
export const load = Effect.fn("Dataset.load")(function* (
  directory: string,
  options: LoadOptions = {},
): Effect.fn.Return<Dataset, DatasetError> {
  const manifest = yield* readManifest(directory);
  const tasks = yield* readPart(directory, manifest.files.tasks, Task);
  yield* checkTasks(tasks);
  if (options.part === "none") return { manifest, tasks: values(tasks), attempts: [] };
  if (options.part !== "pretrain") {
    const attempts = yield* readPart(directory, manifest.files.attempts, Attempt);
    yield* checkAttempts(attempts, tasks);
    return { manifest, tasks: values(tasks), attempts: values(attempts) };
  }
  const { pretrainTasks, pretrainAttempts } = manifest.files;
  if (pretrainTasks === undefined || pretrainAttempts === undefined) {
    return yield* new DatasetError({
      path: nodePath.join(directory, "dataset.json"),
      reason: "this dataset has no corpus for pre-training (files.pretrainTasks, files.pretrainAttempts).",
      remedy: "Use its attempts, or a dataset that has one.",
    });
  }
  const corpusTasks = yield* readPart(directory, pretrainTasks, Task);
  yield* checkTasks(corpusTasks);
  const corpusAttempts = yield* readPart(directory, pretrainAttempts, Attempt);
  yield* checkAttempts(corpusAttempts, corpusTasks);
  const held = values(tasks).filter((task) => task.split !== "train");
  return { manifest, tasks: [...values(corpusTasks), ...held], attempts: values(corpusAttempts) };
});

/** Reads dataset.json only. */
export const readManifest = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<Manifest, DatasetError> {
  const path = nodePath.join(directory, "dataset.json");
  const text = yield* Jsonl.readText(path);
  const json = yield* Effect.try({
    try: () => JSON.parse(text) as unknown,
    catch: (cause) =>
      new DatasetError({
        path,
        reason: `not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
        remedy: "Correct it, or fetch or generate the dataset again.",
      }),
  });
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(Manifest)(json),
    (error) =>
      new DatasetError({
        path,
        reason: `${error.message.replace(/\s*\n\s*/g, " ")}.`,
        remedy: "Correct it; docs/datasets.md describes the manifest.",
      }),
  );
});

interface Part<A> {
  readonly path: string;
  readonly lines: ReadonlyArray<Jsonl.Line<A>>;
  readonly file: DataFile;
  readonly sha256: string;
}

const values = <A>(part: Part<A>): Array<A> => part.lines.map(({ value }) => value);

const readPart = Effect.fnUntraced(function* <A>(
  directory: string,
  file: DataFile,
  schema: Schema.Decoder<A>,
): Effect.fn.Return<Part<A>, DatasetError> {
  const path = nodePath.join(directory, file.file);
  const { lines, sha256 } = yield* Jsonl.read(path, schema);
  return { path, lines, file, sha256 };
});

/** Comes after the checks of content, whose messages are more to the point. */
const checkHash = Effect.fnUntraced(function* <A>({
  path,
  lines,
  file,
  sha256,
}: Part<A>): Effect.fn.Return<void, DatasetError> {
  if (file.sha256 !== undefined && sha256 !== file.sha256) {
    return yield* new DatasetError({
      path,
      reason: `the file is not the one that dataset.json describes: SHA-256 ${sha256}, expected ${file.sha256} (${lines.length} records, expected ${file.records}).`,
      remedy:
        "Fetch or generate the dataset again; after a deliberate change, put the new hash and count into dataset.json.",
    });
  }
});

/** Every task has tests and its own id. */
const checkTasks = Effect.fnUntraced(function* (part: Part<Task>): Effect.fn.Return<void, DatasetError> {
  const lineOf = new Map<string, number>();
  for (const { line, value: task } of part.lines) {
    const wrong = taskFault(task, lineOf.get(task.id));
    if (wrong !== undefined) return yield* new DatasetError({ path: part.path, line, ...wrong });
    lineOf.set(task.id, line);
  }
  yield* checkHash(part);
});

type Fault = Pick<DatasetError, "reason" | "remedy">;

const taskFault = (task: Task, earlier: number | undefined): Fault | undefined => {
  if (earlier !== undefined) {
    return {
      reason: `task id "${task.id}" occurs twice, first in line ${earlier}.`,
      remedy: "Remove one of the two lines or give it another id.",
    };
  }
  if (testCount(task.tests) === 0) {
    return {
      reason: `task "${task.id}" has no tests: no program for it could be judged.`,
      remedy: 'Add cases to "tests", or remove the task.',
    };
  }
  if (
    task.tests.kind !== "assert" &&
    (task.tests.visible < 0 || task.tests.visible > task.tests.cases.length)
  ) {
    return {
      reason: `task "${task.id}" shows ${task.tests.visible} of its ${task.tests.cases.length} test cases.`,
      remedy: `Set "visible" to a number from 0 to ${task.tests.cases.length}.`,
    };
  }
  if (task.tests.kind === "call" && task.language === "javascript") {
    if (task.tests.values !== undefined || task.tests.comparison !== undefined) {
      return {
        reason: `task "${task.id}" is JavaScript, but its tests ask for Python's values or comparison.`,
        remedy: 'Remove "values" and "comparison" from its tests, or correct its language.',
      };
    }
  }
  return undefined;
};

/** Every attempt belongs to a task. */
const checkAttempts = Effect.fnUntraced(function* (
  part: Part<Attempt>,
  tasks: Part<Task>,
): Effect.fn.Return<void, DatasetError> {
  const known = new Set(tasks.lines.map(({ value }) => value.id));
  for (const { line, value } of part.lines) {
    if (!known.has(value.taskId)) {
      return yield* new DatasetError({
        path: part.path,
        line,
        reason: `attempt at task "${value.taskId}", which is not in ${nodePath.basename(tasks.path)}.`,
        remedy: "Add the task, or remove the attempt.",
      });
    }
  }
  yield* checkHash(part);
});

export interface SaveOptions
  extends Pick<Manifest, "name" | "version" | "source" | "licence" | "seed" | "options"> {
  /** Whether the data files are gzipped. */
  readonly gzip: boolean;
}

interface Records {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
}

/** Writes a dataset directory (without CARD.md). The same records give the same text. */
export const save = Effect.fn("Dataset.save")(function* (
  directory: string,
  main: Records,
  corpus: Records | undefined,
  options: SaveOptions,
): Effect.fn.Return<Manifest, DatasetError> {
  const { gzip, ...head } = options;
  yield* Effect.try({
    try: () => fs.mkdirSync(directory, { recursive: true }),
    catch: (cause) => Jsonl.readError(directory, cause),
  });
  const write = Effect.fnUntraced(function* (name: string, records: ReadonlyArray<unknown>) {
    const file = `${name}.jsonl${gzip ? ".gz" : ""}`;
    const text = Jsonl.format(records);
    yield* Jsonl.writeText(nodePath.join(directory, file), text);
    return { file, records: records.length, sha256: Jsonl.sha256(text) };
  });
  const count = (split: Task["split"]) => main.tasks.filter((task) => task.split === split).length;
  const manifest: Manifest = {
    formatVersion: DATASET_FORMAT,
    ...head,
    splits: { train: count("train"), validation: count("validation"), test: count("test") },
    files: {
      tasks: yield* write("tasks", main.tasks),
      attempts: yield* write("attempts", main.attempts),
      ...(corpus === undefined
        ? {}
        : {
            pretrainTasks: yield* write("pretrain-tasks", corpus.tasks),
            pretrainAttempts: yield* write("pretrain-attempts", corpus.attempts),
          }),
    },
  };
  yield* Jsonl.writeText(nodePath.join(directory, "dataset.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
});
