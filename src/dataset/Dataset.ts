/**
 * A dataset directory: tasks with tests, and attempts at them.
 *
 *     dataset.json            the manifest: name, source, seed, counts, SHA-256 of the files' text, licence
 *     tasks.jsonl[.gz], or tasks/00000.arrow …          one Task a line, or a row
 *     attempts.jsonl[.gz], or attempts/00000.arrow …    one Attempt a line, labelled where the dataset has labels
 *     pretrain-tasks.jsonl[.gz], pretrain-attempts.jsonl[.gz]    optional: a corpus for behaviour cloning
 *     CARD.md                 what, how made, licence, figures
 */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import type { Attempt } from "../domain/Attempt.ts";
import type { Task } from "../domain/Task.ts";
import { DatasetError } from "./DatasetError.ts";
import * as DatasetReader from "./DatasetReader.ts";
import * as Jsonl from "./Jsonl.ts";
import * as Manifest from "./Manifest.ts";

/** A dataset in memory: tasks by id are unique, every attempt belongs to one of them. */
export interface Dataset {
  readonly manifest: Manifest.Manifest;
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
export const load = (directory: string, options: LoadOptions = {}): Effect.Effect<Dataset, DatasetError> =>
  Effect.scoped(read(directory, options)).pipe(Effect.withSpan("Dataset.load"));

const read = Effect.fnUntraced(function* (directory: string, options: LoadOptions) {
  const manifest = yield* Manifest.read(directory);
  const { files } = manifest;
  const tasks = yield* all(yield* DatasetReader.openTasks(directory, files.tasks));
  if (options.part === "none") return { manifest, tasks, attempts: [] };
  if (options.part !== "pretrain") {
    return {
      manifest,
      tasks,
      attempts: yield* all(yield* DatasetReader.openAttempts(directory, files.attempts, tasks, files.tasks)),
    };
  }
  const { pretrainTasks, pretrainAttempts } = files;
  if (pretrainTasks === undefined || pretrainAttempts === undefined) {
    return yield* new DatasetError({
      path: nodePath.join(directory, Manifest.MANIFEST),
      reason: "this dataset has no corpus for pre-training (files.pretrainTasks, files.pretrainAttempts).",
      remedy: "Use its attempts, or a dataset that has one.",
    });
  }
  const corpus = yield* all(yield* DatasetReader.openTasks(directory, pretrainTasks));
  const attempts = yield* all(
    yield* DatasetReader.openAttempts(directory, pretrainAttempts, corpus, pretrainTasks),
  );
  const held = tasks.filter((task) => task.split !== "train");
  return { manifest, tasks: [...corpus, ...held], attempts };
});

/** The records in memory; a damaged one fails. */
const all = <A>(records: DatasetReader.Records<A>): Effect.Effect<ReadonlyArray<A>, DatasetError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(Array.from(records));
    } catch (cause) {
      return cause instanceof DatasetError ? Effect.fail(cause) : Effect.die(cause);
    }
  });
export interface SaveOptions
  extends Pick<Manifest.Manifest, "name" | "version" | "source" | "licence" | "seed" | "options"> {
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
): Effect.fn.Return<Manifest.Manifest, DatasetError> {
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
  const manifest: Manifest.Manifest = {
    formatVersion: Manifest.DATASET_FORMAT,
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
