/**
 * Imports published datasets: sources -> format -> checks -> dataset directory, record by record in bounded memory.
 *
 * What is wrong with a record is counted by kind with its first places; the import stops there, or goes on without the
 * record (`onError`). The directory is in place only once everything is in it. Commits carry the position in the
 * sources, so that an import that was killed goes on from the last one and ends with the same dataset.
 */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import { DatasetError } from "../DatasetError.ts";
import * as DatasetWriter from "../DatasetWriter.ts";
import type { Manifest } from "../Manifest.ts";
import * as Base from "./Base.ts";
import * as Format from "./Format.ts";
import { FORMATS } from "./formats/Table.ts";
import * as Inputs from "./Inputs.ts";
import * as Intake from "./Intake.ts";
import * as Problem from "./Problem.ts";
import * as Provenance from "./Provenance.ts";
import type { Bounds, Position, Source } from "./Source.ts";

export interface Options extends Intake.Settings {
  /** A format's name, or "auto". */
  readonly format: string;
  readonly paths: ReadonlyArray<string>;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly name?: string;
  readonly licence?: string;
  /** Records at most. */
  readonly limit?: number;
  /** A dataset whose tasks come first, for formats that hold attempts alone. */
  readonly tasks?: string;
  /** Who wrote the attempts, where the records do not say. */
  readonly origin?: string;
  readonly formatOptions: Omit<Format.Options, "languages" | "split">;
  readonly bounds: Bounds;
  /** How much is read between two commits. */
  readonly commitEvery: { readonly records: number; readonly bytes: number };
  /** For the manifest: the command line, and Drydock's version. */
  readonly command: string;
  readonly version: string;
}

/** What an import needs of elsewhere. */
export interface Services<E> extends Intake.Services<E> {
  readonly onProgress: (progress: Progress) => Effect.Effect<void>;
}

export interface Progress {
  readonly step: "hashing" | "importing";
  readonly file: string;
  /** Of all inputs, on disk. 0 where that is not known (folders). */
  readonly bytes: number;
  readonly bytesRead: number;
  readonly records: number;
  readonly problems: number;
}

export interface Report extends Intake.Tally {
  readonly format: string;
  readonly records: number;
  readonly tasks: number;
  readonly attempts: number;
  readonly manifest: Manifest;
}

/** What a commit keeps. */
const State = Schema.Struct({
  /** Of the inputs and of every option that the dataset depends on. */
  fingerprint: Schema.String,
  source: Schema.Int,
  position: Schema.NullOr(Schema.Record(Schema.String, Schema.Json)),
  records: Schema.Int,
  perSource: Schema.Array(Schema.Int),
  problems: Problem.Tally,
  leftOut: Schema.Record(Schema.String, Schema.Int),
});
const decodeState = Schema.decodeUnknownEffect(State);

/** Half of what a segment may be, since a whole one is held several times over while it is written. */
const SEGMENT = { rows: 50_000, bytes: 32 << 20 };

