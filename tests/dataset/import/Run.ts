/** Runs an import with the options of a test over usual ones. */
import * as Effect from "effect/Effect";
import type { DatasetError } from "../../../src/dataset/DatasetError.ts";
import * as Format from "../../../src/dataset/import/Format.ts";
import * as Import from "../../../src/dataset/import/Import.ts";
import { BOUNDS } from "../../../src/dataset/import/Source.ts";

export const options = (
  paths: ReadonlyArray<string>,
  out: string,
  change: Partial<Import.Options> = {},
): Import.Options => ({
  format: "auto",
  paths,
  out,
  onError: "stop",
  resume: false,
  overwrite: false,
  formatOptions: { passes: Format.OPTIONS.passes, reasoning: Format.OPTIONS.reasoning },
  bounds: BOUNDS,
  commitEvery: { records: 100, bytes: 1 << 20 },
  command: "import",
  version: "test",
  ...change,
});

export const services: Import.Services<never> = {
  syntax: () => undefined,
  onProgress: () => Effect.void,
};

export const run = (
  paths: ReadonlyArray<string>,
  out: string,
  change: Partial<Import.Options> = {},
  use: Partial<Import.Services<never>> = {},
): Effect.Effect<Import.Report, DatasetError> =>
  Effect.scoped(Import.run(options(paths, out, change), { ...services, ...use }));
