/** CSV with a header line (tabs where the file ends in .tsv): a row a record, its fields as text. */
import { isAscii } from "node:buffer";
import { finished } from "node:stream/promises";
import { type CsvError, parse } from "csv-parse";
import type { Flaw } from "../Problem.ts";
import type { Batch, Bounds, Item, Position, Source } from "../Source.ts";
import * as Bytes from "./Bytes.ts";
import * as JsonText from "./JsonText.ts";

export const make = (path: string, size: number, delimiter: "," | "\t", bounds: Bounds): Source => ({
  kind: "CSV",
  path,
  bytes: size,
  read: (from) => read(path, from, delimiter, bounds),
});

/** What the parser finds, in the file's order. */
type Found = { readonly line: number } & (
  | { readonly fields: ReadonlyArray<string>; readonly bytes: number }
  | { readonly error: CsvError | undefined }
);

async function* read(
  path: string,
  from: Position | null,
  delimiter: "," | "\t",
  bounds: Bounds,
): AsyncGenerator<Batch> {
  const done = Number(from?.["row"] ?? 0);
  let row = 0;
  let bytesRead = 0;
  let header: ReadonlyArray<string> | undefined;
  let found: Array<Found> = [];
  let bytesBefore = 0;
  const parser = parse({
    delimiter,
    record_delimiter: ["\r\n", "\n"],
    // A byte a character, whatever the encoding: what is not UTF-8 is told of its record.
    encoding: "latin1",
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: bounds.recordBytes,
    on_record: (fields: ReadonlyArray<string>, { lines, bytes }) => {
      found.push({ line: lines, fields, bytes: bytes - bytesBefore });
      bytesBefore = bytes;
      return null;
    },
    on_skip: (error) => {
      found.push({ line: Number(error?.["lines"] ?? 0), error });
      return undefined;
    },
  });
  parser.resume();

  const item = (one: Found): ReadonlyArray<Item> => {
    const place = { file: path, line: one.line };
    if (header === undefined && "fields" in one) {
      header = one.fields;
      return [];
    }
    row++;
    if (row <= done) return [];
    const flawed = (flaw: Flaw): ReadonlyArray<Item> => [
      { _tag: "Flawed", problem: { ...flaw, place }, position: { row } },
    ];
    if ("error" in one) return flawed(csvFlaw(one.error, bounds));
    const names = header ?? [];
    if (one.fields.length !== names.length) {
      const reason = `${one.fields.length} fields, the header has ${names.length}`;
      return flawed({ kind: "does not parse", reason });
    }
    const value: Record<string, string> = {};
    for (const [index, field] of one.fields.entries()) {
      const text = utf8(field);
      if (typeof text !== "string") return flawed(text);
      value[utf8Or(names[index] ?? "")] = text;
    }
    return [{ _tag: "Record", place, value, bytes: one.bytes, position: { row } }];
  };
  const items = (): ReadonlyArray<Item> => {
    const taken = found;
    found = [];
    return taken.flatMap(item);
  };

  try {
    let offset = 0;
    for await (const chunk of Bytes.unpacked(path, 0, bounds)) {
      bytesRead = chunk.read;
      parser.write(chunk.bytes.subarray(offset === 0 ? Bytes.textStart(chunk.bytes) : 0));
      offset += chunk.bytes.length;
      const some = items();
      if (some.length > 0) yield { items: some, bytesRead };
    }
    parser.end();
    await finished(parser);
    const rest = items();
    if (rest.length > 0) yield { items: rest, bytesRead };
  } catch (cause) {
    const rest = items();
    const problem = { ...Bytes.faultOf(cause).flaw, place: { file: path } };
    yield { items: [...rest, { _tag: "Flawed", problem, position: { row: row + 1 } }], bytesRead };
  } finally {
    parser.destroy();
  }
}

/** A field's text from its bytes as characters. */
const utf8 = (field: string): string | Flaw => {
  const bytes = Buffer.from(field, "latin1");
  if (isAscii(bytes)) return field;
  return JsonText.encodingFlaw(bytes) ?? bytes.toString("utf8");
};

const utf8Or = (field: string): string => {
  const text = utf8(field);
  return typeof text === "string" ? text : field;
};

const csvFlaw = (error: CsvError | undefined, bounds: Bounds): Flaw =>
  error?.code === "CSV_MAX_RECORD_SIZE"
    ? JsonText.tooLong(undefined, bounds.recordBytes)
    : { kind: "does not parse", reason: `not valid CSV: ${error?.message ?? "unknown error"}` };
