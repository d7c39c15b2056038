/** Events as rows: encoded on the way in, decoded on the way out (NaN and infinities survive). */
import * as Schema from "effect/Schema";
import { type LoggedEvent, RunEvent } from "../domain/RunEvent.ts";
import type { Database, Row } from "./Database.ts";
import { StoreError } from "./RunStore.ts";

const codec = Schema.toCodecJson(RunEvent);
const encode = Schema.encodeSync(codec);
const decode = Schema.decodeUnknownSync(codec);

export const head = (db: Database): number =>
  Number(db.all("SELECT coalesce(max(seq), 0) AS seq FROM events")[0]?.["seq"] ?? 0);

export const insert = (db: Database, logged: LoggedEvent): void => {
  db.all("INSERT INTO events (seq, at, event) VALUES (?, ?, ?)", [
    logged.seq,
    logged.at,
    JSON.stringify(encode(logged.event)),
  ]);
};

const fromRow = (db: Database, row: Row): LoggedEvent => {
  try {
    return {
      seq: Number(row["seq"]),
      at: Number(row["at"]),
      event: decode(JSON.parse(String(row["event"]))),
    };
  } catch (error) {
    throw new StoreError({
      reason: `event ${row["seq"]} of ${db.file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      remedy:
        "the run was written by another version of Drydock, or its database was edited: use that version",
    });
  }
};

/** Events with seq > after in order, at most `limit`. */
export const read = (db: Database, after: number, limit: number): ReadonlyArray<LoggedEvent> =>
  db
    .all("SELECT seq, at, event FROM events WHERE seq > ? ORDER BY seq LIMIT ?", [after, limit])
    .map((row) => fromRow(db, row));

/** All events with seq > after, a page at a time. */
export const pages = function* (db: Database, after: number): Generator<LoggedEvent> {
  let last = after;
  for (;;) {
    const page = read(db, last, 1000);
    yield* page;
    const end = page.at(-1);
    if (end === undefined) return;
    last = end.seq;
  }
};
