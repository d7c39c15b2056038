/**
 * The one file that knows what is private to tfjs-node: its C++ addon, opened without the package's JavaScript
 * (and so without tfjs's global engine), behind types. Works in worker threads; each thread has its own tensors.
 *
 * The addon checks little: a wrong tensor id may crash the process. Ids never leave src/tensor.
 */
import * as Fs from "node:fs";
import { createRequire } from "node:module";
import * as Os from "node:os";
import * as Path from "node:path";
import { isMainThread } from "node:worker_threads";
import * as NativeStore from "./NativeStore.ts";

/** TensorFlow's DataType numbers (tensorflow/core/framework/types.proto). */
export const DType = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  float16: 19,
  resource: 20,
} as const;
export type DType = (typeof DType)[keyof typeof DType];

/** Attribute kinds, numbered as the addon numbers them (TF_AttrType). */
export const AttrType = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

export interface OpAttr {
  readonly name: string;
  readonly type: (typeof AttrType)[keyof typeof AttrType];
  readonly value: number | boolean | string | ReadonlyArray<number>;
}

/** A tensor in the addon's table: it lives until `deleteTensor(id)`. */
export interface TensorInfo {
  readonly id: number;
  readonly shape: ReadonlyArray<number>;
  readonly dtype: number;
}

export type TensorData = Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array | Uint16Array;

/** The addon as it exports itself. */
interface Addon {
  createTensor(
    shape: ReadonlyArray<number>,
    dtype: number,
    data: Float32Array | Int32Array | Uint8Array,
  ): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array | BigInt64Array;
  executeOp(
    name: string,
    attrs: ReadonlyArray<OpAttr>,
    inputs: ReadonlyArray<number>,
    outputs: number,
  ): Array<TensorInfo>;
  loadSavedModel(directory: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: ReadonlyArray<number>, feeds: string, fetches: string): Array<TensorInfo>;
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
  isUsingGpuDevice(): boolean;
  readonly TF_Version: string;
}

export interface Binding {
  /**
   * A tensor over `data`, which is shared, not copied: never write to it afterwards.
   * `shape` is [] for a scalar. The array's kind must fit: Float32Array, Float64Array, Int32Array,
   * BigInt64Array, Uint8Array (uint8 and bool), Uint16Array (the raw bits of bfloat16 and float16).
   */
  readonly createTensor: (shape: ReadonlyArray<number>, dtype: DType, data: TensorData) => number;
  /**
   * Copies a tensor out, as the kind of array that createTensor takes. The addon itself reads float32, int32,
   * int64 and bool; for the others say the dtype.
   */
  readonly tensorDataSync: (id: number, dtype?: DType) => TensorData;
  readonly deleteTensor: (id: number) => void;
  /**
   * Runs one op eagerly and gives its outputs. Attributes that TensorFlow infers may be left out; ops with list
   * inputs need N and T. Throws TensorFlow's message with the op's name.
   */
  readonly executeOp: (
    name: string,
    attrs: ReadonlyArray<OpAttr>,
    inputs: ReadonlyArray<number>,
    outputs: number,
  ) => Array<TensorInfo>;
  /** Opens a directory that holds a `saved_model.pb`; the session's id. */
  readonly loadSavedModel: (directory: string, tag: string) => number;
  /**
   * Runs a session. `feeds` and `fetches` name tensors as `node:index`, feeds in the order of `inputs`; at least
   * one fetch.
   */
  readonly runSavedModel: (
    session: number,
    inputs: ReadonlyArray<number>,
    feeds: ReadonlyArray<string>,
    fetches: ReadonlyArray<string>,
  ) => Array<TensorInfo>;
  readonly deleteSavedModel: (session: number) => void;
  /** Tensors alive in this thread: equal before and after whatever must not leak. */
  readonly getNumOfTensors: () => number;
  readonly getNumOfSavedModels: () => number;
  readonly tensorflowVersion: string;
  readonly usesGpu: boolean;
  /** Threads inside one op (TF_NUM_INTRAOP_THREADS): part of what exact resume depends on. */
  readonly threads: number;
}

const threadsVariable = "TF_NUM_INTRAOP_THREADS";
/** How many ops run at once. */
const parallelOpsVariable = "TF_NUM_INTEROP_THREADS";

/** How many threads TensorFlow uses inside one op: `TF_NUM_INTRAOP_THREADS` if set, else the number of cores. */
export const threads = (): number => {
  const set = Number.parseInt(process.env[threadsVariable] ?? "", 10);
  return set > 0 ? set : Os.availableParallelism();
};

/**
 * Fixes the number of threads for this process, inside one op and over ops that could run at once. Call it in the main thread before any thread loads TensorFlow,
 * which reads the variables once per process (a worker's `process.env` is a copy that it does not see).
 */
