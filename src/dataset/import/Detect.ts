/** Which format the records of a source are in, by their first few. */
import * as Path from "node:path";
import * as Fs from "node:fs";
import type { Format } from "./Format.ts";
import type { Bounds, Source } from "./Source.ts";
import * as Bytes from "./source/Bytes.ts";
import * as Open from "./source/Open.ts";

/** Records that are looked at. */
const LOOK = 5;

/** Throws a Fault where none or several formats fit. */
export const detect = async (
  path: string,
  formats: ReadonlyArray<Format>,
  bounds: Bounds,
): Promise<Format> => {
  if (Fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    const walked = await Promise.all(
      formats.map(async (format) => ((await format.folder?.recognises(path)) === true ? [format] : [])),
    );
    const [first, ...others] = walked.flat();
    if (first !== undefined && others.length === 0) return first;
  }
  const [source] = await Open.sources(path, { dialect: "python", bounds, folder: undefined });
  const records = source === undefined ? [] : await firstRecords(source);
  const fitting = formats.filter(
    (format) => records.length > 0 && records.every((record) => format.looksLike(record)),
  );
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return only;
  const names = (fitting.length > 0 ? fitting : formats).map(({ name }) => name).join(", ");
  const fields = Object.keys(records[0] ?? {});
  const seen =
    records.length === 0
      ? "it has no record to tell by"
      : `its records have the fields ${fields.slice(0, 12).join(", ")}${fields.length > 12 ? ", ..." : ""}`;
  throw new Bytes.Fault({
    kind: "unsupported",
    reason: `the format of ${Path.basename(source?.path ?? path)} cannot be told: ${seen}, ${fitting.length > 0 ? "which fit several formats" : "which fit none"}.`,
    remedy: `Name the format in place of "auto": ${names}.`,
  });
};

type Fields = { readonly [field: string]: unknown };

const firstRecords = async (source: Source): Promise<ReadonlyArray<Fields>> => {
  const records: Array<Fields> = [];
  for await (const { items } of source.read(null)) {
    for (const item of items) {
      // What ends the file at once is more to the point than that it has no format.
      if (item._tag === "Flawed" && records.length === 0 && item.problem.place.line === undefined) {
        throw new Bytes.Fault(item.problem);
      }
      if (item._tag === "Record" && isFields(item.value)) records.push(item.value);
      if (records.length === LOOK) return records;
    }
  }
  return records;
};

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
