/** Opens a segment that a manifest or a journal names, and checks that it is the one. */
import { createHash } from "node:crypto";
import * as nodePath from "node:path";
import { DatasetError } from "../DatasetError.ts";
import { readError } from "../Jsonl.ts";
import type { Segment as SegmentFile } from "../Manifest.ts";
import type { Column } from "./Columns.ts";
import * as MappedFile from "./MappedFile.ts";
import * as Segment from "./Segment.ts";

export interface OpenSegment {
  readonly segment: Segment.Segment;
  /** Lets the process's pages of it go; reading it again costs a little more. */
  readonly release: () => void;
  readonly close: () => void;
}

const REMEDY = "Fetch or make the dataset again.";

/** Checks length, columns and number of records; reads no rows. Throws a DatasetError. */
export const open = (
  directory: string,
  { file, records, bytes }: SegmentFile,
  columns: ReadonlyArray<Column>,
): OpenSegment => {
  const path = nodePath.join(directory, file);
  const mapped = mapFile(path);
  const fail = (reason: string): DatasetError => {
    mapped.close();
    return new DatasetError({ path, reason, remedy: REMEDY });
  };
  if (mapped.bytes.length !== bytes) {
    throw fail(
      `the file has ${mapped.bytes.length} bytes, dataset.json says ${bytes}: it is cut short or another file.`,
    );
  }
  let segment: Segment.Segment;
  try {
    segment = Segment.decode(columns, mapped.bytes);
  } catch (cause) {
    throw fail(`not a segment of this dataset: ${cause instanceof Error ? cause.message : String(cause)}.`);
  }
  if (segment.length !== records) {
    throw fail(`the file holds ${segment.length} records, dataset.json says ${records}.`);
  }
  return { segment, release: mapped.release, close: mapped.close };
};

/** Reads the whole file and compares its hash. Throws a DatasetError. */
export const checkHash = (directory: string, { file, sha256 }: SegmentFile): void => {
  const path = nodePath.join(directory, file);
  const mapped = mapFile(path);
  const found = createHash("sha256").update(mapped.bytes).digest("hex");
  mapped.close();
  if (found !== sha256) {
    throw new DatasetError({
      path,
      reason: `the file is damaged or another one: SHA-256 ${found}, dataset.json says ${sha256}.`,
      remedy: REMEDY,
    });
  }
};

const mapFile = (path: string): MappedFile.MappedFile => {
  try {
    return MappedFile.open(path);
  } catch (cause) {
    throw readError(path, cause);
  }
};
