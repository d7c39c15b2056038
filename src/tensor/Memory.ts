/**
 * How much memory a program takes, before it runs: the liveness of its values in the order in which they were
 * recorded, with TensorFlow's rules for reusing an input's buffer. What lies in the session for good (variables,
 * moments, buffers) is counted apart.
 */
import { type Chunk, Heap } from "./Heap.ts";
import type { Graph } from "./Graph.ts";
import {
  type Declared,
  type DType,
  effectInputs,
  type Node,
  type Op,
  type Program,
  type Value,
} from "./Ir.ts";
import { sameShape, sizeOf } from "./Shapes.ts";

const BYTES: Record<DType, number> = { float32: 4, bfloat16: 2, int32: 4, bool: 1 };

const bytesOf = ({ shape, dtype }: Declared): number => sizeOf(shape) * BYTES[dtype];

const sumBytes = (sum: number, declared: Declared): number => sum + bytesOf(declared);

/** Variables, moments and buffers: there from the opening of a session to its end. */
export const resident = (graph: Graph): number =>
  [...graph.variables.values(), ...graph.buffers.values()].reduce(sumBytes, 0);

/** Ops whose result is a view of their first input. */
const views: ReadonlySet<string> = new Set(["reshape", "stopGradient", "checkpoint", "after", "updateRows"]);

/** Ops that copy, whatever becomes of their inputs; all other results may take the buffer of an input. */
const fresh: ReadonlySet<string> = new Set(
  (
    "matMul batchMatMul sum mean max argMax cumsum topK broadcastTo transpose concat split slice pad roll tile " +
    "oneHot gather gatherBatch unsortedSegmentSum select cast feed"
  ).split(" "),
);

/** Held by the session, or by the graph itself. */
const sources: ReadonlySet<string> = new Set(["variable", "buffer", "constant"]);

/** Rows of the first axis are a view too. */
const isView = (op: Op, input: Value | undefined): boolean =>
  views.has(op.kind) ||
  (op.kind === "split" && op.axis === 0) ||
  (op.kind === "slice" && op.size.every((size, axis) => axis === 0 || size === input?.shape[axis]));

interface Held {
  readonly bytes: number;
  /** Nodes that have yet to read it, through whatever view. */
  uses: number;
  chunk?: Chunk;
}

/** The buffer behind each value of a program; undefined where the session holds it. */
const buffersOf = (nodes: ReadonlyArray<Node>): ((value: Value) => Held | undefined) => {
  const held = new Map<number, Held | undefined>();
  for (const { op, inputs, outputs } of nodes) {
    const view = isView(op, inputs[0]);
    for (const output of outputs) {
      const own = sources.has(op.kind) ? undefined : { bytes: bytesOf(output), uses: 0 };
      held.set(output.id, view ? held.get(inputs[0].id) : own);
    }
  }
  return ({ id }) => held.get(id);
};

/** A buffer that the result of a node is written over: that of an input which nobody else will read. */
const overwritten = (node: Node, buffer: (value: Value) => Held | undefined): Held | undefined => {
  if (fresh.has(node.op.kind)) return undefined;
  const output = node.outputs.at(-1) as Value;
  return node.inputs
    .filter(({ shape, dtype }) => dtype === output.dtype && sameShape(shape, output.shape))
    .map(buffer)
    .find((held) => held?.uses === 1);
};

/** One run of a program: takes and gives back what its values need. */
const replay = ({ nodes, fetches, effects }: Program, heap: Heap): void => {
  const buffer = buffersOf(nodes);
  const use = (value: Value) => {
    const held = buffer(value);
    if (held !== undefined) held.uses += 1;
  };
  for (const { inputs } of nodes) inputs.forEach(use);
  // These wait for the end of the program.
  const last = [...fetches.values(), ...effects.flatMap(effectInputs)];
  last.forEach(use);

  const release = (value: Value) => {
    const held = buffer(value);
    if (held?.chunk === undefined || held.uses > 0) return;
    heap.free(held.chunk);
    delete held.chunk;
  };
  const drop = (value: Value) => {
    const held = buffer(value);
    if (held !== undefined) held.uses -= 1;
    release(value);
  };
  for (const node of nodes) {
    const over = overwritten(node, buffer);
    for (const [i, output] of node.outputs.entries()) {
      const held = buffer(output);
      if (held === undefined || held.chunk !== undefined) continue;
      if (over?.chunk !== undefined && i === node.outputs.length - 1) {
        held.chunk = over.chunk;
        delete over.chunk;
      } else held.chunk = heap.take(held.bytes);
    }
    node.inputs.forEach(drop);
    node.outputs.forEach(release);
  }
  last.forEach(drop);
};

/** Programs that set the peak; the others are looked at no further. */
const HEAVIEST = 3;

/** Bytes that a program's values take when all of them are in memory at once: what ranks programs. */
const volume = ({ nodes }: Program): number =>
  nodes.flatMap(({ op, outputs }) => (sources.has(op.kind) ? [] : outputs)).reduce(sumBytes, 0);

/**
 * Bytes of memory that the runs of programs come to: the session's state and the values of one program at a time,
 * in a heap that gives nothing back.
 */
const predict = (graph: Graph, programs: ReadonlyArray<Program>): number => {
  const heap = new Heap();
  for (const declared of [...graph.variables.values(), ...graph.buffers.values()]) {
    heap.take(bytesOf(declared));
  }
  const heaviest = programs
    .map((program) => ({ program, bytes: volume(program) }))
    .sort((a, b) => a.bytes - b.bytes)
    .slice(-HEAVIEST);
  for (const { program } of heaviest) replay(program, heap);
  return heap.size;
};

/** A process with TensorFlow loaded and a graph recorded, and nothing in its session: measured (docs/memory.md). */
const PROCESS = 380 * 2 ** 20;
/** TensorFlow runs two nodes at a time and not in our order, and keeps scratch space of its own: measured too. */
const BESIDE = 1.2;
/** Initial values that are in memory a second time while a session is opened. */
const OPENING = 256 * 2 ** 20;

/** Resident bytes of a process that holds the graph's session and has run these programs. */
export const running = (graph: Graph, programs: ReadonlyArray<Program>): number =>
  PROCESS + BESIDE * predict(graph, programs);

/** Resident bytes of a process at the most while it opens the graph's session, `mapped` bytes of files in view. */
export const opening = (graph: Graph, mapped: number): number => {
  const bytes = [...graph.variables.values()].filter(({ zero }) => zero !== true).reduce(sumBytes, 0);
  return PROCESS + BESIDE * bytes + Math.min(bytes, OPENING) + mapped;
};
