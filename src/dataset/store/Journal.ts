/**
 * What makes an unfinished dataset resumable: `journal/commit.json`, replaced whole at each commit, says which
 * segments count and what the importer's position is; `journal/TABLE-NNNNN.jsonl` holds the committed rows that are
 * in no segment yet, as lines of cells. Whatever else lies there is of work that was not committed.
 */
import * as fs from "node:fs";
import * as nodePath from "node:path";
import * as Schema from "effect/Schema";
import { Segment } from "../Manifest.ts";
import type { Cells } from "./Columns.ts";

export const JOURNAL = "journal";
const COMMIT = "commit.json";
const FORMAT = 1;

const TableCommit = Schema.Struct({
  parts: Schema.Array(Segment),
  /** Of the lines of rows that are in no segment yet. */
  pendingBytes: Schema.Int,
});

export const Commit = Schema.Struct({
  formatVersion: Schema.Literal(FORMAT),
  tasks: TableCommit,
  attempts: TableCommit,
  state: Schema.Json,
});
export type Commit = typeof Commit.Type;

/** A commit without its format version, which is this module's affair. */
export type Committed = Omit<Commit, "formatVersion">;

export const commitPath = (partial: string): string => nodePath.join(partial, JOURNAL, COMMIT);

export const linesPath = (partial: string, table: string, segment: number): string =>
  nodePath.join(partial, JOURNAL, `${table}-${String(segment).padStart(5, "0")}.jsonl`);

export const encode = (commit: Committed): Uint8Array =>
  Buffer.from(JSON.stringify({ formatVersion: FORMAT, ...commit }));

/** The last commit of an unfinished dataset; undefined where there is none. Throws where it is damaged. */
export const read = (partial: string): Commit | undefined => {
  const path = commitPath(partial);
  if (!fs.existsSync(path)) return undefined;
  return Schema.decodeUnknownSync(Commit)(JSON.parse(fs.readFileSync(path, "utf8")));
};

const Lines = Schema.Array(
  Schema.NullOr(Schema.Union([Schema.String, Schema.Finite, Schema.Array(Schema.Finite)])),
);

/** The rows of a table that its last commit has and no segment. Throws where the file is shorter. */
export const readLines = (path: string, bytes: number): Array<Cells> => {
  if (bytes === 0) return [];
  const text = fs.readFileSync(path).subarray(0, bytes);
  if (text.length < bytes) throw new Error(`${path} has ${text.length} bytes, expected ${bytes}`);
  const decode = Schema.decodeUnknownSync(Lines);
  return text
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => decode(JSON.parse(line)));
};
