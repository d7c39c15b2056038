/** Polyak averaging of the target heads. */
import * as Heads from "../model/Heads.ts";
import type { Parameter } from "../model/Lora.ts";
import type { Graph } from "../tensor/Graph.ts";

/** Records a program of this name: target += rate * (live - target), of every head. */
export const record = (
  g: Graph,
  program: string,
  parameters: ReadonlyArray<Parameter>,
  rate: number,
): void => {
  for (const { name, shape } of parameters) {
    const target = g.variable(Heads.targetOf(name), shape);
    const next = g.add(target, g.mul(g.sub(g.variable(name, shape), target), rate));
    g.assign(Heads.targetOf(name), next);
  }
  g.program(program, { fetches: {} });
};
