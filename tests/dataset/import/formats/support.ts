/** Records through a format, as the importer would give them. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import type { Task } from "../../../../src/domain/Task.ts";
import * as Format from "../../../../src/dataset/import/Format.ts";
import type { Flaw } from "../../../../src/dataset/import/Problem.ts";
import { BOUNDS } from "../../../../src/dataset/import/Source.ts";
import * as Open from "../../../../src/dataset/import/source/Open.ts";
import type { Attempt } from "../../../../src/domain/Attempt.ts";

export interface Imported {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
  readonly flaws: ReadonlyArray<Flaw>;
  /** Reason -> how many. */
  readonly leftOut: Readonly<Record<string, number>>;
}

export const fixture = (...parts: ReadonlyArray<string>): string =>
  Path.join(import.meta.dirname, "../fixtures", ...parts);

export const context = (file: string, options: Partial<Format.Options> = {}): Format.Context => ({
  options: { ...Format.OPTIONS, ...options },
  file,
  origin: Path.basename(file).replace(/\..*$/, ""),
  task: () => undefined,
  taskWith: () => undefined,
});

/** What the records become, together. */
export const converted = (
  format: Format.Format,
  values: ReadonlyArray<unknown>,
  given: Format.Context,
): Imported => {
  const all = values.map((value) => format.read(value, given));
  const leftOut: Record<string, number> = {};
  for (const reason of all.flatMap((one) => one.leftOut ?? [])) leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  return {
    tasks: all.flatMap((one) => one.tasks ?? []),
    attempts: all.flatMap((one) => one.attempts ?? []),
    flaws: all.flatMap((one) => one.flaws ?? []),
    leftOut,
  };
};

/** All records of a file or folder. */
export const records = async (format: Format.Format, path: string): Promise<ReadonlyArray<unknown>> => {
  const sources = await Open.sources(path, {
    dialect: format.json ?? "plain",
    bounds: BOUNDS,
    folder: format.folder,
  });
  const values: Array<unknown> = [];
  for (const source of sources) {
    for await (const { items } of source.read(null)) {
      for (const item of items) {
        if (item._tag === "Flawed") throw new Error(item.problem.reason);
        values.push(item.value);
      }
    }
  }
  return values;
};

export const imported = async (
  format: Format.Format,
  path: string,
  options: Partial<Format.Options> = {},
): Promise<Imported> => converted(format, await records(format, path), context(path, options));

/** A text as a file's only content, in a folder that the caller removes. */
export const written = (directory: string, name: string, text: string): string => {
  const path = Path.join(directory, name);
  Fs.mkdirSync(Path.dirname(path), { recursive: true });
  Fs.writeFileSync(path, text);
  return path;
};
