/**
 * Runs programs node by node over some library's kernels: the part that the eager TensorFlow executor and the
 * tfjs executor share. A tensor is freed after its last use. Adam is recorded as ordinary nodes.
 */
import type { Graph } from "./Graph.ts";
import {
  type Declared,
  type Effect,
  effectInputs,
  type Node,
  type Program,
  type TensorData,
  TensorError,
  type Value,
} from "./Ir.ts";
import {
  checkData,
  checkFeeds,
  type Fetched,
  type Initial,
  initialData,
  type Session,
  variableOf,
} from "./Session.ts";
import { sizeOf } from "./Shapes.ts";

/** A library of kernels over its tensors `T`. Every tensor returned is a new handle that `free` takes once. */
export interface Kernels<T> {
  /** Copies the data in; numbers for bfloat16 come as float32. */
  readonly create: (data: TensorData, declared: Declared) => T;
  readonly read: (tensor: T, declared: Declared) => TensorData;
  readonly free: (tensor: T) => void;
  /** Another handle of a tensor with the same content, which lives on when the first is freed. */
  readonly same: (tensor: T, declared: Declared) => T;
  /**
   * Any op but the sources. `used` says which outputs somebody reads: others may be left undefined.
   * `updateRows` may write into its first input, and gives the new content.
   */
  readonly apply: (
    node: Node,
    inputs: ReadonlyArray<T>,
    used: ReadonlyArray<boolean>,
  ) => ReadonlyArray<T | undefined>;
  readonly tensors: () => number;
}

type Assign = Extract<Effect, { readonly kind: "assign" }>;

/** An effect as assignments; Adam as in ResourceApplyAdam (see Graph.adam). */
const assignments = (g: Graph, effect: Effect): ReadonlyArray<Assign> => {
  if (effect.kind === "updateRows") return [];
  if (effect.kind === "assign") return [effect];
  const { name, slots, gradient, learningRate, beta1, beta2, epsilon, weightDecay } = effect;
  const { shape } = variableOf(g, name);
  const w = g.variable(name, shape);
  const [m, v] = slots.map((slot) => g.variable(slot, shape)) as [Value, Value];
  const newM = g.add(m, g.mul(g.sub(gradient, m), g.sub(1, beta1)));
  const newV = g.add(v, g.mul(g.sub(g.square(gradient), v), g.sub(1, beta2)));
  const size = g.div(g.mul(learningRate, g.sqrt(g.sub(1, effect.beta2Power))), g.sub(1, effect.beta1Power));
  const decayed = weightDecay === undefined ? w : g.sub(w, g.mul(w, g.mul(learningRate, weightDecay)));
  const step = g.div(g.mul(newM, size), g.add(g.sqrt(newV), epsilon));
  return [
    { kind: "assign", name, value: g.sub(decayed, step) },
    { kind: "assign", name: slots[0], value: newM },
    { kind: "assign", name: slots[1], value: newV },
  ];
};

interface Step {
  readonly node: Node;
  readonly used: ReadonlyArray<boolean>;
  /** Values that nobody reads after this node. */
  readonly free: ReadonlyArray<number>;
}

interface Compiled {
  readonly program: Program;
  readonly steps: ReadonlyArray<Step>;
  readonly feeds: ReadonlyArray<string>;
  readonly assigns: ReadonlyArray<Assign>;
  /** The last content of each buffer that the program writes. */
  readonly buffers: ReadonlyMap<string, Value>;
}

const sources: ReadonlySet<string> = new Set(["constant", "variable", "buffer"]);

const compile = (g: Graph, program: Program): Compiled => {
  const assigns = program.effects.flatMap((effect) => assignments(g, effect));
  const buffers = new Map<string, Value>();
  for (const effect of program.effects)
    if (effect.kind === "updateRows") buffers.set(effect.name, effect.value);
  const roots = [
    ...program.fetches.values(),
    ...assigns.map(({ value }) => value),
    ...program.effects.flatMap((e) => (e.kind === "updateRows" ? effectInputs(e) : [])),
  ];
  const nodes = g.needed(roots);
  const kept = new Set(roots.map((value) => value.id));
  const last = new Map<number, number>();
  const producedBySource = new Set<number>();
  for (const [i, node] of nodes.entries()) {
    for (const input of node.inputs) last.set(input.id, i);
    if (sources.has(node.op.kind)) for (const { id } of node.outputs) producedBySource.add(id);
  }
  const freedAt = new Map<number, Array<number>>();
  for (const [id, i] of last) {
    if (kept.has(id) || producedBySource.has(id)) continue;
    const list = freedAt.get(i);
    if (list === undefined) freedAt.set(i, [id]);
    else list.push(id);
  }
  return {
    program,
    steps: nodes.map((node, i) => ({
      node,
      used: node.outputs.map(({ id }) => last.has(id) || kept.has(id)),
      free: freedAt.get(i) ?? [],
    })),
    feeds: nodes.flatMap(({ op }) => (op.kind === "feed" ? [op.name] : [])),
    assigns,
    buffers,
  };
};

