/** What is wrong with a dataset's source: a kind, a place, and a reason in one line. */
import * as Schema from "effect/Schema";

/** Where a record stands. Of a folder's record, `entry` is the path within the folder. */
export interface Place {
  readonly file: string;
  /** From 1, where the file has lines. */
  readonly line?: number;
  /** From 1: a row of a table, an element of an array. */
  readonly row?: number;
  readonly entry?: string;
}

/** Every kind, in the order in which they are told. */
export const KINDS = [
  "unreadable file",
  "truncated archive",
  "archive too large",
  "not UTF-8",
  "line too long",
  "does not parse",
  "missing field",
  "wrong type",
  "unknown language",
  "empty program",
  "no tests",
  "tests do not compile",
  "reference fails",
  "pickled data",
  "duplicate task",
  "unknown task",
  "unsupported",
] as const;
export type Kind = (typeof KINDS)[number];

/** A problem without its place: what a format finds in a record. */
export interface Flaw {
  readonly kind: Kind;
  /** One line: what was found, and what was expected. */
  readonly reason: string;
  /** What to do, where that is more than to correct the record. */
  readonly remedy?: string;
}

export interface Problem extends Flaw {
  readonly place: Place;
}

/** "data.jsonl:17", "data.parquet row 3", "apps/train/0001/question.txt". */
export const placeText = ({ file, line, row, entry }: Place): string => {
  const base = entry === undefined ? file : `${file.replace(/\/+$/, "")}/${entry}`;
  return `${base}${line === undefined ? "" : `:${line}`}${row === undefined ? "" : ` row ${row}`}`;
};

/** What is told of one kind: how many, and the first places, three at most. */
export const Counted = Schema.Struct({
  count: Schema.Int,
  first: Schema.Array(Schema.Struct({ place: Schema.String, reason: Schema.String })),
});
export type Counted = typeof Counted.Type;

/** Problems by kind. Plain data, so that an interrupted import goes on counting. */
export const Tally = Schema.Record(Schema.String, Counted);
export type Tally = typeof Tally.Type;

const FIRST = 3;

/** The tally with one more problem. */
export const count = (tally: Tally, { kind, place, reason }: Problem): Tally => {
  const before = tally[kind] ?? { count: 0, first: [] };
  const first =
    before.first.length < FIRST ? [...before.first, { place: placeText(place), reason }] : before.first;
  return { ...tally, [kind]: { count: before.count + 1, first } };
};

/** A text as part of a one-line reason. */
export const shown = (value: unknown): string => {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};
