/**
 * The hot path: all programs of a graph as one TensorFlow session.
 *
 * The nodes that any program needs are encoded as a GraphDef in a SavedModel, which the binding loads as a
 * TF_Session; a run names what to fetch, and TensorFlow executes what that needs. Variables are resource
 * variables inside the session. Buffers are too: InplaceUpdate on what ReadVariableOp gives writes the variable's
 * own memory, so that a cache is neither fed nor copied.
 */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import type { Graph } from "./Graph.ts";
import { GraphBuilder } from "./GraphBuilder.ts";
import type { GraphDef } from "./GraphDef.ts";
import { type Declared, type Program, type TensorData, TensorError } from "./Ir.ts";
import { type Binding, DType, type DType as TfType } from "./native/Binding.ts";
import * as FileVariables from "./native/FileVariables.ts";
import {
  checkData,
  checkFeeds,
  type Executor,
  type Feeds,
  type Files,
  type Fetched,
  type Initial,
  initialData,
  type Session,
  variableOf,
} from "./Session.ts";
import { dataType, type } from "./TfOps.ts";

const TAG = "serve";
/** Elements of initial values that are held at once, about: 256 MB. */
const GROUP = 67_108_864;

interface Compiled {
  readonly feeds: ReadonlyArray<string>;
  readonly feedTypes: ReadonlyArray<TfType>;
  readonly feedShapes: ReadonlyArray<ReadonlyArray<number>>;
  readonly feedNames: ReadonlyArray<string>;
  readonly fetches: ReadonlyArray<string>;
  readonly fetchNames: ReadonlyArray<string>;
}

const compileProgram = (builder: GraphBuilder, graph: Graph, program: Program): Compiled => {
  for (const node of program.nodes) builder.at(node.outputs[0]);
  const effects = builder.effects(program);
  const fetches = [...program.fetches.values()].map((value, i) => {
    const after = i === 0 ? effects : [];
    const tensor = builder.at(value);
    if (value.dtype === "bfloat16") {
      return builder.op("Cast", [tensor], { SrcT: type("bfloat16"), DstT: type("float32") }, after);
    }
    const direct = after.length === 0 && graph.producer(value).op.kind !== "feed";
    return direct ? tensor : builder.op("Identity", [tensor], { T: type(value.dtype) }, after);
  });
  const feeds = program.nodes.filter((node) => node.op.kind === "feed").map((node) => node.outputs[0]);
  return {
    feeds: feeds.map((value) => {
      const { op } = graph.producer(value);
      return op.kind === "feed" ? op.name : "";
    }),
    feedTypes: feeds.map((value) => dataType[value.dtype] as TfType),
    feedShapes: feeds.map((value) => value.shape),
    feedNames: feeds.map((value) => builder.at(value)),
    fetches: fetches.length > 0 ? fetches : [builder.done(effects)],
    fetchNames: [...program.fetches.keys()],
  };
};

/** How to set and read one variable: float32 at the border where the variable is bfloat16. */
interface Access {
  readonly placeholder: string;
  readonly set: string;
  readonly get: string;
  readonly outer: Declared;
}

const compileAccess = (builder: GraphBuilder, name: string, declared: Declared): Access => {
  const { dtype } = declared;
  const outer: Declared = dtype === "bfloat16" ? { shape: declared.shape, dtype: "float32" } : declared;
  const placeholder = builder.placeholder(outer);
  // The fed tensor is JavaScript's memory, which must neither outlive the call nor be freed by another thread.
  const value =
    dtype === "bfloat16"
      ? builder.op("Cast", [placeholder], { SrcT: type("float32"), DstT: type("bfloat16") })
      : builder.op("DeepCopy", [placeholder], { T: type(dtype) });
  const handle = builder.handle(name, declared);
  const assigned = builder.op("AssignVariableOp", [handle, value], { dtype: type(dtype) });
  const read = builder.read(name, declared);
  const get =
    dtype === "bfloat16"
      ? builder.op("Cast", [read], { SrcT: type("bfloat16"), DstT: type("float32") })
      : read;
  return { placeholder, set: builder.done([assigned]), get, outer };
};

/** Zeros without arrays of JavaScript. Adam copies what is shared, so that these may be folded into constants. */
const compileZeros = (builder: GraphBuilder, variables: Iterable<readonly [string, Declared]>): string =>
  builder.done(
    [...variables].map(([name, declared]) => {
      const T = type(declared.dtype);
      const filled = builder.op(
        "Fill",
        [builder.emitter.ints(declared.shape, [declared.shape.length]), builder.emitter.float(0)],
        { T, index_type: type("int32") },
      );
      return builder.op("AssignVariableOp", [builder.handle(name, declared), filled], { dtype: T });
    }),
  );

const compileClear = (builder: GraphBuilder, buffers: ReadonlyMap<string, Declared>): string =>
  builder.done(
    [...buffers].map(([name, declared]) => {
      const { shape, dtype } = declared;
      const T = type(dtype);
      const zero = builder.op("Cast", [builder.emitter.ints([0], [])], { SrcT: type("int32"), DstT: T });
      const filled = builder.op("Fill", [builder.emitter.ints(shape, [shape.length]), zero], {
        T,
        index_type: type("int32"),
      });
      // TensorFlow folds the zeros into a constant, which updates in place must not write to.
      const copy = builder.op("DeepCopy", [filled], { T });
      return builder.op("AssignVariableOp", [builder.handle(`:${name}`, declared), copy], { dtype: T });
    }),
  );

const load = (binding: Binding, def: GraphDef): number => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-graph-"));
  try {
    Fs.writeFileSync(Path.join(directory, "saved_model.pb"), def.savedModel(TAG));
    return binding.loadSavedModel(directory, TAG);
  } finally {
    Fs.rmSync(directory, { recursive: true, force: true });
  }
};

