/** Reverse-mode differentiation: a transformation of the recorded program that records more of it. */
import type { Graph } from "./Graph.ts";
import type { Node, Value } from "./Ir.ts";
import { Recompute } from "./Recompute.ts";
import { dim, fail, isFloat, sameShape, show, sizeOf } from "./Shapes.ts";
import { type VjpContext, vjp } from "./Vjp.ts";

/** What arrived at the values during the backward sweep. */
class Cotangents {
  readonly #g: Graph;
  readonly #parts = new Map<number, Array<{ readonly from: Node; readonly value: Value }>>();
  readonly #totals = new Map<number, Value>();

  constructor(g: Graph) {
    this.#g = g;
  }

  add(to: Value, from: Node, value: Value): void {
    const parts = this.#parts.get(to.id);
    if (parts === undefined) this.#parts.set(to.id, [{ from, value }]);
    else parts.push({ from, value });
  }

  /** The sum of all contributions; every consumer must have been swept. */
  total(of: Value): Value | undefined {
    const known = this.#totals.get(of.id);
    if (known !== undefined) return known;
    // Small ones first, so that they meet before they are spread over the large.
    const parts = this.#parts.get(of.id)?.map(({ value }) => value);
    parts?.sort((a, b) => sizeOf(a.shape) - sizeOf(b.shape));
    const total = parts?.reduce((a, b) => this.#g.add(a, b));
    if (total !== undefined) this.#totals.set(of.id, total);
    return total;
  }

  set(of: Value, total: Value): void {
    this.#totals.set(of.id, total);
  }

  /** The one node whose cotangent reached this value. */
  only(of: Value): Node | undefined {
    const parts = this.#parts.get(of.id);
    return parts?.length === 1 ? parts[0]?.from : undefined;
  }
}

/** See VjpContext.rowDots. Looks through reshapes that keep the last axis. */
const rowDots = (
  g: Graph,
  cotangents: Cotangents,
  softmax: Node,
  live: (value: Value) => Value,
): Value | undefined => {
  const y = softmax.outputs[0];
  const width = y.shape.at(-1) as number;
  let value = y;
  for (;;) {
    const consumer = cotangents.only(value);
    if (consumer === undefined) return undefined;
    const out = consumer.outputs[0];
    if (consumer.op.kind === "reshape" && out.shape.at(-1) === width) {
      value = out;
      continue;
    }
    const { op, inputs } = consumer;
    const attends = (op.kind === "batchMatMul" && !op.adjointA) || (op.kind === "matMul" && !op.transposeA);
    if (!attends || inputs[0] !== value || inputs[1] === value) return undefined;
    const dOut = cotangents.total(out);
    const narrow = dim(out.shape, out.shape.length - 1) < width;
    if (dOut === undefined || !narrow || !sameShape(out.shape.slice(0, -1), value.shape.slice(0, -1))) {
      return undefined;
    }
    const dots = g.sum(g.mul(dOut, live(out)), -1, true);
    // A cotangent that is one number over the last axis leaves the sum to the product's shape.
    return g.reshape(dots, [...y.shape.slice(0, -1), 1]);
  }
};

/**
 * Gradients of a scalar with respect to values of the same graph, each in its value's shape: zeros where the
 * scalar does not depend on the value. `stopGradient` is respected. Integer and bool paths carry none.
 *
 * With `recompute` what lies between two checkpoints of the graph is computed a second time instead of kept; the
 * gradients are the same.
 * @throws TensorError if the loss is not one float, or depends on a value through an op without gradient.
 */
export const gradients = (
  graph: Graph,
  loss: Value,
  wrt: ReadonlyArray<Value>,
  options: { readonly recompute?: boolean } = {},
): Array<Value> => {
  if (sizeOf(loss.shape) !== 1 || !isFloat(loss.dtype)) {
    fail("gradients", `the loss must be one float, found ${loss.dtype}${show(loss.shape)}`);
  }
  for (const value of wrt) {
    if (!isFloat(value.dtype)) fail("gradients", `cannot differentiate with respect to ${value.dtype}`);
    graph.producer(value);
  }
  const nodes = graph.needed([loss]);
  const targets = new Set(wrt.map((value) => value.id));
  const active = new Set<number>(targets);
  for (const { op, inputs, outputs } of nodes) {
    if (op.kind === "stopGradient" || !inputs.some((i) => active.has(i.id))) continue;
    for (const output of outputs) if (isFloat(output.dtype)) active.add(output.id);
  }
  const cotangents = new Cotangents(graph);
  const recompute = options.recompute === true ? new Recompute(graph, nodes) : undefined;
  cotangents.set(loss, graph.scalar(1, loss.dtype));
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((o) => active.has(o.id)) || !node.inputs.some((i) => active.has(i.id))) continue;
    if (node.op.kind === "stopGradient") continue;
    const dys = node.outputs.map((output) => cotangents.total(output));
    if (dys.every((dy) => dy === undefined)) continue;
    if (node.op.kind === "checkpoint" && dys[0] !== undefined) recompute?.pass(node, dys[0]);
    const context: VjpContext = {
      g: graph,
      node: recompute?.node(node) ?? node,
      needs: (i) => active.has(node.inputs[i]?.id ?? -1),
      rowDots: () => rowDots(graph, cotangents, node, (value) => recompute?.value(value) ?? value),
    };
    for (const [i, dx] of vjp(context, dys).entries()) {
      const input = node.inputs[i];
      if (dx !== undefined && input !== undefined && active.has(input.id)) cotangents.add(input, node, dx);
    }
  }
  return wrt.map((value) => {
    const total = cotangents.total(value);
    return total === undefined
      ? graph.zeros(value.shape, value.dtype)
      : graph.broadcastTo(total, value.shape);
  });
};
