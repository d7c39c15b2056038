/**
 * A segment: rows of one table as an Arrow IPC file (pyarrow and others read it), one record batch.
 *
 * The bytes may be a mapping of the file: columns are views of them, and a row is decoded when it is asked for.
 */
import * as Arrow from "apache-arrow";
import type { Cell, Cells, Column, Kind } from "./Columns.ts";

const arrowType = (kind: Kind, id: number): Arrow.DataType => {
  switch (kind) {
    case "text":
      return new Arrow.Utf8();
    case "words":
      return new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32(), id);
    case "int32":
      return new Arrow.Int32();
    case "int64":
      return new Arrow.Int64();
    case "float64":
      return new Arrow.Float64();
    case "int32s":
      return new Arrow.List(new Arrow.Field("item", new Arrow.Int32(), false));
  }
};

const TYPE_NAMES: Readonly<Record<Kind, string>> = {
  text: "Utf8",
  words: "Dictionary<Int32, Utf8>",
  int32: "Int32",
  int64: "Int64",
  float64: "Float64",
  int32s: "List<Int32>",
};

interface Validity {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | null;
}

const validity = (cells: ReadonlyArray<Cell>): Validity => {
  const bitmap = new Uint8Array(Math.ceil(cells.length / 8));
  let nullCount = 0;
  cells.forEach((cell, i) => {
    if (cell === null) nullCount += 1;
    else bitmap[i >> 3] |= 1 << (i & 7);
  });
  return { length: cells.length, nullCount, nullBitmap: nullCount === 0 ? null : bitmap };
};

const textData = (cells: ReadonlyArray<Cell>): Arrow.Data<Arrow.Utf8> => {
  const offsets = new Int32Array(cells.length + 1);
  const lengths = cells.map((cell) => (typeof cell === "string" ? Buffer.byteLength(cell) : 0));
  lengths.forEach((length, i) => {
    offsets[i + 1] = offsets[i] + length;
  });
  const bytes = Buffer.alloc(offsets[cells.length]);
  cells.forEach((cell, i) => {
    if (typeof cell === "string") bytes.write(cell, offsets[i], "utf8");
  });
  return Arrow.makeData({ type: new Arrow.Utf8(), ...validity(cells), valueOffsets: offsets, data: bytes });
};

const encoded = ({ kind }: Column, cells: ReadonlyArray<Cell>, id: number): Arrow.Data => {
  const numbers = cells.map((cell) => (typeof cell === "number" ? cell : 0));
  switch (kind) {
    case "text":
      return textData(cells);
    case "words": {
      const places = new Map<string, number>();
      const indices = Int32Array.from(cells, (cell) => {
        if (typeof cell !== "string") return 0;
        const place = places.get(cell) ?? places.size;
        places.set(cell, place);
        return place;
      });
      return Arrow.makeData({
        type: new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32(), id),
        ...validity(cells),
        data: indices,
        dictionary: new Arrow.Vector([textData([...places.keys()])]),
      });
    }
    case "int32":
      return Arrow.makeData({ type: new Arrow.Int32(), ...validity(cells), data: Int32Array.from(numbers) });
    case "int64":
      return Arrow.makeData({
        type: new Arrow.Int64(),
        ...validity(cells),
        data: BigInt64Array.from(numbers, BigInt),
      });
    case "float64":
      return Arrow.makeData({
        type: new Arrow.Float64(),
        ...validity(cells),
        data: Float64Array.from(numbers),
      });
    case "int32s": {
      const lists = cells.map((cell) => (typeof cell === "object" && cell !== null ? cell : []));
      const offsets = new Int32Array(cells.length + 1);
      lists.forEach((list, i) => {
        offsets[i + 1] = offsets[i] + list.length;
      });
      const items = Int32Array.from(lists.flat());
      return Arrow.makeData({
        type: new Arrow.List(new Arrow.Field("item", new Arrow.Int32(), false)),
        ...validity(cells),
        valueOffsets: offsets,
        child: Arrow.makeData({ type: new Arrow.Int32(), length: items.length, nullCount: 0, data: items }),
      });
    }
  }
};

