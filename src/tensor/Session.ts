/** What an executor makes of a graph: a session that holds its variables and buffers and runs its programs. */
import type { Graph } from "./Graph.ts";
import type { Declared, DType, Shape, TensorData } from "./Ir.ts";
import { TensorError } from "./Ir.ts";
import { show, sizeOf } from "./Shapes.ts";

/** bool goes in and comes out as 0 and 1 (Uint8Array in, Int32Array out); bfloat16 comes out as Float32Array. */
export type Feeds = Readonly<Record<string, Float32Array | Int32Array | Uint8Array>>;
export type Fetched = Record<string, Float32Array | Int32Array>;

/** Rows of numbers as they lie in a file, little-endian, `offset` bytes from its beginning. */
export interface FilePart {
  readonly file: string;
  readonly offset: number;
  readonly dtype: "float32" | "float16" | "bfloat16";
  readonly rows: number;
}

/** A value that lies in files: the parts' rows one under the other, or the transpose of that. */
export interface FileValue {
  readonly parts: ReadonlyArray<FilePart>;
  readonly columns: number;
  readonly transposed: boolean;
}

/**
 * The value of a variable when a session opens; undefined is zeros. Not asked for Adam's moments, which start at
 * zero. Numbers for bfloat16 are given as float32 and rounded. The array is copied.
 */
export type Initial = (name: string, shape: Shape, dtype: DType) => Float32Array | Int32Array | undefined;

/** Where the files are that `Initial` would read: an executor that maps files need not ask it for these variables. */
export type Files = (name: string) => FileValue | undefined;

export interface Session {
  /** Runs one program and waits for it. @throws TensorError on feeds that do not fit. */
  readonly run: (program: string, feeds: Feeds) => Fetched;
  readonly setVariable: (name: string, data: Float32Array | Int32Array) => void;
  readonly getVariable: (name: string) => Float32Array;
  /** Sets many at once: the first access to one variable of a large native graph costs tens of milliseconds. */
  readonly setVariables: (values: ReadonlyMap<string, Float32Array | Int32Array>) => void;
  /** Reads many at once. */
  readonly getVariables: (names: ReadonlyArray<string>) => ReadonlyMap<string, Float32Array>;
  readonly variables: () => ReadonlyMap<string, Declared>;
  /** Sets every buffer to zero. */
  readonly clearBuffers: () => void;
  /** Tensors alive in this thread's backend: constant between runs. */
  readonly tensors: () => number;
  /** Frees everything. The session must not be used afterwards; a second call does nothing. */
  readonly dispose: () => void;
}

export interface Executor {
  /** For reports and manifests, e.g. "native TensorFlow 2.15.1 (graph, CPU, 2 threads)". */
  readonly name: string;
  readonly open: (graph: Graph, initial: Initial, files?: Files) => Session;
}

const arrayFor: Record<DType, string> = {
  float32: "Float32Array",
  bfloat16: "Float32Array",
  int32: "Int32Array",
  bool: "Uint8Array",
};

/** The array itself if it fits the declaration. */
export const checkData = (what: string, { shape, dtype }: Declared, data: TensorData): TensorData => {
  const expected = arrayFor[dtype];
  const found =
    data instanceof Float32Array ? "Float32Array" : data instanceof Int32Array ? "Int32Array" : "Uint8Array";
  if (found !== expected) {
    throw new TensorError(`${what}: expected a ${expected} for ${dtype}, found a ${found}`);
  }
  if (data.length !== sizeOf(shape)) {
    throw new TensorError(
      `${what}: expected ${sizeOf(shape)} elements for ${show(shape)}, found ${data.length}`,
    );
  }
  return data;
};

/** The feeds that a program needs, by name, checked: none missing, none unknown to the graph. */
export const checkFeeds = (
  graph: Graph,
  program: string,
  needed: ReadonlyArray<string>,
  feeds: Feeds,
): Array<TensorData> => {
  for (const name of Object.keys(feeds)) {
    if (!graph.feeds.has(name)) {
      throw new TensorError(
        `run ${program}: there is no feed ${name}; it takes: ${needed.join(", ") || "none"}`,
      );
    }
  }
  return needed.map((name) => {
    const data = feeds[name];
    const declared = graph.feeds.get(name);
    if (data === undefined || declared === undefined) {
      throw new TensorError(`run ${program}: the feed ${name} is missing; it takes: ${needed.join(", ")}`);
    }
    return checkData(`run ${program}: feed ${name}`, declared, data);
  });
};

/** Where a variable starts. */
export const initialData = (
  name: string,
  declared: Declared,
  initial: Initial,
): Float32Array | Int32Array => {
  const zeros = () =>
    declared.dtype === "int32"
      ? new Int32Array(sizeOf(declared.shape))
      : new Float32Array(sizeOf(declared.shape));
  if (declared.zero === true) return zeros();
  const data = initial(name, declared.shape, declared.dtype) ?? zeros();
  return checkData(`variable ${name}`, declared, data) as Float32Array | Int32Array;
};

export const variableOf = (graph: Graph, name: string): Declared => {
  const declared = graph.variables.get(name);
  if (declared === undefined) {
    throw new TensorError(
      `there is no variable ${name}; there are: ${[...graph.variables.keys()].join(", ")}`,
    );
  }
  return declared;
};
