/**
 * AdamW (Loshchilov & Hutter, arXiv 1711.05101) with clipping by the global norm, recorded. Its state are variables, a
 * first and a second moment for each parameter of a training; gradients of micro-batches add up in accumulators that
 * all trainings share.
 */
import type { Parameter } from "../model/Lora.ts";
import type { Graph, Value } from "../tensor/Graph.ts";

/** AdamW's settings; clipNorm 0 is no clipping. */
export interface Optimizer {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
}

/** Where gradients of micro-batches add up. */
export const accumulator = (
  g: Graph,
  { name, shape }: Parameter,
): { readonly name: string; readonly sum: Value } => {
  const own = `accumulated/${name}`;
  return { name: own, sum: g.variable(own, shape, "float32", true) };
};
/** What the names of a parameter's moments begin with. */
export const slots = (id: string, name: string): string => `optimizer/${id}/${name}`;

/** Whose moments, and how they move. */
export interface Updated {
  readonly id: string;
  readonly optimizer: Optimizer;
}

/** Clipping and AdamW with the gradients of a whole batch; gives their norm. */
export const record = (
  g: Graph,
  { optimizer, id }: Updated,
  parameters: ReadonlyArray<Parameter>,
  found: ReadonlyArray<Value>,
): Value => {
  const norm = g.sqrt(found.map((x) => g.sum(g.square(x))).reduce((a, b) => g.add(a, b), g.scalar(0)));
  const scale =
    optimizer.clipNorm > 0 ? g.minimum(g.div(optimizer.clipNorm, g.maximum(norm, 1e-12)), 1) : g.scalar(1);
  const learningRate = g.feed("learningRate", []);
  const beta1Power = g.feed("beta1Power", []);
  const beta2Power = g.feed("beta2Power", []);
  // Of the second moment without its bias, as PyTorch has it; the operation adds it to the biased one.
  const epsilon = g.mul(g.sqrt(g.sub(1, beta2Power)), optimizer.epsilon);
  parameters.forEach(({ name, shape }, i) => {
    g.variable(name, shape);
    g.adam(name, g.mul(found[i], scale), {
      learningRate,
      beta1: optimizer.beta1,
      beta2: optimizer.beta2,
      epsilon,
      beta1Power,
      beta2Power,
      // Gains and biases do not decay.
      weightDecay: shape.length < 2 ? 0 : optimizer.weightDecay,
      slots: slots(id, name),
    });
  });
  return norm;
};

/** Records the program that makes a step of what is accumulated, and clears it. */
export const recordApply = (
  g: Graph,
  program: string,
  updated: Updated,
  parameters: ReadonlyArray<Parameter>,
): void => {
  const accumulators = parameters.map((parameter) => accumulator(g, parameter));
  const sums = accumulators.map(({ sum }) => sum);
  const norm = record(g, updated, parameters, sums);
  for (const { name, sum } of accumulators) g.assign(name, g.zeros(sum.shape));
  g.program(program, { fetches: { gradient_norm: norm } });
};
