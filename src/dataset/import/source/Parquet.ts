/**
 * Parquet: a row a record, read row group by row group, a large group in several parts.
 *
 * Numbers of 64 bits are numbers where JavaScript keeps them and decimal text otherwise; times are ISO text; texts that
 * are not UTF-8 are a problem of their row.
 */
import { isUtf8 } from "node:buffer";
import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { Batch, Bounds, Item, Position, Source } from "../Source.ts";
import * as Bytes from "./Bytes.ts";
import * as JsonText from "./JsonText.ts";

export const make = (path: string, size: number, bounds: Bounds): Source => ({
  kind: "parquet",
  path,
  bytes: size,
  read: (from) => read(path, from, size, bounds),
});

export const isParquet = (head: Uint8Array): boolean =>
  Buffer.from(head.subarray(0, 4)).toString("latin1") === "PAR1";

/** Unpacked bytes that are read at once, as far as a group can be cut. */
const PART = 64 << 20;
/** Rows at most that are given on at once. */
const ROWS = 512;

async function* read(
  path: string,
  from: Position | null,
  size: number,
  bounds: Bounds,
): AsyncGenerator<Batch> {
  let row = Number(from?.["row"] ?? 0);
  let bytesRead = 0;
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    const parts = partsOf(metadata, size, bounds);
    for (const part of parts) {
      if (part.end > row) {
        const start = Math.max(part.start, row);
        const rows = await parquetReadObjects({
          file,
          metadata,
          compressors: guarded(bounds),
          rowStart: start,
          rowEnd: part.end,
          useOffsetIndex: true,
          parsers: { stringFromBytes: textOf },
          geoparquet: false,
        });
        for (let at = 0; at < rows.length; at += ROWS) {
          const some = rows.slice(at, at + ROWS).map((value): Item => {
            row++;
            const position = { row };
            const place = { file: path, row };
            try {
              return { _tag: "Record", place, value: plain(value), bytes: part.rowBytes, position };
            } catch (cause) {
              return { _tag: "Flawed", problem: { ...Bytes.faultOf(cause).flaw, place }, position };
            }
          });
          yield { items: some, bytesRead };
        }
      }
      bytesRead += part.bytes;
    }
  } catch (cause) {
    const fault =
      cause instanceof Bytes.Fault || isSystem(cause) ? Bytes.faultOf(cause) : damaged(cause, size);
    const place = row === 0 ? { file: path } : { file: path, row: row + 1 };
    yield {
      items: [{ _tag: "Flawed", problem: { ...fault.flaw, place }, position: { row: row + 1 } }],
      bytesRead,
    };
  }
}

const isSystem = (cause: unknown): boolean => cause instanceof Error && "errno" in cause;

const damaged = (cause: unknown, size: number): Bytes.Fault => {
  const why = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ");
  const cut = /footer|metadata length|too short|bounds/i.test(why) || size < 12;
  return new Bytes.Fault({
    kind: cut ? "truncated archive" : "unreadable file",
    reason: cut ? `not a whole parquet file: ${why}` : `parquet that cannot be read: ${why}`,
    remedy: "Fetch it again.",
  });
};

interface Part {
  readonly start: number;
  readonly end: number;
  /** Of the file, for the progress. */
  readonly bytes: number;
  readonly rowBytes: number;
}

/** The row groups, large ones cut so that a part unpacks to about PART. */
const partsOf = (metadata: FileMetaData, size: number, bounds: Bounds): ReadonlyArray<Part> => {
  const parts: Array<Part> = [];
  let start = 0;
  const unpacked = metadata.row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0);
  if (unpacked > bounds.unpackedBytes || unpacked > Math.max(64 << 20, bounds.unpackedRatio * size)) {
    throw new Bytes.Fault({
      kind: "archive too large",
      reason: `${size} bytes unpack to ${unpacked}`,
      remedy: "If that is right, allow more with --max-unpacked and --max-ratio.",
    });
  }
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    const count = Math.max(1, Math.min(rows, Math.ceil(Number(group.total_byte_size) / PART)));
    for (let part = 0; part < count; part++) {
      const from = Math.floor((rows * part) / count);
      const to = Math.floor((rows * (part + 1)) / count);
      parts.push({
        start: start + from,
        end: start + to,
        bytes: (size * (Number(group.total_byte_size) / count)) / Math.max(1, unpacked),
        rowBytes: Math.ceil(Number(group.total_byte_size) / Math.max(1, rows)),
      });
    }
    start += rows;
  }
  return parts;
};

/** A page says itself how long it is when unpacked; it is not believed beyond a bound. */
const PAGE = 512 << 20;

const guarded = (bounds: Bounds): typeof compressors =>
  Object.fromEntries(
    Object.entries(compressors).map(([name, unpack]) => [
      name,
      (input: Uint8Array, length: number) => {
        if (length > PAGE || length > Math.max(64 << 20, input.length * bounds.unpackedRatio)) {
          throw new Bytes.Fault({
            kind: "archive too large",
            reason: `a page of ${input.length} bytes that unpacks to ${length}`,
            remedy: "If that is right, allow more with --max-ratio.",
          });
        }
        return unpack(input, length);
      },
    ]),
  );

/** A text that is not UTF-8, until its row is told of it. */
class NotText {
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

const textOf = (bytes: Uint8Array | undefined): unknown => {
  if (bytes === undefined) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString("utf8") : new NotText(Buffer.from(buffer));
};

/** A value of a row as JSON has it. Throws a Fault of a text that is not UTF-8. */
const plain = (value: unknown): unknown => {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  }
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof NotText) {
    throw new Bytes.Fault(JsonText.encodingFlaw(value.bytes) ?? { kind: "not UTF-8", reason: "not UTF-8" });
  }
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.isArray(value) ? value : Array.from(value as Uint8Array, plain);
  if (Array.isArray(value)) return value.map(plain);
  // A null of parquet is an absent field, as in a format's schema.
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, plain(field)]));
};
