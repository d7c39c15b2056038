/** A table of a dataset as a parquet file, row group by row group: what has no fixed shape is a JSON column. */
import * as fs from "node:fs";
import { fileWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { Cells, Column } from "../store/Columns.ts";

/** Rows of a group: what is in memory at once, unless they are large. */
const ROWS = 10_000;
const BYTES = 32 * 1024 * 1024;

const elements = ({ name, kind, optional }: Column): Array<SchemaElement> => {
  const repetition_type = optional ? "OPTIONAL" : "REQUIRED";
  switch (kind) {
    case "text":
    case "words":
      return [{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type }];
    case "int32":
      return [{ name, type: "INT32", repetition_type }];
    case "int64":
      return [{ name, type: "INT64", repetition_type }];
    case "float64":
      return [{ name, type: "DOUBLE", repetition_type }];
    case "int32s":
      return [
        { name, repetition_type, num_children: 1, converted_type: "LIST" },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        { name: "element", type: "INT32", repetition_type: "REQUIRED" },
      ];
  }
};

export interface ParquetFile {
  readonly row: (cells: Cells, bytes: number) => void;
  readonly finish: () => void;
  readonly abandon: () => void;
}

export const open = (path: string, columns: ReadonlyArray<Column>): ParquetFile => {
  const temporary = `${path}.tmp`;
  const schema: Array<SchemaElement> = [
    { name: "root", num_children: columns.length },
    ...columns.flatMap(elements),
  ];
  // Statistics of a text column are its smallest and largest text, which may be whole programs.
  const writer = new ParquetWriter({ writer: fileWriter(temporary), schema, statistics: false });
  let rows: Array<Cells> = [];
  let size = 0;
  const flush = (): void => {
    if (rows.length === 0) return;
    const columnData = columns.map(({ name, kind }, i) => ({
      name,
      data: rows.map((cells) => {
        const cell = cells[i];
        return kind === "int64" && typeof cell === "number" ? BigInt(cell) : cell;
      }),
    }));
    void writer.write({ columnData, rowGroupSize: rows.length });
    rows = [];
    size = 0;
  };
  return {
    row: (cells, bytes) => {
      rows.push(cells);
      size += bytes;
      if (rows.length >= ROWS || size >= BYTES) flush();
    },
    finish: () => {
      flush();
      void writer.finish();
      const fd = fs.openSync(temporary, "r");
      fs.fsyncSync(fd);
      fs.closeSync(fd);
      fs.renameSync(temporary, path);
    },
    abandon: () => fs.rmSync(temporary, { force: true }),
  };
};
