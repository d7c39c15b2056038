/**
 * Filtered behaviour cloning (supervised fine-tuning).
 *
 *     L = - mean_t log pi(a_t | s_t)        over program tokens, the end token included
 *
 * Over passing episodes it is the anchor of every other method and the baseline to beat; over all episodes it
 * trains a base policy. The prompt's tokens are never in the loss; those of reasoning before the program are, or are
 * context alone.
 */
import * as Schema from "effect/Schema";
import { make } from "./Algorithm.ts";
import { weighted } from "./Ops.ts";
import { or } from "./Settings.ts";

export const Config = Schema.Struct({
  /** Whether the tokens of reasoning are in the loss, or only in the states of those after them. */
  reasoning: or(Schema.Literals(["train", "context"]), "train"),
});

/** Parts: `ce` in nats a token, `accuracy` of the most probable token. */
export const sft = make({
  name: "sft",
  config: Config,
  trains: "policy",
  loss: (g, networks, columns, { reasoning }) => {
    const weight = reasoning === "train" ? columns.weight : columns.programWeight;
    const total = g.neg(weighted(g, weight, networks.logProb()));
    const best = g.reshape(networks.top(1).tokens, columns.action.shape);
    const hit = g.cast(g.equal(best, columns.action), "float32");
    return { total, parts: { ce: total, accuracy: weighted(g, weight, hit) } };
  },
  polyak: () => null,
});
