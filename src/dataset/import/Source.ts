/**
 * A source of raw records: a file (JSON lines, a JSON document, CSV, parquet; plain, `.gz` or `.zst`) or a folder.
 *
 * A source is read in batches, in bounded memory, and can be read on from the position after any record. What cannot
 * be read as a record is a located problem among the records; a problem of the file as a whole is the last item.
 */
import type * as Schema from "effect/Schema";
import type { Place, Problem } from "./Problem.ts";

/** Where to read on: plain data that only the source that gave it understands. */
export type Position = { readonly [key: string]: Schema.Json };

export interface Record {
  readonly _tag: "Record";
  readonly place: Place;
  /** As parsed: not yet checked. */
  readonly value: unknown;
  /** About as long as its text, for how often to commit. */
  readonly bytes: number;
  /** After this record. */
  readonly position: Position;
}

export interface Flawed {
  readonly _tag: "Flawed";
  readonly problem: Problem;
  readonly position: Position;
}

export type Item = Record | Flawed;

export interface Batch {
  readonly items: ReadonlyArray<Item>;
  /** Bytes of the file on disk that were read so far, for a progress bar. */
  readonly bytesRead: number;
}

export interface Source {
  readonly kind: "JSON lines" | "JSON" | "CSV" | "parquet" | "folder";
  /** The file or folder. */
  readonly path: string;
  /** Bytes on disk; of a folder the number of its entries is not known beforehand: 0. */
  readonly bytes: number;
  /** From the beginning (null), or after the record that had this position. */
  readonly read: (from: Position | null) => AsyncIterable<Batch>;
}

/** How much a source may hold in memory, and how much an archive may unpack to. */
export interface Bounds {
  /** Bytes of one record's text; a longer one is a problem and is passed over without being held. */
  readonly recordBytes: number;
  /** Bytes that one archive may unpack to. */
  readonly unpackedBytes: number;
  /** Unpacked bytes for each packed one, once the first 64 MiB are unpacked. */
  readonly unpackedRatio: number;
}

export const BOUNDS: Bounds = { recordBytes: 64 << 20, unpackedBytes: 256 * 2 ** 30, unpackedRatio: 200 };