/** Opens a graph over kernels. */
export const open = <T>(kernels: Kernels<T>, graph: Graph, initial: Initial): Session => {
  const programs = new Map<string, Compiled>();
  for (const [name, program] of graph.programs) programs.set(name, compile(graph, program));
  const constants = new Map<number, T>();
  const variables = new Map<string, T>();
  const buffers = new Map<string, T>();
  let disposed = false;

  const replace = (table: Map<string, T>, name: string, tensor: T): void => {
    const old = table.get(name);
    table.set(name, tensor);
    if (old !== undefined) kernels.free(old);
  };
  const source = (node: Node): T | undefined => {
    const { op, outputs } = node;
    const declared = outputs[0];
    if (op.kind === "variable") return variables.get(op.name);
    if (op.kind === "buffer") return buffers.get(op.name);
    if (op.kind !== "constant") return undefined;
    let tensor = constants.get(declared.id);
    if (tensor === undefined) {
      tensor = kernels.create(op.data, declared);
      constants.set(declared.id, tensor);
    }
    return tensor;
  };

  const execute = (compiled: Compiled, data: ReadonlyMap<string, TensorData>): Fetched => {
    const values = new Map<number, T>();
    const owned = new Map<number, T>();
    const release = (id: number) => {
      const tensor = owned.get(id);
      if (tensor === undefined) return;
      owned.delete(id);
      kernels.free(tensor);
    };
    try {
      for (const { node, used, free } of compiled.steps) {
        const shared = source(node);
        if (shared !== undefined) {
          values.set(node.outputs[0].id, shared);
          continue;
        }
        const outputs =
          node.op.kind === "feed"
            ? [kernels.create(data.get(node.op.name) as TensorData, node.outputs[0])]
            : kernels.apply(
                node,
                node.inputs.map((input) => values.get(input.id) as T),
                used,
              );
        for (const [i, tensor] of outputs.entries()) {
          const id = node.outputs[i]?.id;
          if (tensor === undefined || id === undefined) continue;
          if (used[i]) {
            values.set(id, tensor);
            owned.set(id, tensor);
          } else kernels.free(tensor);
        }
        for (const id of free) release(id);
      }
      const fetched: Fetched = {};
      for (const [key, value] of compiled.program.fetches) {
        const array = kernels.read(values.get(value.id) as T, value);
        fetched[key] = array instanceof Uint8Array ? Int32Array.from(array) : array;
      }
      const next = compiled.assigns.map(({ value }) => kernels.same(values.get(value.id) as T, value));
      for (const [i, { name }] of compiled.assigns.entries()) replace(variables, name, next[i]);
      for (const [name, value] of compiled.buffers) {
        replace(buffers, name, kernels.same(values.get(value.id) as T, value));
      }
      return fetched;
    } finally {
      for (const tensor of owned.values()) kernels.free(tensor);
    }
  };

  const setVariable = (name: string, data: Float32Array | Int32Array): void => {
    const declared = variableOf(graph, name);
    checkData(`variable ${name}`, declared, data);
    replace(variables, name, kernels.create(data, declared));
  };
  const getVariable = (name: string): Float32Array => {
    const declared = variableOf(graph, name);
    return Float32Array.from(kernels.read(variables.get(name) as T, declared));
  };
  const clearBuffers = (): void => {
    for (const [name, declared] of graph.buffers) {
      const n = sizeOf(declared.shape);
      const zeros =
        declared.dtype === "int32"
          ? new Int32Array(n)
          : declared.dtype === "bool"
            ? new Uint8Array(n)
            : new Float32Array(n);
      replace(buffers, name, kernels.create(zeros, declared));
    }
  };
  const dispose = (): void => {
    if (disposed) return;
    disposed = true;
    for (const table of [constants, variables, buffers]) {
      for (const tensor of table.values()) kernels.free(tensor);
    }
  };

  try {
    for (const [name, declared] of graph.variables) setVariable(name, initialData(name, declared, initial));
    clearBuffers();
    for (const { steps } of programs.values()) for (const { node } of steps) source(node);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    run: (name, feeds) => {
      if (disposed) throw new Error("The session is disposed of: open another one.");
      graph.programOf(name);
      const compiled = programs.get(name);
      if (compiled === undefined) {
        throw new TensorError(`program ${name} was closed after the session was opened: open another one`);
      }
      const data = checkFeeds(graph, name, compiled.feeds, feeds);
      return execute(compiled, new Map(compiled.feeds.map((feed, i) => [feed, data[i]])));
    },
    setVariable,
    getVariable,
    setVariables: (values) => {
      for (const [name, data] of values) setVariable(name, data);
    },
    getVariables: (names) => new Map(names.map((name) => [name, getVariable(name)])),
    variables: () => graph.variables,
    clearBuffers,
    tensors: kernels.tensors,
    dispose,
  };
};