/** The file's bytes; the same rows give the same bytes. */
export const encode = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<Cells>): Uint8Array => {
  const schema = new Arrow.Schema(
    columns.map(({ name, kind, optional }, i) => new Arrow.Field(name, arrowType(kind, i), optional)),
  );
  const children = columns.map((column, i) =>
    encoded(
      column,
      rows.map((cells) => cells[i]),
      i,
    ),
  );
  const struct = Arrow.makeData({
    type: new Arrow.Struct(schema.fields),
    length: rows.length,
    nullCount: 0,
    children,
  });
  return Arrow.tableToIPC(new Arrow.Table([new Arrow.RecordBatch(schema, struct)]), "file");
};

/** A column's cells by row. */
type Reader = (row: number) => Cell;

export interface Segment {
  readonly length: number;
  readonly cells: (row: number) => Cells;
  /** One column's cells. Throws where there is no such column. */
  readonly column: (name: string) => Reader;
}

/** Opens a file's bytes without reading its rows. Throws where they are no Arrow file of these columns. */
export const decode = (columns: ReadonlyArray<Column>, bytes: Uint8Array): Segment => {
  const table = Arrow.tableFromIPC(bytes);
  const [batch] = table.batches;
  if (table.batches.length !== 1 || batch === undefined) {
    throw new Error(`it has ${table.batches.length} record batches, expected 1`);
  }
  const readers = columns.map((column): Reader => {
    const at = batch.schema.fields.findIndex(({ name }) => name === column.name);
    if (at < 0) {
      if (column.optional) return () => null;
      throw new Error(`it has no column "${column.name}"`);
    }
    const { type } = batch.schema.fields[at];
    const expected = TYPE_NAMES[column.kind];
    if (String(type) !== expected) {
      throw new Error(`column "${column.name}" is ${String(type)}, expected ${expected}`);
    }
    return reader(batch.data.children[at]);
  });
  const places = new Map(columns.map(({ name }, i) => [name, i]));
  return {
    length: batch.numRows,
    cells: (row) => readers.map((read) => read(row)),
    column: (name) => {
      const place = places.get(name);
      if (place === undefined) throw new RangeError(`Segment: no column ${name}`);
      return readers[place];
    },
  };
};

// By Buffer, since Arrow's own decoding drops a byte order mark.
const textReader = ({ values, valueOffsets }: Arrow.Data<Arrow.Utf8>): ((row: number) => string) => {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return (row) => bytes.toString("utf8", valueOffsets[row], valueOffsets[row + 1]);
};

const reader = (column: Arrow.Data): Reader => {
  const read = presentReader(column);
  return column.nullCount === 0 ? read : (row) => (column.getValid(row) ? read(row) : null);
};

/** Of a dictionary that is kept decoded. */
const MOST_WORDS = 1024;

/** Reads rows that are not null. */
const presentReader = (column: Arrow.Data): Reader => {
  if (isOf(column, (type): type is Arrow.Utf8 => Arrow.DataType.isUtf8(type))) return textReader(column);
  if (isOf(column, (type): type is Arrow.Dictionary => Arrow.DataType.isDictionary(type))) {
    const { values, dictionary } = column;
    if (dictionary === null || dictionary === undefined || dictionary.data.length !== 1) {
      throw new Error("a column's dictionary is not in one piece");
    }
    const [entries] = dictionary.data;
    const read = presentReader(entries);
    // Of a short dictionary each word is decoded once, when a row has it: opening reads none. Tasks' ids may be as many
    // as there are rows, and would come to stay in memory.
    const words = entries.length <= MOST_WORDS ? new Map<number, Cell>() : undefined;
    return (row) => {
      const place = values[row];
      let word = words?.get(place);
      if (word === undefined) {
        if (!(place >= 0 && place < entries.length)) throw new RangeError("its dictionary has no such entry");
        word = read(place);
        words?.set(place, word);
      }
      return word;
    };
  }
  if (isOf(column, (type): type is Arrow.List => Arrow.DataType.isList(type))) {
    const { valueOffsets } = column;
    const items: Int32Array = column.children[0].values;
    return (row) => Array.from(items.subarray(valueOffsets[row], valueOffsets[row + 1]));
  }
  const numbers: ArrayLike<number | bigint> = column.values;
  return (row) => Number(numbers[row]);
};

const isOf = <T extends Arrow.DataType>(
  column: Arrow.Data,
  is: (type: Arrow.DataType) => type is T,
): column is Arrow.Data<T> => is(column.type);