/** Imports, and says what became of every record. */
export const run = Effect.fn("Import.run")(function* <E>(
  options: Options,
  services: Services<E>,
  formats: ReadonlyArray<Format.Format> = FORMATS,
): Effect.fn.Return<Report, DatasetError | E, Scope.Scope> {
  const format = yield* Inputs.formatOf(options, formats);
  const base = options.tasks === undefined ? undefined : yield* Base.open(options.tasks);
  const sources = yield* Inputs.open(options.paths, format, options.bounds);
  const bytes = sources.reduce((sum, source) => sum + source.bytes, 0);
  const hashes = yield* Inputs.hashes(sources, (source, bytesRead) =>
    services.onProgress({ step: "hashing", file: source.path, bytes, bytesRead, records: 0, problems: 0 }),
  );
  const relevant = {
    format: format.name,
    inputs: sources.map(({ path }, index) => hashes[index] ?? path),
    base: base?.reader.manifest.files.tasks,
    options: [
      options.onError,
      options.split ?? null,
      options.limit ?? null,
      options.languages ?? null,
      options.origin ?? null,
      options.formatOptions,
    ],
  };
  const fingerprint = createHash("sha256").update(JSON.stringify(relevant)).digest("hex");
  const writer = yield* DatasetWriter.make(options.out, {
    resume: options.resume,
    overwrite: options.overwrite,
    segment: SEGMENT,
  });
  const resumed = writer.resumed === null ? undefined : yield* decodeState(writer.resumed).pipe(Effect.orDie);
  if (resumed !== undefined && resumed.fingerprint !== fingerprint) {
    return yield* new DatasetError({
      path: options.out,
      reason: "the interrupted import was of other files, or with other options.",
      remedy: "Repeat it with the same ones and --resume, or begin anew with --overwrite.",
    });
  }

  const intake = Intake.make({ settings: options, format, base, writer, services, before: resumed });
  let records = resumed?.records ?? 0;
  const perSource = sources.map((_, index) => resumed?.perSource[index] ?? 0);
  const formatOptions: Format.Options = {
    ...options.formatOptions,
    languages: options.languages ?? Format.OPTIONS.languages,
    ...(options.split === undefined ? {} : { split: options.split }),
  };

  const commit = (source: number, position: Position | null) =>
    writer.commit({ fingerprint, source, position, records, perSource: [...perSource], ...intake.tally() });

  if (resumed === undefined) {
    for (const task of base?.reader.tasks ?? []) yield* writer.task(task);
    yield* commit(0, null);
  }

  let sinceCommit = { records: 0, bytes: 0 };
  let finished = sources.slice(0, resumed?.source ?? 0).reduce((sum, source) => sum + source.bytes, 0);
  for (const [index, source] of sources.entries()) {
    if (index < (resumed?.source ?? 0)) continue;
    const context: Format.Context = {
      options: formatOptions,
      file: source.path,
      origin: options.origin ?? Inputs.stem(source.path),
      task: (id) => base?.task(id),
      taskWith: (statement) => base?.taskWith(statement),
    };
    const from = index === resumed?.source ? resumed.position : null;
    yield* Effect.scoped(
      Effect.gen(function* () {
        const batches = yield* opened(source, from);
        for (;;) {
          if (records >= (options.limit ?? Number.POSITIVE_INFINITY)) return;
          const next = yield* batches;
          if (next === undefined) return;
          for (const item of next.items) {
            if (records >= (options.limit ?? Number.POSITIVE_INFINITY)) return;
            records++;
            perSource[index] = (perSource[index] ?? 0) + 1;
            yield* intake.take(item, context);
            sinceCommit = {
              records: sinceCommit.records + 1,
              bytes: sinceCommit.bytes + (item._tag === "Record" ? item.bytes : 0),
            };
            const { commitEvery } = options;
            if (sinceCommit.records >= commitEvery.records || sinceCommit.bytes >= commitEvery.bytes) {
              sinceCommit = { records: 0, bytes: 0 };
              yield* commit(index, item.position);
            }
          }
          yield* services.onProgress({
            step: "importing",
            file: source.path,
            bytes,
            bytesRead: finished + next.bytesRead,
            records,
            problems: intake.problemCount(),
          });
        }
      }),
    );
    finished += source.bytes;
  }

  const counts = writer.counts();
  const { problems, leftOut } = intake.tally();
  if (counts.tasks === 0) {
    yield* Intake.discard(options.out);
    return yield* new DatasetError({
      path: options.paths.join(", "),
      reason: `no task came out of ${records} records${described(problems, leftOut)}.`,
      remedy: "Check the format and --language; nothing was imported.",
    });
  }
  const manifest = yield* writer.finish(
    Provenance.head(options, format, sources, hashes, perSource, base?.reader.manifest, {
      records,
      ...counts,
      ...Object.fromEntries(Object.entries(problems).map(([kind, { count }]) => [`problem: ${kind}`, count])),
      ...Object.fromEntries(Object.entries(leftOut).map(([reason, count]) => [`left out: ${reason}`, count])),
    }),
  );
  return { format: format.name, records, ...counts, problems, leftOut, manifest };
});

/** A source's batches one by one; its reading ends with the scope. */
const opened = (source: Source, from: Position | null) =>
  Effect.gen(function* () {
    const iterator = yield* Effect.acquireRelease(
      Effect.sync(() => source.read(from)[Symbol.asyncIterator]()),
      (it) => Effect.promise(async () => it.return?.()),
    );
    return Inputs.attempted(source.path, async () => {
      const next = await iterator.next();
      return next.done === true ? undefined : next.value;
    });
  });

const described = (problems: Problem.Tally, leftOut: Readonly<Record<string, number>>): string => {
  const all = [
    ...Object.entries(problems).map(([kind, { count }]) => `${count} ${kind}`),
    ...Object.entries(leftOut).map(([reason, count]) => `${count} times ${reason}`),
  ];
  return all.length === 0 ? "" : ` (${all.join(", ")})`;
};
