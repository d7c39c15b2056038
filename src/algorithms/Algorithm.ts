/**
 * What an algorithm is: a value. One file makes one with `make`, Table.ts lists it, the learner does the rest.
 *
 * A loss is recorded over actions, not over padded sequences: N rows, each a program token that was written in
 * the state before it. Rows that only fill the static shape have weight 0. The weights are normalised over
 * the whole batch, so losses and parts are sums, and adding up micro-batches gives the batch's own value.
 */
import * as Result from "effect/Result";
import * as Schema from "effect/Schema";
import type { Graph } from "../tensor/Graph.ts";
import type { Value } from "../tensor/Ir.ts";

/** An algorithm's name or settings are wrong; `remedy` says what is allowed. */
export class AlgorithmError extends Schema.TaggedError<AlgorithmError>()("AlgorithmError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.reason} ${this.remedy}`;
  }
}

/** A micro-batch: N actions (rows) of B sequences. float32 unless it says int32. */
export interface Columns {
  /** int32 [N]: the token that was written. */
  readonly action: Value;
  /** [N]: 1 / number of actions in the whole batch; 0 on filling rows. */
  readonly weight: Value;
  /** [N]: 1 / number of passing programs' actions in the whole batch on those; 0 elsewhere. */
  readonly passingWeight: Value;
  /** [N]: the program's reward, which with gamma 1 is the Monte-Carlo return of each of its states. */
  readonly return: Value;
  /** [N]: 1 where the program goes on after this action, 0 on its last one. */
  readonly nonTerminal: Value;
  /** int32 [N]: the row of the program's next action; its own row on the last one. */
  readonly next: Value;
  /** [N]: the problem's empirical pass rate in the replay memory (Cal-QL's reference value). */
  readonly passRate: Value;
  /** int32 [N]: the row's sequence, in [0, B). */
  readonly sequence: Value;
  /** B. */
  readonly sequences: number;
  /** [N]: 1 / number of sequences in the whole batch; 0 on filling rows. */
  readonly sequenceWeight: Value;
  /** [N]: number of actions of the row's sequence; 0 on filling rows. */
  readonly length: Value;
  /** [N]: 1 / number of actions in the whole batch that are no reasoning, on those; 0 elsewhere. */
  readonly programWeight: Value;
  /** [N]: mean reward of the sequence's group; 0 where the algorithm draws no groups. */
  readonly groupMean: Value;
  /** [N]: standard deviation of the group's rewards (of the population). */
  readonly groupStd: Value;
  /** [N]: episodes of the group. */
  readonly groupSize: Value;
  /** [N]: log-prob under the behaviour policy; 0 where `behaviourKnown` is 0. */
  readonly behaviourLogProb: Value;
  /** [N]: 1 where the behaviour policy's log-prob is known. */
  readonly behaviourKnown: Value;
  /** [M, N]: how often each critic's bootstrap sample holds the episode: Poisson(1), fixed by the episode's id. */
  readonly bags: Value;
}

/** The M critics' heads over the states of the N actions. Logits: their sigmoid is the value, in (0, 1). */
export interface Critic {
  /** Q of candidate tokens int32 [N, n] -> [N, n] of each critic, two at least. */
  readonly q: (candidates: Value) => ReadonlyArray<Value>;
  /** The Polyak copy of `q`. No gradient. */
  readonly targetQ: (candidates: Value) => ReadonlyArray<Value>;
  /** [M]: 1 for the critics whose minimum backups take in this step, 0 for the others; null: they take all. */
  readonly subset: Value | null;
  /** V -> [N]. */
  readonly v: () => Value;
}

/** The networks in the states of the N actions. Each part is recorded when it is asked for. */
export interface Networks {
  /** log pi(a_t | s_t) [N]. Its gradient reaches the policy's weights where the algorithm trains the policy. */
  readonly logProb: () => Value;
  /** The policy's k most probable tokens, int32 [N, k], and their log pi [N, k], falling. No gradient. */
  readonly top: (k: number) => { readonly tokens: Value; readonly logProbs: Value };
  /** log pi_ref(a_t | s_t) [N] of the frozen reference (`Configured.reference`). No gradient. */
  readonly reference: () => Value;
  /** Throws where the model was opened without value heads. */
  readonly critic: () => Critic;
  /** A variable of the algorithm's own (`Configured.parameters`), which its loss also trains. */
  readonly own: (name: string) => Value;
}

