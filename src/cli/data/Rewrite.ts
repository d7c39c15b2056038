/** From one dataset directory to another: what the commands that make attempts have in common. */
import { createHash } from "node:crypto";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import type * as Schema from "effect/Schema";
import type * as Scope from "effect/Scope";
import { DatasetError } from "../../dataset/DatasetError.ts";
import * as DatasetReader from "../../dataset/DatasetReader.ts";
import * as DatasetWriter from "../../dataset/DatasetWriter.ts";
import * as Manifest from "../../dataset/Manifest.ts";
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import { VERSION } from "../Version.ts";

export interface Source extends DatasetReader.DatasetReader {
  /** Of the manifest, which names every file by its hash. */
  readonly fingerprint: string;
}

/** Opens a dataset until the scope ends. */
export const open = Effect.fn("Rewrite.open")(function* (
  directory: string,
): Effect.fn.Return<Source, DatasetError, Scope.Scope> {
  const reader = yield* DatasetReader.open(directory);
  const fingerprint = createHash("sha256").update(JSON.stringify(reader.manifest)).digest("hex");
  return { ...reader, fingerprint };
});

/** Records that are in memory. */
export const records = <A>(items: ReadonlyArray<A>): DatasetReader.Records<A> => ({
  length: items.length,
  at: (index) => items[index],
  [Symbol.iterator]: () => items[Symbol.iterator](),
});

export function* mapped<A, B>(items: Iterable<A>, change: (item: A) => B): Iterable<B> {
  for (const item of items) yield change(item);
}

/** Runs an effect for each; a damaged record, which its reader throws, is an error. */
const each = Effect.fnUntraced(function* <A>(
  items: Iterable<A>,
  run: (item: A) => Effect.Effect<void, DatasetError>,
): Effect.fn.Return<void, DatasetError> {
  const iterator = items[Symbol.iterator]();
  const next = Effect.suspend(() => {
    try {
      return Effect.succeed(iterator.next());
    } catch (error) {
      return error instanceof DatasetError ? Effect.fail(error) : Effect.die(error);
    }
  });
  for (let item = yield* next; item.done !== true; item = yield* next) yield* run(item.value);
});

export interface Written {
  /** The command, its options and what came of it, for the manifest's chain. */
  readonly command: string;
  readonly options: Readonly<Record<string, Schema.Json>>;
  /** A function is asked once everything is written. */
  readonly counts: Readonly<Record<string, number>> | (() => Readonly<Record<string, number>>);
  readonly tasks: Iterable<Task>;
  readonly attempts: Iterable<Attempt>;
}

/** Writes what was made of some datasets as one of its own; they stay as they are. */
export const writeFrom = Effect.fn("Rewrite.writeFrom")(function* (
  sources: ReadonlyArray<Source>,
  head: Manifest.ManifestHead,
  to: { readonly out: string; readonly overwrite: boolean },
  { command, options, counts, tasks, attempts }: Written,
) {
  const writer = yield* DatasetWriter.make(to.out, { resume: false, overwrite: to.overwrite });
  yield* each(tasks, writer.task);
  yield* each(attempts, writer.attempt);
  const made: Manifest.Made = {
    command,
    drydock: VERSION,
    inputs: sources.map((source) => ({
      path: source.directory,
      sha256: source.fingerprint,
      records: source.tasks.length + source.attempts.length,
    })),
    options,
    counts: typeof counts === "function" ? counts() : counts,
  };
  const name = Path.basename(Path.resolve(to.out));
  return yield* writer.finish({ ...head, name, made: [...head.made, made] });
}, Effect.scoped);

/** Writes what was made of `source` as a dataset of its own; the source stays as it is. */
export const write = (
  source: Source,
  to: { readonly out: string; readonly overwrite: boolean },
  written: Written,
) => writeFrom([source], Manifest.headOf(source.manifest), to, written);
