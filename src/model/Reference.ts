/**
 * The reference policy: the policy as it was when it was last copied, frozen. What a KL, DPO's log-ratios and a tapered
 * ratio are measured against.
 *
 * Only what trains is copied: of a policy with adapters, the adapters.
 */
import type { Graph } from "../tensor/Graph.ts";
import type { Parameter } from "./Lora.ts";
import type { Model } from "./Layer.ts";

const PREFIX = "reference.";
/** The program that copies the policy. */
const COPY = "reference/copy";

/** The reference as a model: it shares what does not train. */
export const of = (model: Model): Model =>
  model.lora === null
    ? { ...model, prefix: PREFIX }
    : { ...model, lora: { ...model.lora, dropout: 0, prefix: PREFIX } };

export const parameters = (ofPolicy: ReadonlyArray<Parameter>): ReadonlyArray<Parameter> =>
  ofPolicy.map(({ name, shape }) => ({ name: `${PREFIX}${name}`, shape }));

/** Where a variable of the reference starts: as the policy's of this name. Undefined for any other variable. */
export const startsAs = (name: string): string | undefined =>
  name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;

/** Records the copy; gives the program's name. */
export const record = (g: Graph, ofPolicy: ReadonlyArray<Parameter>): string => {
  for (const { name, shape } of ofPolicy) {
    g.variable(`${PREFIX}${name}`, shape);
    g.assign(`${PREFIX}${name}`, g.variable(name, shape));
  }
  g.program(COPY, { fetches: {} });
  return COPY;
};