/** A variable that belongs to an algorithm, such as a multiplier; a checkpoint holds it. */
export interface OwnParameter {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
  /** Every element starts here. */
  readonly initial: number;
}

/** A batch as groups of episodes of one problem, each with at least one pass and one fail. */
export interface Groups {
  /** Episodes of a group, at least 2. */
  readonly size: number;
  /** Whether a group must be in one micro-batch, side by side, a passing episode first. */
  readonly together: boolean;
}

export interface Loss {
  /** A scalar: what is minimised. */
  readonly total: Value;
  /** Scalars by name, each logged; means over the batch. Explained in docs/algorithms/NAME.md. */
  readonly parts: Readonly<Record<string, Value>>;
}

/** An algorithm with its settings, decoded. */
export interface Configured {
  readonly name: string;
  /** Which weights its gradient moves: the policy's trainable ones, or the heads (the trunk stays frozen). */
  readonly trains: "policy" | "critic";
  readonly loss: (graph: Graph, networks: Networks, columns: Columns) => Loss;
  /** Polyak rate of the target heads a step, target += rate * (live - target); null: no target heads. */
  readonly polyak: number | null;
  /** Variables of its own that its gradient moves too; usually none. */
  readonly parameters: ReadonlyArray<OwnParameter>;
  /** How its batches are grouped; null: single episodes. */
  readonly groups: Groups | null;
  /** Whether its loss asks for the reference policy. */
  readonly reference: boolean;
  /** Whether its backups ask for values of the target heads, as that of Monte-Carlo returns does not. */
  readonly bootstraps: boolean;
}

export interface Algorithm {
  readonly name: string;
  readonly trains: Configured["trains"];
  /** Names of its settings. */
  readonly settings: ReadonlyArray<string>;
  readonly configure: (config: unknown) => Result.Result<Configured, AlgorithmError>;
}

/** An algorithm from its parts. Unknown settings and values out of range are refused. */
export const make = <
  S extends Schema.Top & {
    readonly DecodingServices: never;
    readonly fields: Readonly<Record<string, unknown>>;
  },
>(options: {
  readonly name: string;
  readonly config: S;
  readonly trains: "policy" | "critic";
  readonly loss: (graph: Graph, networks: Networks, columns: Columns, config: S["Type"]) => Loss;
  readonly polyak: (config: S["Type"]) => number | null;
  readonly parameters?: (config: S["Type"]) => ReadonlyArray<OwnParameter>;
  readonly groups?: (config: S["Type"]) => Groups | null;
  readonly reference?: (config: S["Type"]) => boolean;
  readonly bootstraps?: (config: S["Type"]) => boolean;
  /** What is wrong with settings that do not go together, and what to change; null: nothing. */
  readonly refuse?: (config: S["Type"]) => { readonly reason: string; readonly remedy: string } | null;
}): Algorithm => {
  const decode = Schema.decodeUnknownResult(options.config, { errors: "all", onExcessProperty: "error" });
  const settings = Object.keys(options.config.fields);
  return {
    name: options.name,
    trains: options.trains,
    settings,
    configure: (input) => {
      const keys = typeof input === "object" && input !== null ? Object.keys(input) : [];
      if (settings.length === 0 && keys.length > 0) {
        return Result.fail(
          new AlgorithmError({
            reason: `Algorithm "${options.name}" has no settings, found ${keys.join(", ")}.`,
            remedy: "Remove them.",
          }),
        );
      }
      const decoded = decode(input ?? {});
      if (Result.isFailure(decoded)) {
        return Result.fail(
          new AlgorithmError({
            reason: `Settings of algorithm "${options.name}": ${decoded.failure.message.replaceAll("\n", " ")}.`,
            remedy: `See docs/algorithms/${options.name}.md.`,
          }),
        );
      }
      const config: S["Type"] = decoded.success;
      const refused = options.refuse?.(config) ?? null;
      if (refused !== null) {
        const reason = `Settings of algorithm "${options.name}": ${refused.reason}`;
        return Result.fail(new AlgorithmError({ reason, remedy: refused.remedy }));
      }
      return Result.succeed({
        name: options.name,
        trains: options.trains,
        loss: (graph, networks, columns) => options.loss(graph, networks, columns, config),
        polyak: options.polyak(config),
        parameters: options.parameters?.(config) ?? [],
        groups: options.groups?.(config) ?? null,
        reference: options.reference?.(config) ?? false,
        bootstraps: options.bootstraps?.(config) ?? false,
      });
    },
  };
};
