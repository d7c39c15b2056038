/** What a manifest says of an imported dataset: where it comes from, under which licence, and the command that made it. */
import * as Path from "node:path";
import type { Manifest, ManifestHead } from "../Manifest.ts";
import type { Format, Options as FormatOptions } from "./Format.ts";
import type { Source } from "./Source.ts";

/** The options of an import that are told. */
export interface Chosen {
  readonly out: string;
  readonly name?: string;
  readonly licence?: string;
  readonly onError: string;
  readonly split?: string;
  readonly limit?: number;
  readonly languages?: ReadonlyArray<string>;
  readonly tasks?: string;
  readonly origin?: string;
  readonly formatOptions: Omit<FormatOptions, "languages" | "split">;
  readonly command: string;
  readonly version: string;
}

/** What the manifest says of where the dataset comes from. */
export const head = (
  options: Chosen,
  format: Format,
  sources: ReadonlyArray<Source>,
  hashes: ReadonlyArray<string | undefined>,
  perSource: ReadonlyArray<number>,
  base: Manifest | undefined,
  counts: Readonly<Record<string, number>>,
): ManifestHead => {
  const licence = options.licence ?? format.licence;
  const chosen = {
    format: format.name,
    onError: options.onError,
    split: options.split ?? "by-source",
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.languages === undefined ? {} : { languages: [...options.languages] }),
    ...(options.tasks === undefined ? {} : { tasks: options.tasks }),
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    ...options.formatOptions,
  };
  return {
    name: options.name ?? Path.basename(Path.resolve(options.out)),
    version: "1",
    source: `${format.title}, ${format.url}`,
    licence:
      base === undefined || base.licence === licence ? licence : `${base.licence}; attempts ${licence}`,
    sources: [...(base?.sources ?? []), { name: format.title, licence, url: format.url }],
    made: [
      ...(base?.made ?? []),
      {
        command: options.command,
        drydock: options.version,
        inputs: sources.map(({ path }, index) => {
          const sha256 = hashes[index];
          return { path, ...(sha256 === undefined ? {} : { sha256 }), records: perSource[index] ?? 0 };
        }),
        options: chosen,
        counts,
      },
    ],
  };
};
