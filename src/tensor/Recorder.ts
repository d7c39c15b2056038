/**
 * The part of a graph that keeps nodes: hash-consing (identical pure nodes are recorded once, which is the
 * common-subexpression elimination), declarations of state, effects, and the closing of programs (which is the
 * dead-code elimination: a program holds the nodes that its fetches and effects need).
 */
import { createHash } from "node:crypto";
import {
  type Declared,
  type DType,
  type Effect,
  effectInputs,
  type Node,
  type Op,
  type Program,
  type Shape,
  TensorError,
  type TensorData,
  type Value,
} from "./Ir.ts";
import { checkShape, fail, sameShape, show, sizeOf } from "./Shapes.ts";

/** Constants of more bytes than this are compared by a hash of their content. */
const LONG_CONSTANT = 256;

const attributesKey = (op: Op): string => {
  if (op.kind !== "constant") return JSON.stringify(op);
  const { data } = op;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes.length <= LONG_CONSTANT
    ? bytes.toString("latin1")
    : createHash("sha256").update(bytes).digest("base64");
};

export class Recorder {
  readonly #nodes: Array<Node> = [];
  readonly #producer: Array<Node> = [];
  readonly #seen = new Map<string, Node>();
  readonly #variables = new Map<string, Declared>();
  readonly #buffers = new Map<string, Declared>();
  readonly #feeds = new Map<string, Declared>();
  readonly #programs = new Map<string, Program>();
  #effects: Array<Effect> = [];
  readonly #deduplicate: boolean;

  /** `deduplicate: false` records every node anew: for tests that hold both ways equal. */
  constructor(options: { readonly deduplicate?: boolean } = {}) {
    this.#deduplicate = options.deduplicate ?? true;
  }