export const setThreads = (count: number): void => {
  if (!isMainThread)
    throw new Error("TensorFlow's threads are set in the main thread, before workers start.");
  process.env[threadsVariable] = String(count);
  process.env[parallelOpsVariable] = String(count);
};

const explain = (what: string, error: unknown): Error =>
  new Error(`TensorFlow: ${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });

const bitcast = (addon: Addon, id: number, type: number): number => {
  const [out] = addon.executeOp("Bitcast", [{ name: "type", type: AttrType.type, value: type }], [id], 1);
  if (out === undefined) throw new Error("TensorFlow: Bitcast gave no output");
  return out.id;
};

const castToInt32 = (addon: Addon, id: number): number => {
  const [out] = addon.executeOp("Cast", [{ name: "DstT", type: AttrType.type, value: DType.int32 }], [id], 1);
  if (out === undefined) throw new Error("TensorFlow: Cast gave no output");
  return out.id;
};

/** The addon takes three kinds of array: the others go in as bytes and are reinterpreted inside TensorFlow. */
const createTensor = (addon: Addon, shape: ReadonlyArray<number>, dtype: DType, data: TensorData): number => {
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) {
    return addon.createTensor(shape, dtype, data);
  }
  if (data instanceof BigInt64Array) {
    return addon.createTensor(shape, dtype, new Int32Array(data.buffer, data.byteOffset, data.length * 2));
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const raw = addon.createTensor([...shape, data.BYTES_PER_ELEMENT], DType.uint8, bytes);
  try {
    return bitcast(addon, raw, dtype);
  } finally {
    addon.deleteTensor(raw);
  }
};

const tensorDataSync = (addon: Addon, id: number, dtype: DType | undefined): TensorData => {
  const through = (chain: ReadonlyArray<(id: number) => number>) => {
    const made: Array<number> = [];
    try {
      for (const step of chain) made.push(step(made.at(-1) ?? id));
      return addon.tensorDataSync(made.at(-1) ?? id);
    } finally {
      for (const each of made) addon.deleteTensor(each);
    }
  };
  const uint16 = 17;
  switch (dtype) {
    case DType.uint8:
      return Uint8Array.from(through([(x) => castToInt32(addon, x)]) as Int32Array);
    case DType.bfloat16:
    case DType.float16:
      return Uint16Array.from(
        through([(x) => bitcast(addon, x, uint16), (x) => castToInt32(addon, x)]) as Int32Array,
      );
    case DType.float64:
      return new Float64Array(through([(x) => bitcast(addon, x, DType.int64)]).buffer as ArrayBuffer);
    default:
      return addon.tensorDataSync(id);
  }
};

/**
 * Opens the addon of an installation (default: the GPU's if `flavour` says so, else the CPU's). Every thread may
 * call it; later calls in one thread give the same tensors.
 * @throws Error when nothing is installed (`npm run setup` installs) or the libraries do not load.
 */
export const load = (flavour: NativeStore.Flavour = "cpu"): Binding => {
  const installed = NativeStore.find(flavour);
  if (installed === undefined) {
    throw new Error("Native TensorFlow is not prepared: run `npm run setup`, or use --backend wasm.");
  }
  // TensorFlow's notes about the CPU go to the terminal otherwise; only the main thread can say so.
  if (isMainThread) process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(installed.addon) as Addon;
  } catch (error) {
    throw explain(
      `${installed.addon} does not load; delete ${installed.directory} and run \`npm run setup\``,
      error,
    );
  }
  return {
    createTensor: (shape, dtype, data) => createTensor(addon, shape, dtype, data),
    tensorDataSync: (id, dtype) => tensorDataSync(addon, id, dtype),
    deleteTensor: (id) => addon.deleteTensor(id),
    executeOp: (name, attrs, inputs, outputs) => {
      try {
        return addon.executeOp(name, attrs, inputs, outputs);
      } catch (error) {
        throw explain(`op ${name}`, error);
      }
    },
    loadSavedModel: (directory, tag) => {
      if (!Fs.existsSync(Path.join(directory, "saved_model.pb"))) {
        throw new Error(`TensorFlow: ${directory} holds no saved_model.pb`);
      }
      return addon.loadSavedModel(directory, tag);
    },
    runSavedModel: (session, inputs, feeds, fetches) =>
      addon.runSavedModel(session, inputs, feeds.join(","), fetches.join(",")),
    deleteSavedModel: (session) => addon.deleteSavedModel(session),
    getNumOfTensors: () => addon.getNumOfTensors(),
    getNumOfSavedModels: () => addon.getNumOfSavedModels(),
    tensorflowVersion: addon.TF_Version,
    usesGpu: addon.isUsingGpuDevice(),
    threads: threads(),
  };
};
