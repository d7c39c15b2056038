/** What of a model an algorithm sees and moves: its networks in the states of a micro-batch, its parameters. */
import type { Configured, Networks } from "../algorithms/Algorithm.ts";
import * as Heads from "../model/Heads.ts";
import type { Parameter } from "../model/Lora.ts";
import * as Reference from "../model/Reference.ts";
import * as Transformer from "../model/Transformer.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import { SUBSET } from "./MicroBatch.ts";

export interface Network {
  readonly model: Transformer.Model;
  readonly heads: Heads.Heads | null;
  /** What of the policy trains; empty where it is frozen. */
  readonly parameters: ReadonlyArray<Parameter>;
}

/** An algorithm as one of a run's trainings. */
export interface Named {
  readonly id: string;
  readonly algorithm: Configured;
}

/** Rows of logits held at once: a large vocabulary's are computed in pieces. */
const logitRows = (vocabulary: number): number => Math.max(256, Math.floor(4_194_304 / vocabulary));

/** Variables of the algorithm's own, by the name that its loss calls them. */
export const ownParameters = ({ algorithm, id }: Named) =>
  algorithm.parameters.map((own) => ({ ...own, name: `algorithm/${id}/${own.name}` }));

/** The weights that a training moves: the policy's trainable ones, or the heads. */
export const parametersOf = (
  { model, heads, parameters }: Network,
  { algorithm, id }: Named,
): ReadonlyArray<Parameter> => {
  if (algorithm.trains === "policy") {
    // Adapters of rank 0 are asked for: the policy is frozen, and the metrics are computed.
    if (parameters.length > 0 || model.lora?.rank === 0) return parameters;
    throw new RangeError(
      `Training ${id}: ${algorithm.name} trains the policy, of which nothing trains here; open it as "full" or "lora"`,
    );
  }
  if (heads === null)
    throw new RangeError(`Training ${id}: ${algorithm.name} needs value heads; open the model with heads`);
  return Heads.parameters(model.config, heads);
};

/** The rows of a micro-batch. */
export interface Rows {
  /** int32 [B, T]. */
  readonly tokens: Value;
  /** int32 [N]: the flat position of each action's state. */
  readonly position: Value;
  /** [N, d]. */
  readonly hidden: Value;
  /** int32 [N]. */
  readonly action: Value;
}

/** The networks in the states of a micro-batch's actions. */
export const of = (
  g: Graph,
  { model, heads }: Network,
  { tokens, position, hidden, action }: Rows,
  named: Named,
): Networks => {
  const frozen = g.stopGradient(hidden);
  const chunk = logitRows(model.config.vocab_size);
  let reference: Value | undefined;
  return {
    logProb: () => Transformer.logProbs(g, model, hidden, action, chunk),
    top: (k) => {
      // Of the same hidden values as log pi, so that both share their logits.
      const top = Transformer.topTokens(g, model, hidden, action, k, chunk);
      return { tokens: top.ids, logProbs: g.stopGradient(top.logProbs) };
    },
    reference: () => {
      if (reference === undefined) {
        const before = Reference.of(model);
        const rows = g.gather(Transformer.forward(g, before, tokens), position);
        reference = g.stopGradient(Transformer.logProbs(g, before, rows, action, chunk));
      }
      return reference;
    },
    critic: () => {
      if (heads === null) throw new RangeError("the model has no value heads");
      return {
        q: (candidates) => Heads.qLogits(g, model, heads, Heads.critics(heads), frozen, candidates),
        targetQ: (candidates) =>
          Heads.qLogits(g, model, heads, Heads.targets(heads), frozen, candidates).map((q) =>
            g.stopGradient(q),
          ),
        subset: heads.subset === null ? null : g.feed(SUBSET, [heads.critics]),
        v: () => Heads.valueLogits(g, model, heads, frozen),
      };
    },
    own: (name) => {
      const own = ownParameters(named).find((p) => p.name === `algorithm/${named.id}/${name}`);
      if (own === undefined) throw new RangeError(`${named.algorithm.name} has no variable "${name}"`);
      return g.variable(own.name, own.shape);
    },
  };
};