  /** Adds a node, or finds the identical one. */
  record(op: Op, inputs: ReadonlyArray<Value>, outputs: ReadonlyArray<Declared>): ReadonlyArray<Value> {
    for (const input of inputs) this.own(op.kind, input);
    const pure = (this.#deduplicate || inputs.length === 0) && op.kind !== "updateRows";
    const shapes = outputs.map((o) => `${o.dtype}${show(o.shape)}`).join(";");
    const key = pure
      ? `${op.kind}|${shapes}|${inputs.map((i) => i.id).join(",")}|${attributesKey(op)}`
      : undefined;
    const known = key === undefined ? undefined : this.#seen.get(key);
    if (known !== undefined) return known.outputs;
    const values = outputs.map(
      ({ shape, dtype }, i): Value => ({ id: this.#producer.length + i, shape: [...shape], dtype }),
    );
    const node: Node = { id: this.#nodes.length, op, inputs: [...inputs], outputs: values };
    this.#nodes.push(node);
    for (let i = 0; i < values.length; i++) this.#producer.push(node);
    if (key !== undefined) this.#seen.set(key, node);
    return values;
  }

  /** The node that gives a value of this graph. */
  producer(value: Value): Node {
    return this.own("graph", value);
  }

  private own(op: string, value: Value): Node {
    const node = this.#producer[value.id];
    if (node === undefined || !node.outputs.includes(value)) {
      return fail(op, `the input value ${value.id} ${show(value.shape)} was recorded by another graph`);
    }
    return node;
  }

  private declare(
    what: string,
    table: Map<string, Declared>,
    name: string,
    shape: Shape,
    dtype: DType,
    zero = false,
  ): void {
    checkShape(`${what} ${name}`, shape);
    if (!/^[\w./-]+$/.test(name)) {
      fail(what, `a name may hold letters, digits and _ . / -, found ${JSON.stringify(name)}`);
    }
    const known = table.get(name);
    if (known === undefined) table.set(name, { shape: [...shape], dtype, zero });
    else if (known.dtype !== dtype || !sameShape(known.shape, shape)) {
      fail(
        what,
        `${name} was declared as ${known.dtype}${show(known.shape)}, and is now asked for as ${dtype}${show(shape)}`,
      );
    }
  }

  /** An input of a run. */
  feed(name: string, shape: Shape, dtype: DType = "float32"): Value {
    if (dtype === "bfloat16") fail("feed", `${name}: feed float32 and cast it to bfloat16`);
    this.declare("feed", this.#feeds, name, shape, dtype);
    return this.record({ kind: "feed", name }, [], [{ shape, dtype }])[0];
  }

  /**
   * The session's variable of this name, as it was before the program's effects. With `zero` (said where it is
   * first named) it starts at zero, and nobody is asked for its initial value.
   */
  variable(name: string, shape: Shape, dtype: DType = "float32", zero = false): Value {
    this.declare("variable", this.#variables, name, shape, dtype, zero);
    return this.record({ kind: "variable", name }, [], [{ shape, dtype }])[0];
  }

  /** A device buffer that lasts between runs, zero at first; `updateRows` writes it in place. */
  buffer(name: string, shape: Shape, dtype: DType = "float32"): Value {
    this.declare("buffer", this.#buffers, name, shape, dtype);
    if (shape.length < 2) fail("buffer", `${name} needs at least two dimensions, found ${show(shape)}`);
    return this.record({ kind: "buffer", name }, [], [{ shape, dtype }])[0];
  }

  protected variableOf(op: string, name: string): Declared {
    return (
      this.#variables.get(name) ??
      fail(op, `there is no variable ${name}: read it with variable(name, shape) before it is written`)
    );
  }

  protected effect(effect: Effect): void {
    for (const input of effectInputs(effect)) this.own(effect.kind, input);
    if (
      effect.kind !== "updateRows" &&
      this.#effects.some((e) => e.kind !== "updateRows" && e.name === effect.name)
    ) {
      fail(effect.kind, `variable ${effect.name} is already written by this program`);
    }
    this.#effects.push(effect);
  }

  /**
   * Closes a named program: what a run of this name fetches, and the effects recorded since the last program
   * was closed. A run executes what these need and nothing else.
   */
  program(name: string, options: { readonly fetches: Readonly<Record<string, Value>> }): Program {
    if (this.#programs.has(name)) fail("program", `there is already a program ${name}`);
    const fetches = new Map(Object.entries(options.fetches));
    for (const value of fetches.values()) this.own("program", value);
    const own = this.#effects;
    if (fetches.size === 0 && own.length === 0) fail("program", `${name} fetches nothing and has no effect`);
    const nodes = this.needed([...fetches.values(), ...own.flatMap(effectInputs)]);
    // Programs may share a part that updates buffers: whoever needs an update has its effect.
    const held = new Set(own.map((effect) => (effect.kind === "updateRows" ? effect.value : undefined)));
    const shared = nodes.flatMap(({ op, outputs }): Array<Effect> => {
      const value = outputs[0];
      return op.kind === "updateRows" && !held.has(value) ? [{ kind: op.kind, name: op.name, value }] : [];
    });
    const effects = [...shared, ...own];
    this.checkBuffers(name, nodes, new Set(fetches.values()));
    const program: Program = { name, fetches, effects, nodes };
    this.#effects = [];
    this.#programs.set(name, program);
    return program;
  }

  /** The nodes that these values depend on, in order of recording. */
  needed(values: ReadonlyArray<Value>): Array<Node> {
    const live = new Set<Node>();
    const stack = values.map((value) => this.own("graph", value));
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (live.has(node)) continue;
      live.add(node);
      for (const input of node.inputs) stack.push(this.producer(input));
    }
    return [...live].sort((a, b) => a.id - b.id);
  }

  /** `updateRows` destroys the content that it replaces, so nothing else may read that. */
  private checkBuffers(name: string, nodes: ReadonlyArray<Node>, fetched: ReadonlySet<Value>): void {
    const written = new Map<Value, string>();
    for (const { op, inputs } of nodes) {
      if (op.kind === "updateRows") written.set(inputs[0], op.name);
    }
    for (const [value, buffer] of written) {
      const readers = nodes.filter((node) => node.inputs.includes(value)).length;
      if (readers > 1 || fetched.has(value)) {
        throw new TensorError(
          `program ${name}: buffer ${buffer} is read or updated again after updateRows replaced that content; use the value that updateRows returned`,
        );
      }
    }
  }

  get nodes(): ReadonlyArray<Node> {
    return this.#nodes;
  }
  get variables(): ReadonlyMap<string, Declared> {
    return this.#variables;
  }
  get buffers(): ReadonlyMap<string, Declared> {
    return this.#buffers;
  }
  get feeds(): ReadonlyMap<string, Declared> {
    return this.#feeds;
  }
  get programs(): ReadonlyMap<string, Program> {
    return this.#programs;
  }

  /** The program of this name, or an error that lists those that exist. */
  programOf(name: string): Program {
    return (
      this.#programs.get(name) ??
      fail(
        "run",
        `there is no program ${name}; there are: ${[...this.#programs.keys()].join(", ") || "none"}`,
      )
    );
  }

  /** A constant. Its data must not be changed afterwards. */
  protected recordConstant(data: TensorData, shape: Shape, dtype: DType): Value {
    checkShape("constant", shape);
    if (data.length !== sizeOf(shape)) {
      fail("constant", `${data.length} numbers do not fill the shape ${show(shape)}`);
    }
    return this.record({ kind: "constant", data }, [], [{ shape, dtype }])[0];
  }
}
