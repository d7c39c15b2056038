/** Writes one table of a dataset: rows gather, and go out as a segment when there are enough of them. */
import { createHash } from "node:crypto";
import * as nodePath from "node:path";
import type { Segment as SegmentFile } from "../Manifest.ts";
import { type Cells, type Table, size } from "./Columns.ts";
import type { Disk } from "./Disk.ts";
import * as Journal from "./Journal.ts";
import * as Segment from "./Segment.ts";

/** The most that a segment holds. */
export interface SegmentSize {
  readonly rows: number;
  readonly bytes: number;
}

export class TableWriter {
  readonly #table: Pick<Table<never>, "name" | "columns">;
  readonly #partial: string;
  readonly #most: SegmentSize;
  readonly #disk: Disk;
  readonly #parts: Array<SegmentFile>;
  #rows: Array<Cells>;
  #bytes: number;
  /** How many of the rows the journal has, and in how many bytes. */
  #journalled: number;
  #journalBytes: number;

  /** Continues after `committed`, whose rows in no segment are `pending`. */
  constructor(
    table: Pick<Table<never>, "name" | "columns">,
    partial: string,
    most: SegmentSize,
    disk: Disk,
    committed: Journal.Commit["tasks"],
    pending: Array<Cells>,
  ) {
    this.#table = table;
    this.#partial = partial;
    this.#most = most;
    this.#disk = disk;
    this.#parts = [...committed.parts];
    this.#rows = pending;
    this.#bytes = pending.reduce((sum, cells) => sum + size(cells), 0);
    this.#journalled = pending.length;
    this.#journalBytes = committed.pendingBytes;
  }

  get records(): number {
    return this.#parts.reduce((sum, { records }) => sum + records, this.#rows.length);
  }

  get parts(): ReadonlyArray<SegmentFile> {
    return this.#parts;
  }

  /** Adds a row. Where segments end depends on the rows alone, so that a resumed writer's are the same. */
  add(cells: Cells): void {
    const bytes = size(cells);
    if (this.#rows.length > 0 && this.#bytes + bytes > this.#most.bytes) this.close();
    this.#rows.push(cells);
    this.#bytes += bytes;
    if (this.#rows.length >= this.#most.rows) this.close();
  }

  /** Writes the rows at hand as a segment. */
  close(): void {
    if (this.#rows.length === 0) return;
    const bytes = Segment.encode(this.#table.columns, this.#rows);
    const file = `${this.#table.name}/${String(this.#parts.length).padStart(5, "0")}.arrow`;
    this.#disk.write(nodePath.join(this.#partial, file), bytes);
    this.#parts.push({
      file,
      records: this.#rows.length,
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    this.#rows = [];
    this.#bytes = 0;
    this.#journalled = 0;
    this.#journalBytes = 0;
  }

  /** Makes the rows at hand durable; what a commit has to say of this table. */
  journal(): Journal.Commit["tasks"] {
    const fresh = this.#rows.slice(this.#journalled);
    if (fresh.length > 0) {
      const lines = Buffer.from(fresh.map((cells) => `${JSON.stringify(cells)}\n`).join(""));
      const path = Journal.linesPath(this.#partial, this.#table.name, this.#parts.length);
      this.#disk.writeAt(path, this.#journalBytes, lines);
      this.#journalBytes += lines.length;
      this.#journalled = this.#rows.length;
    }
    return { parts: [...this.#parts], pendingBytes: this.#journalBytes };
  }
}
