/**
 * The tables of a dataset as columns: what each holds, how a record becomes cells, and cells a record again.
 *
 * A cell is what one column has of one record. What has no fixed shape (tests, limits, free facts) is JSON text.
 */
import * as Schema from "effect/Schema";
import { Attempt } from "../../domain/Attempt.ts";
import { Task } from "../../domain/Task.ts";

/** `words`: text of few different values, kept once a file. */
export type Kind = "text" | "words" | "int32" | "int64" | "float64" | "int32s";

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly optional: boolean;
}

export type Cell = string | number | ReadonlyArray<number> | null;

/** One record's cells in the order of its table's columns; null where it has none. */
export type Cells = ReadonlyArray<Cell>;

export interface Table<R> {
  readonly name: "tasks" | "attempts";
  readonly columns: ReadonlyArray<Column>;
  readonly cells: (record: R) => Cells;
  /** Throws where the cells are no record. */
  readonly record: (cells: Cells) => R;
}

const column = (name: string, kind: Kind, optional = false): Column => ({ name, kind, optional });

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

/** -0 is 0, as in JSON. */
const number = (value: number | undefined): number | null => (value === undefined ? null : value + 0);

/** An object of the cells by name, without the absent ones; `parsed` columns are JSON text. */
const object = (columns: ReadonlyArray<Column>, cells: Cells, parsed: ReadonlySet<string>): unknown => {
  const out: Record<string, unknown> = {};
  for (let i = 0; i < columns.length; i++) {
    const cell = cells[i];
    if (cell === null) continue;
    const { name } = columns[i];
    out[name] = parsed.has(name) && typeof cell === "string" ? (JSON.parse(cell) as unknown) : cell;
  }
  return out;
};

const taskColumns = [
  column("id", "text"),
  column("source", "words"),
  column("split", "words"),
  column("language", "words"),
  column("statement", "text"),
  column("entryPoint", "text"),
  column("reference", "text", true),
  column("tests", "text"),
  column("limits", "text", true),
  column("meta", "text", true),
];
const taskJson = new Set(["tests", "limits", "meta"]);
const decodeTask = Schema.decodeUnknownSync(Task);

export const tasks: Table<Task> = {
  name: "tasks",
  columns: taskColumns,
  cells: (task) => [
    task.id,
    task.source,
    task.split,
    task.language,
    task.statement,
    task.entryPoint,
    task.reference ?? null,
    JSON.stringify(task.tests),
    json(task.limits),
    json(task.meta),
  ],
  record: (cells) => decodeTask(object(taskColumns, cells, taskJson)),
};

const attemptColumns = [
  column("taskId", "words"),
  column("program", "text"),
  column("origin", "words"),
  column("outcome", "words", true),
  column("testsPassed", "int32", true),
  column("testsTotal", "int32", true),
  column("labelSource", "words", true),
  column("datasetLabel", "text", true),
  column("cpuSeconds", "float64", true),
  column("memoryBytes", "int64", true),
  column("failingTests", "int32s", true),
  column("reasoning", "text", true),
  column("meta", "text", true),
];
const attemptJson = new Set(["datasetLabel", "meta"]);
const decodeAttempt = Schema.decodeUnknownSync(Attempt);

export const attempts: Table<Attempt> = {
  name: "attempts",
  columns: attemptColumns,
  cells: (attempt) => [
    attempt.taskId,
    attempt.program,
    attempt.origin,
    attempt.outcome ?? null,
    number(attempt.testsPassed),
    number(attempt.testsTotal),
    attempt.labelSource ?? null,
    json(attempt.datasetLabel),
    number(attempt.cpuSeconds),
    number(attempt.memoryBytes),
    attempt.failingTests === undefined ? null : attempt.failingTests.map((test) => test + 0),
    attempt.reasoning ?? null,
    json(attempt.meta),
  ],
  record: (cells) => decodeAttempt(object(attemptColumns, cells, attemptJson)),
};

const INT32 = 2 ** 31 - 1;

/** What keeps a cell out of its column; undefined where nothing does. */
export const cellFault = ({ name, kind }: Column, cell: Cell): string | undefined => {
  if (typeof cell === "string") {
    // Half a surrogate pair has no UTF-8 form: it would come back as another character.
    return /\p{Surrogate}/u.test(cell) ? `"${name}" has half a surrogate pair, which is no text` : undefined;
  }
  if (cell === null) return undefined;
  if (kind === "float64")
    return Number.isFinite(cell) ? undefined : `"${name}" is ${String(cell)}, expected a finite number`;
  const most = kind === "int64" ? Number.MAX_SAFE_INTEGER : INT32;
  const wrong = (typeof cell === "number" ? [cell] : cell).find(
    (n) => !Number.isInteger(n) || Math.abs(n) > most,
  );
  return wrong === undefined ? undefined : `"${name}" has ${wrong}, expected a whole number up to ${most}`;
};

/** Bytes that cells take in a file, nearly. */
export const size = (cells: Cells): number =>
  cells.reduce<number>(
    (sum, cell) =>
      sum +
      (typeof cell === "string"
        ? Buffer.byteLength(cell)
        : cell === null
          ? 0
          : typeof cell === "number"
            ? 8
            : 4 * cell.length),
    8 * cells.length,
  );
