/** What is imported: its format, its sources, their hashes (for the manifest, and to tell that a resumed import reads the same). */
import { createHash } from "node:crypto";
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import { DatasetError } from "../DatasetError.ts";
import * as Detect from "./Detect.ts";
import type { Format } from "./Format.ts";
import type { Bounds, Source } from "./Source.ts";
import * as Bytes from "./source/Bytes.ts";
import * as Open from "./source/Open.ts";

export const sentence = (text: string): string => (text.endsWith(".") ? text : `${text}.`);

/** Runs what may throw a Fault of a path. */
export const attempted = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, DatasetError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const { flaw } = Bytes.faultOf(cause);
      return new DatasetError({
        path,
        reason: sentence(flaw.reason),
        remedy: flaw.remedy ?? "Check the file.",
      });
    },
  });

interface Wanted {
  readonly format: string;
  readonly paths: ReadonlyArray<string>;
  readonly out: string;
  readonly tasks?: string;
  readonly bounds: Bounds;
}

/** The format that is named, or that the first path's records are in. */
export const formatOf = Effect.fnUntraced(function* (
  wanted: Wanted,
  formats: ReadonlyArray<Format>,
): Effect.fn.Return<Format, DatasetError> {
  const [first] = wanted.paths;
  if (first === undefined) {
    return yield* new DatasetError({
      path: wanted.out,
      reason: "there is nothing to import.",
      remedy: "Name the files or folders of the dataset.",
    });
  }
  const format =
    wanted.format === "auto"
      ? yield* attempted(first, () => Detect.detect(first, formats, wanted.bounds))
      : formats.find(({ name }) => name === wanted.format);
  if (format === undefined) {
    return yield* new DatasetError({
      path: wanted.format,
      reason: "there is no such format.",
      remedy: `Name one of: auto, ${formats.map(({ name }) => name).join(", ")}.`,
    });
  }
  if (format.gives === "attempts" && wanted.tasks === undefined) {
    return yield* new DatasetError({
      path: first,
      reason: `${format.name} has attempts alone, without the tasks.`,
      remedy: "Import the tasks first, and name that dataset with --tasks DIR.",
    });
  }
  return format;
});

/** The sources of all paths, in order. */
export const open = (
  paths: ReadonlyArray<string>,
  format: Format,
  bounds: Bounds,
): Effect.Effect<ReadonlyArray<Source>, DatasetError> =>
  Effect.map(
    Effect.forEach(paths, (path) =>
      attempted(path, () =>
        Open.sources(path, {
          dialect: format.json ?? "plain",
          bounds,
          folder: format.folder,
          ...(format.files === undefined ? {} : { files: format.files }),
        }),
      ),
    ),
    (each) => each.flat(),
  );

/**
 * SHA-256 of each file as it is on disk; undefined of a folder.
 * @param onProgress told before each file and after it, with the bytes read so far
 */
export const hashes = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  onProgress: (source: Source, bytesRead: number) => Effect.Effect<void>,
): Effect.fn.Return<ReadonlyArray<string | undefined>, DatasetError> {
  const all: Array<string | undefined> = [];
  let read = 0;
  for (const source of sources) {
    if (source.kind === "folder") {
      all.push(undefined);
      continue;
    }
    const hash = createHash("sha256");
    const file = Fs.createReadStream(source.path, { highWaterMark: 1 << 20 })[Symbol.asyncIterator]();
    for (;;) {
      yield* onProgress(source, read);
      const piece = yield* attempted(source.path, () => file.next());
      if (piece.done === true) break;
      const bytes = piece.value as Buffer;
      hash.update(bytes);
      read += bytes.length;
    }
    all.push(hash.digest("hex"));
  }
  return all;
});

/** "labelled/mbpp-llama.json.gz" -> "mbpp-llama". */
export const stem = (path: string): string =>
  Path.basename(path).replace(/(?:\.(?:jsonl|ndjson|json|parquet|csv|tsv))?(?:\.(?:gz|zst|zstd))?$/, "");
