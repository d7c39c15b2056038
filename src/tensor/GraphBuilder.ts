/**
 * From recorded nodes and effects to TensorFlow nodes.
 *
 * Within a run every effect waits for a gate, which waits for all gradients, all assigned values and all reads
 * of the variables that are written: a program sees the values from before its updates. Sums that nobody else
 * reads are the exception.
 */
import type { Graph } from "./Graph.ts";
import { GraphDef } from "./GraphDef.ts";
import { type Declared, type Effect, effectInputs, type Node, type Program, type Value } from "./Ir.ts";
import { DType } from "./native/Binding.ts";
import { variableOf } from "./Session.ts";
import { sameShape } from "./Shapes.ts";
import { type Attrs, dataType, type Emitter, emit, toBfloat16, type } from "./TfOps.ts";

/** A tensor's handle is its name in the GraphDef, "node:index". */
export class GraphBuilder {
  readonly def = new GraphDef();
  readonly #graph: Graph;
  readonly #values = new Map<number, string>();
  readonly #variables = new Map<string, string>();
  readonly #constants = new Map<string, string>();
  #count = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  private name(): string {
    return `n${this.#count++}`;
  }

  op(
    op: string,
    inputs: ReadonlyArray<string>,
    attrs: Attrs,
    after: ReadonlyArray<string> = [],
    device?: string,
  ): string {
    const name = this.name();
    this.def.node(name, op, [...inputs, ...after.map((node) => `^${node.split(":")[0]}`)], attrs, device);
    return `${name}:0`;
  }

  private shared(key: string, make: () => string): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#constants.set(key, made);
    return made;
  }

  private constant(kind: number, shape: ReadonlyArray<number>, data: ArrayBufferView): string {
    const name = this.name();
    this.def.constant(name, kind, shape, data);
    return `${name}:0`;
  }

  readonly emitter: Emitter<string> = {
    op: (op, inputs, attrs, outputs) => {
      const node = this.op(op, inputs, attrs).split(":")[0];
      return Array.from({ length: outputs }, (_, i) => `${node}:${i}`);
    },
    ints: (values, shape) =>
      this.shared(`i${shape.join()}:${values.join()}`, () =>
        this.constant(dataType.int32, shape, Int32Array.from(values)),
      ),
    float: (value) =>
      this.shared(`f${value}`, () => this.constant(dataType.float32, [], Float32Array.of(value))),
  };

  /** An int64 constant [n]. */
  longs(values: ReadonlyArray<number>): string {
    return this.shared(`l${values.join()}`, () =>
      this.constant(DType.int64, [values.length], BigInt64Array.from(values, BigInt)),
    );
  }

  /** The handle of a session variable; buffers are variables with a prefix that no variable can have. */
  handle(name: string, { shape, dtype }: Declared): string {
    const known = this.#variables.get(name);
    if (known !== undefined) return known;
    const made = this.op("VarHandleOp", [], {
      dtype: type(dtype),
      shape: { kind: "shape", value: shape },
      shared_name: { kind: "string", value: name },
      container: { kind: "string", value: "" },
    });
    this.#variables.set(name, made);
    return made;
  }

  read(name: string, declared: Declared, after: ReadonlyArray<string> = []): string {
    return this.op("ReadVariableOp", [this.handle(name, declared)], { dtype: type(declared.dtype) }, after);
  }

  /** Something to fetch that depends on nodes. */
  done(after: ReadonlyArray<string>): string {
    return this.op("Identity", [this.emitter.ints([0], [])], { T: type("int32") }, after);
  }

  placeholder({ shape, dtype }: Declared): string {
    return this.op("Placeholder", [], { dtype: type(dtype), shape: { kind: "shape", value: shape } });
  }

  private emitNode(node: Node): ReadonlyArray<string> {
    const { op, outputs } = node;
    const value = outputs[0];
    switch (op.kind) {
      case "feed":
        return [this.placeholder(value)];
      case "variable":
        return [this.read(op.name, value)];
      case "buffer":
        return [this.read(`:${op.name}`, value)];
      case "constant": {
        const data = value.dtype === "bfloat16" ? toBfloat16(op.data as Float32Array) : op.data;
        return [this.constant(dataType[value.dtype], value.shape, data)];
      }
      case "stopGradient":
      case "checkpoint":
        return [this.at(node.inputs[0])];
      case "after":
        return [
          this.op("Identity", [this.at(node.inputs[0])], { T: type(value.dtype) }, [this.at(node.inputs[1])]),
        ];
      default:
        return emit(
          this.emitter,
          node,
          node.inputs.map((input) => this.at(input)),
        );
    }
  }

  /** The name of a recorded value's tensor; nodes must be asked for in order. */
  at(value: Value): string {
    const known = this.#values.get(value.id);
    if (known !== undefined) return known;
    const node = this.#graph.producer(value);
    const names = this.emitNode(node);
    for (const [i, output] of node.outputs.entries()) this.#values.set(output.id, names[i]);
    return this.#values.get(value.id) as string;
  }

  /** A tensor of this value that nobody else holds: variables must not share memory with feeds or buffers. */
  private owned(value: Value): string {
    let source = this.#graph.producer(value);
    while (["reshape", "stopGradient", "checkpoint", "after"].includes(source.op.kind)) {
      source = this.#graph.producer(source.inputs[0]);
    }
    const shares = ["feed", "buffer", "variable", "constant", "updateRows"].includes(source.op.kind);
    return shares ? this.op("DeepCopy", [this.at(value)], { T: type(value.dtype) }) : this.at(value);
  }

  /**
   * What an effect adds to its variable, where it does no more and nobody else reads the variable: it needs no gate,
   * so that what is added (a gradient) need not be kept until the program's end.
   */
  private addition(effect: Effect, readers: ReadonlyMap<Value, number>): Value | undefined {
    if (effect.kind !== "assign") return undefined;
    const { op, inputs } = this.#graph.producer(effect.value);
    if (op.kind !== "add" || !sameShape(inputs[1].shape, effect.value.shape)) return undefined;
    const [old, added] = inputs;
    const from = this.#graph.producer(old);
    if (from.op.kind !== "variable" || from.op.name !== effect.name) return undefined;
    return readers.get(old) === 1 && readers.get(effect.value) === 1 ? added : undefined;
  }

  /** Emits the effects of a program; gives the nodes that are done when they are. */
  effects(program: Program): ReadonlyArray<string> {
    const T = type("float32");
    const rows = program.effects.filter((e) => e.kind === "updateRows").map((e) => this.at(e.value));
    const writes = program.effects.filter((e) => e.kind !== "updateRows");
    if (writes.length === 0) return rows;
    const readers = new Map<Value, number>();
    const used = [
      ...program.nodes.flatMap(({ inputs }) => inputs),
      ...program.fetches.values(),
      ...program.effects.flatMap(effectInputs),
    ];
    for (const value of used) readers.set(value, (readers.get(value) ?? 0) + 1);
    const additions = new Map(writes.map((effect) => [effect, this.addition(effect, readers)]));
    const written = new Set<string>(
      writes
        .filter((effect) => additions.get(effect) === undefined)
        .flatMap((e) => (e.kind === "adam" ? [e.name, ...e.slots] : [e.name])),
    );
    const before: Array<string> = [];
    for (const { op, outputs } of program.nodes) {
      if (op.kind === "variable" && written.has(op.name)) before.push(this.at(outputs[0]));
    }
    const prepared = writes.map((effect) => {
      const declared = variableOf(this.#graph, effect.name);
      const variable = this.handle(effect.name, declared);
      const addition = additions.get(effect);
      if (addition !== undefined) {
        const added = this.at(addition);
        return () => this.op("AssignAddVariableOp", [variable, added], { dtype: type(declared.dtype) });
      }
      if (effect.kind !== "adam") {
        const value = this.owned(effect.value);
        before.push(value);
        return (gate: string) =>
          this.op("AssignVariableOp", [variable, value], { dtype: type(declared.dtype) }, [gate]);
      }
      const gradient = this.at(effect.gradient);
      before.push(gradient);
      const [m, v] = effect.slots.map((slot) => this.handle(slot, declared)) as [string, string];
      const scalars = [
        effect.beta1Power,
        effect.beta2Power,
        effect.learningRate,
        effect.beta1,
        effect.beta2,
        effect.epsilon,
      ].map((s) => this.at(s));
      // After the gate nothing but this chain touches the variable, and one decay at a time is in memory.
      const decay = (gate: string): string => {
        if (effect.weightDecay === undefined) return gate;
        const rate = this.op("Mul", [this.at(effect.learningRate), this.at(effect.weightDecay)], { T });
        const lost = this.op("Mul", [this.read(effect.name, declared, [gate]), rate], { T });
        return this.op("AssignSubVariableOp", [variable, lost], { dtype: T });
      };
      return (gate: string) => {
        const decayed = decay(gate);
        return this.op("ResourceApplyAdam", [variable, m, v, ...scalars, gradient], { T }, [decayed]);
      };
    });
    const gate = this.op("NoOp", [], {}, [...new Set(before)]);
    return [...rows, ...prepared.map((write) => write(gate))];
  }
}
