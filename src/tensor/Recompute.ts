/**
 * Recomputation of activations: of a segment between two checkpoints only the checkpoint is kept, and the backward
 * sweep computes the rest of it once more when it gets there (Chen et al., "Training Deep Nets with Sublinear
 * Memory Cost", arXiv 1604.06174, section 4.1).
 *
 * The copies hang on the checkpoint behind a barrier, which waits for the cotangent that comes into the segment:
 * without it TensorFlow could compute them early, or find that they are what the forward pass has computed.
 */
import type { Graph } from "./Graph.ts";
import type { Node, Value } from "./Ir.ts";

/** Not behind any checkpoint: feeds, variables, and what is made of these alone. */
const NONE = -1;

interface Copy {
  /** The cotangent of the segment's end. */
  readonly dependency: Value;
  readonly values: Map<number, Value>;
}

export class Recompute {
  readonly #g: Graph;
  /** The checkpoint behind which a value lies, by the ids of both. */
  readonly #segment = new Map<number, number>();
  readonly #copies = new Map<number, Copy>();

  /** `nodes`: those of the forward pass, in order. */
  constructor(g: Graph, nodes: ReadonlyArray<Node>) {
    this.#g = g;
    for (const { op, inputs, outputs } of nodes) {
      const at =
        op.kind === "checkpoint"
          ? outputs[0].id
          : Math.max(NONE, ...inputs.map(({ id }) => this.#segment.get(id) ?? NONE));
      for (const { id } of outputs) this.#segment.set(id, at);
    }
  }

  /** The backward sweep has come to a checkpoint: what lies before it is computed anew from here on. */
  pass(checkpoint: Node, cotangent: Value): void {
    const before = this.#segment.get(checkpoint.inputs[0].id) ?? NONE;
    if (before !== NONE) this.#copies.set(before, { dependency: cotangent, values: new Map() });
  }

  /** The node with values of the backward sweep in place of those of the forward pass. */
  node(node: Node): Node {
    return {
      ...node,
      inputs: node.inputs.map((value) => this.value(value)),
      outputs: node.outputs.map((value) => this.value(value)),
    };
  }

  value(value: Value): Value {
    const copy = this.#copies.get(this.#segment.get(value.id) ?? NONE);
    if (copy === undefined) return value;
    const known = copy.values.get(value.id);
    if (known !== undefined) return known;
    const { op, inputs, outputs } = this.#g.producer(value);
    const again =
      op.kind === "checkpoint"
        ? [this.#g.after(value, copy.dependency)]
        : this.#g.record(
            op,
            inputs.map((input) => this.value(input)),
            outputs,
          );
    for (const [i, { id }] of outputs.entries()) copy.values.set(id, again[i]);
    return copy.values.get(value.id) as Value;
  }
}