const open = (binding: Binding, graph: Graph, initial: Initial, files: Files): Session => {
  const builder = new GraphBuilder(graph);
  const programs = new Map<string, Compiled>();
  for (const [name, program] of graph.programs) programs.set(name, compileProgram(builder, graph, program));
  const access = new Map<string, Access>();
  for (const [name, declared] of graph.variables) access.set(name, compileAccess(builder, name, declared));
  const clear = graph.buffers.size > 0 ? compileClear(builder, graph.buffers) : undefined;
  const mapped = [...graph.variables].flatMap(([name, declared]): Array<FileVariables.FileVariable> => {
    const value = declared.zero === true ? undefined : files(name);
    return value !== undefined && FileVariables.fits(value) ? [{ name, declared, value }] : [];
  });
  const fromFiles =
    mapped.length === 0
      ? undefined
      : FileVariables.compile(builder, mapped, (file) => Fs.statSync(file).size);
  const zeros = [...graph.variables].filter(([, { zero, dtype }]) => zero === true && dtype === "float32");
  const zeroed = compileZeros(builder, zeros);
  const session = load(binding, builder.def);
  let disposed = false;

  const run = (
    ids: ReadonlyArray<number>,
    feeds: ReadonlyArray<string>,
    fetches: ReadonlyArray<string>,
  ): Array<TensorData> => {
    if (disposed) throw new Error("The session is disposed of: open another one.");
    const out = binding.runSavedModel(session, ids, feeds, fetches);
    try {
      return out.map(({ id }) => binding.tensorDataSync(id) as TensorData);
    } finally {
      for (const { id } of out) binding.deleteTensor(id);
    }
  };
  const withTensors = <A>(make: () => Array<number>, use: (ids: ReadonlyArray<number>) => A): A => {
    const ids = make();
    try {
      return use(ids);
    } finally {
      for (const id of ids) binding.deleteTensor(id);
    }
  };

  /** One run: TensorFlow prepares every distinct list of feeds and fetches anew, which a large graph makes dear. */
  const setVariables = (values: ReadonlyMap<string, Float32Array | Int32Array>): void => {
    const entries = [...values].map(([name, data]) => {
      variableOf(graph, name);
      const { placeholder, set, outer } = access.get(name) as Access;
      checkData(`variable ${name}`, outer, data);
      return { data, placeholder, set, outer };
    });
    if (entries.length === 0) return;
    withTensors(
      () =>
        entries.map(({ data, outer }) =>
          binding.createTensor(outer.shape, dataType[outer.dtype] as TfType, data),
        ),
      (ids) =>
        run(
          ids,
          entries.map(({ placeholder }) => placeholder),
          entries.map(({ set }) => set),
        ),
    );
  };
  const getVariables = (names: ReadonlyArray<string>): ReadonlyMap<string, Float32Array> => {
    for (const name of names) variableOf(graph, name);
    if (names.length === 0) return new Map();
    const out = run(
      [],
      [],
      names.map((name) => (access.get(name) as Access).get),
    );
    return new Map(
      names.map((name, i) => {
        const data = out[i];
        return [name, data instanceof Float32Array ? data : Float32Array.from(data)];
      }),
    );
  };
  const clearBuffers = (): void => {
    if (clear !== undefined) run([], [], [clear]);
  };
  const dispose = (): void => {
    if (disposed) return;
    disposed = true;
    binding.deleteSavedModel(session);
  };
  const runProgram = (name: string, feeds: Feeds): Fetched => {
    graph.programOf(name);
    const program = programs.get(name);
    if (program === undefined) {
      throw new TensorError(`program ${name} was closed after the session was opened: open another one`);
    }
    const data = checkFeeds(graph, name, program.feeds, feeds);
    const out = withTensors(
      () =>
        data.map((array, i) =>
          binding.createTensor(program.feedShapes[i] ?? [], program.feedTypes[i], array),
        ),
      (ids) => run(ids, program.feedNames, program.fetches),
    );
    const fetched: Fetched = {};
    for (const [i, key] of program.fetchNames.entries()) {
      const array = out[i];
      fetched[key] = array instanceof Uint8Array ? Int32Array.from(array) : array;
    }
    return fetched;
  };

  try {
    let group = new Map<string, Float32Array | Int32Array>();
    let elements = 0;
    if (fromFiles !== undefined) {
      withTensors(
        () => [binding.createTensor([1], DType.int64, new BigInt64Array(1))],
        (ids) => run(ids, [fromFiles.start], [fromFiles.done]),
      );
    }
    run([], [], [zeroed]);
    const ready = new Set([...mapped.map(({ name }) => name), ...zeros.map(([name]) => name)]);
    for (const [name, declared] of graph.variables) {
      if (ready.has(name)) continue;
      const data = initialData(name, declared, initial);
      group.set(name, data);
      elements += data.length;
      if (elements < GROUP) continue;
      setVariables(group);
      group = new Map();
      elements = 0;
    }
    setVariables(group);
    clearBuffers();
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    run: runProgram,
    setVariable: (name, data) => setVariables(new Map([[name, data]])),
    getVariable: (name) => getVariables([name]).get(name) as Float32Array,
    setVariables,
    getVariables,
    variables: () => graph.variables,
    clearBuffers,
    tensors: () => binding.getNumOfTensors(),
    dispose,
  };
};

/** Runs graphs as TensorFlow sessions. Errors of TensorFlow itself are Errors that carry its message. */
export const make = (binding: Binding): Executor => ({
  name: `native TensorFlow ${binding.tensorflowVersion} (graph, ${binding.usesGpu ? "GPU" : "CPU"}, ${binding.threads} threads)`,
  open: (graph, initial, files = () => undefined) => open(binding, graph, initial, files),
});
