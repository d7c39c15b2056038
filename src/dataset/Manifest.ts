/** dataset.json: what a dataset directory holds, where it comes from and how it was made. */
import * as nodePath from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { DatasetError } from "./DatasetError.ts";
import * as Jsonl from "./Jsonl.ts";

export const DATASET_FORMAT = 1;
export const MANIFEST = "dataset.json";

/** JSON lines in one file. */
export const DataFile = Schema.Struct({
  file: Schema.NonEmptyString,
  records: Schema.Int,
  /** Of the unpacked text; left out, the file is not checked against it. */
  sha256: Schema.optionalKey(Schema.String),
});
export type DataFile = typeof DataFile.Type;

/** One Arrow file of a table. */
export const Segment = Schema.Struct({
  /** Relative to the directory. */
  file: Schema.NonEmptyString,
  records: Schema.Int,
  bytes: Schema.Int,
  /** Of the file's bytes. */
  sha256: Schema.String,
});
export type Segment = typeof Segment.Type;

/** A table in Arrow files, one after another. */
export const DataParts = Schema.Struct({ parts: Schema.Array(Segment), records: Schema.Int });
export type DataParts = typeof DataParts.Type;

export const Data = Schema.Union([DataParts, DataFile]);
export type Data = typeof Data.Type;

/** A command that made a dataset, or changed what came before it. */
export const Made = Schema.Struct({
  /** "import humaneval", "dedupe", … */
  command: Schema.NonEmptyString,
  /** Drydock's version. */
  drydock: Schema.String,
  inputs: Schema.Array(
    Schema.Struct({
      path: Schema.String,
      sha256: Schema.optionalKey(Schema.String),
      records: Schema.optionalKey(Schema.Int),
    }),
  ),
  options: Schema.Json,
  /** What came of it: records read, kept, left out by kind, … */
  counts: Schema.Record(Schema.String, Schema.Finite),
});
export type Made = typeof Made.Type;

/** Whose work is in it. */
export const Source = Schema.Struct({
  name: Schema.NonEmptyString,
  licence: Schema.NonEmptyString,
  url: Schema.optionalKey(Schema.String),
});
export type Source = typeof Source.Type;

const head = {
  name: Schema.NonEmptyString,
  version: Schema.NonEmptyString,
  /** Where it comes from: a generator with its options, or files with their hashes. */
  source: Schema.String,
  seed: Schema.optionalKey(Schema.Int),
  licence: Schema.NonEmptyString,
  /** How it was made, for a person and for making it again. */
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  sources: Schema.optionalKey(Schema.Array(Source)),
};

/** What a writer has to be told; the rest of a manifest it counts itself. */
export const ManifestHead = Schema.Struct({
  ...head,
  /** The chain of commands that made it, the oldest first. */
  made: Schema.Array(Made),
});
export type ManifestHead = typeof ManifestHead.Type;

/** dataset.json. */
export const Manifest = Schema.Struct({
  formatVersion: Schema.Literal(DATASET_FORMAT),
  ...head,
  made: Schema.optionalKey(Schema.Array(Made)),
  /** Tasks a split. */
  splits: Schema.Struct({ train: Schema.Int, validation: Schema.Int, test: Schema.Int }),
  files: Schema.Struct({
    tasks: Data,
    attempts: Data,
    pretrainTasks: Schema.optionalKey(Data),
    pretrainAttempts: Schema.optionalKey(Data),
  }),
});
export type Manifest = typeof Manifest.Type;

/** The head of a manifest, for a dataset that is made of this one. */
export const headOf = ({
  formatVersion: _,
  splits: __,
  files: ___,
  made,
  ...rest
}: Manifest): ManifestHead => ({
  ...rest,
  made: made ?? [],
});

/** Reads dataset.json only. */
export const read = Effect.fn("Manifest.read")(function* (
  directory: string,
): Effect.fn.Return<Manifest, DatasetError> {
  const path = nodePath.join(directory, MANIFEST);
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
  const version = formatVersion(json);
  if (version !== undefined && version > DATASET_FORMAT) {
    return yield* new DatasetError({
      path,
      reason: `formatVersion is ${version}: a newer Drydock wrote it, this one reads format ${DATASET_FORMAT}.`,
      remedy: "Use a newer Drydock, or make the dataset again with this one.",
    });
  }
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

const formatVersion = (json: unknown): number | undefined =>
  typeof json === "object" &&
  json !== null &&
  "formatVersion" in json &&
  typeof json.formatVersion === "number"
    ? json.formatVersion
    : undefined;
