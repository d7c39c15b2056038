/**
 * One kind of update, recorded: gradients of its loss, one program for each layout of a micro-batch; clipping and
 * AdamW; then the target heads.
 *
 * Programs: where a batch is one micro-batch, `train/ID/TxN` is the whole step. Else it adds a micro-batch's
 * gradients to accumulators, and `train/ID/apply` makes the step and clears them; they are zero between steps and
 * shared by all trainings. `train/ID/targets` moves the target heads afterwards. Adam's moments are each
 * training's own.
 */
import type { Columns, Configured, Networks, OwnParameter } from "../algorithms/Algorithm.ts";
import * as Heads from "../model/Heads.ts";
import * as Lora from "../model/Lora.ts";
import * as Reference from "../model/Reference.ts";
import * as Transformer from "../model/Transformer.ts";
import * as Batch from "../replay/Batch.ts";
import { type Draw, Mixture, type MixtureState, type Parts, type Pick } from "../replay/Mixture.ts";
import type { Random } from "../random/Random.ts";
import { gradients } from "../tensor/Gradient.ts";
import type { Graph, Value } from "../tensor/Graph.ts";
import type { Session } from "../tensor/Session.ts";
import * as Probe from "./Probe.ts";
import * as Targets from "./Targets.ts";

/** AdamW's settings; clipNorm 0 is no clipping. */
export interface Optimizer {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
}

export interface Network {
  readonly model: Transformer.Model;
  readonly heads: Heads.Heads | null;
  /** What of the policy trains; empty where it is frozen. */
  readonly parameters: ReadonlyArray<Lora.Parameter>;
}

export interface TrainingOptions {
  readonly id: string;
  readonly algorithm: Configured;
  readonly batchSize: number;
  readonly microBatch: number;
  readonly maxTokens: number;
  readonly optimizer: Optimizer;
  readonly episodes: "all" | "passing";
  /** Layers' activations are computed a second time in the backward pass instead of kept. */
  readonly recompute: boolean;
}

/** Rows of logits held at once: a large vocabulary's are computed in pieces. */
export const logitRows = (vocabulary: number): number => Math.max(256, Math.floor(4_194_304 / vocabulary));

const accumulator = (
  g: Graph,
  { name, shape }: Lora.Parameter,
): { readonly name: string; readonly sum: Value } => {
  const own = `accumulated/${name}`;
  return { name: own, sum: g.variable(own, shape, "float32", true) };
};
const slots = (id: string, name: string): string => `optimizer/${id}/${name}`;

/** Variables of the algorithm's own, by the name that its loss calls them. */
const ownParameters = ({ algorithm, id }: TrainingOptions) =>
  algorithm.parameters.map((own) => ({ ...own, name: `algorithm/${id}/${own.name}` }));

/** The weights that a training moves: the policy's trainable ones, or the heads. */
const networkParameters = (
  { model, heads, parameters }: Network,
  { algorithm, id }: TrainingOptions,
): ReadonlyArray<Lora.Parameter> => {
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

const prefix = (layout: Batch.Layout): string => `batch/${layout.sequences}x${layout.time}x${layout.actions}`;

const floatColumns = [
  "weight",
  "passingWeight",
  "return",
  "nonTerminal",
  "passRate",
  "behaviourLogProb",
  "behaviourKnown",
  "sequenceWeight",
  "length",
  "programWeight",
  "reasoning",
  "groupMean",
  "groupStd",
  "groupSize",
] as const;
const intColumns = ["position", "action", "next", "sequence"] as const;

/** Feed of the critics that a step's backups look at: see `Critic.subset`. Where the heads have one. */
const SUBSET = "criticSubset";

/** [M]: 1 for the critics of a subset, drawn without replacement, 0 for the others; null: there is no subset. */
const drawSubset = ({ heads }: Network, random: Random): Float32Array | null => {
  if (heads === null || heads.subset === null) return null;
  const chosen = Float32Array.from({ length: heads.critics }, (_, i) => (i < (heads.subset ?? 0) ? 1 : 0));
  return Float32Array.from(random.shuffle([...chosen]));
};

/** Critics that bags are drawn for; a network without heads reads none. */
const criticsOf = ({ heads }: Network): number => heads?.critics ?? Heads.defaults.critics;

interface Rows {
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
const networksOf = (
  g: Graph,
  { model, heads }: Network,
  { tokens, position, hidden, action }: Rows,
  options: TrainingOptions,
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
      const own = ownParameters(options).find((p) => p.name === `algorithm/${options.id}/${name}`);
      if (own === undefined) throw new RangeError(`${options.algorithm.name} has no variable "${name}"`);
      return g.variable(own.name, own.shape);
    },
  };
};

/** Whether a batch is one micro-batch: then no gradient is kept between programs. */
const isWhole = ({ batchSize, microBatch }: TrainingOptions): boolean => batchSize === microBatch;

/** Whether the adapters' inputs are dropped out: where they train. */
const dropsOut = ({ model }: Network, { algorithm }: TrainingOptions): boolean =>
  algorithm.trains === "policy" && (model.lora?.dropout ?? 0) > 0;

/** Records one micro-batch's program. */
const recordLayout = (
  g: Graph,
  network: Network,
  options: TrainingOptions,
  parameters: ReadonlyArray<Lora.Parameter>,
  layout: Batch.Layout,
): void => {
  const { sequences: B, time: T, actions: N } = layout;
  const at = prefix(layout);
  const floats = floatColumns.map((name) => [name, g.feed(`${at}/${name}`, [N])]);
  const ints = intColumns.map((name) => [name, g.feed(`${at}/${name}`, [N], "int32")]);
  const bags = g.feed(`${at}/bags`, [criticsOf(network), N]);
  // Recorded so that it may be fed whether the loss reads it or not.
  if (network.heads !== null && network.heads.subset !== null) g.feed(SUBSET, [network.heads.critics]);
  const columns = Object.fromEntries([...floats, ...ints, ["sequences", B], ["bags", bags]]) as Columns & {
    readonly position: Value;
  };
  const tokens = g.feed(`${at}/tokens`, [B, T], "int32");
  const { config, lora } = network.model;
  const dropout = dropsOut(network, options)
    ? Lora.maskFeed(g, config, lora, `${at}/dropout`, B * T)
    : undefined;
  const forward = Transformer.forward(g, network.model, tokens, { dropout });
  const hidden = g.gather(forward, columns.position);
  const { total, parts } = options.algorithm.loss(
    g,
    networksOf(g, network, { ...columns, tokens, hidden }, options),
    columns,
  );
  const fetches = { loss: total, ...parts };
  if (options.algorithm.trains === "critic") g.program(Probe.program(options.id, layout), { fetches });
  const values = parameters.map(({ name, shape }) => g.variable(name, shape));
  const found = gradients(g, total, values, options);
  const name = `train/${options.id}/${T}x${N}`;
  if (isWhole(options)) {
    const norm = recordUpdate(g, options, parameters, found);
    g.program(name, { fetches: { ...fetches, gradient_norm: norm } });
    return;
  }
  parameters.forEach((parameter, i) => {
    const own = accumulator(g, parameter);
    g.assign(own.name, g.add(own.sum, found[i]));
  });
  g.program(name, { fetches });
};

/** Clipping and AdamW with the gradients of a whole batch; gives their norm. */
const recordUpdate = (
  g: Graph,
  { optimizer, id }: TrainingOptions,
  parameters: ReadonlyArray<Lora.Parameter>,
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

const recordApply = (g: Graph, options: TrainingOptions, parameters: ReadonlyArray<Lora.Parameter>): void => {
  const accumulators = parameters.map((parameter) => accumulator(g, parameter));
  const sums = accumulators.map(({ sum }) => sum);
  const norm = recordUpdate(g, options, parameters, sums);
  for (const { name, sum } of accumulators) g.assign(name, g.zeros(sum.shape));
  g.program(`train/${options.id}/apply`, { fetches: { gradient_norm: norm } });
};

export interface TrainingState {
  /** Optimizer steps made. */
  readonly steps: number;
  readonly sampler: MixtureState;
}

/** A training over an open session. */
export interface Training {
  readonly id: string;
  /** One optimizer step; metrics by name. Throws where no episode can be drawn. */
  readonly step: (request: {
    readonly learningRate: number;
    readonly offlineFraction: number;
    /** "skip": where nothing can be drawn no step is made, and the metrics are `skipped: 1`. */
    readonly ifEmpty?: "skip";
  }) => Record<string, number>;
  /**
   * The loss and its parts on up to `count` episodes of a part, without a step (see Probe.ts): none where the part holds
   * no labelled one. Of critics alone.
   */
  readonly probe: (part: keyof Parts, count: number) => Record<string, number>;
  readonly state: () => TrainingState;
  readonly restore: (state: TrainingState) => void;
}

export interface Recorded {
  readonly id: string;
  /** The algorithm's own variables and where they start. */
  readonly own: ReadonlyArray<OwnParameter>;
  /** Whether its loss asks for the reference policy. */
  readonly reference: boolean;
  /** The moments' variables. */
  readonly slots: ReadonlyArray<Lora.Parameter>;
  readonly attach: (session: Session, parts: Parts, random: Random) => Training;
}

/** Metrics that micro-batches add up to. */
const sums = () => {
  const metrics: Record<string, number> = {};
  const add = (fetched: Readonly<Record<string, ArrayLike<number>>>): void => {
    for (const [name, value] of Object.entries(fetched)) metrics[name] = (metrics[name] ?? 0) + value[0];
  };
  return { metrics, add };
};

/** Records a training's programs. `attach` gives it a session and its episodes. */
export const record = (g: Graph, network: Network, options: TrainingOptions): Recorded => {
  const { id, batchSize, microBatch, optimizer } = options;
  if (!(microBatch >= 1 && Number.isInteger(batchSize / microBatch))) {
    throw new RangeError(`Training ${id}: microBatch ${microBatch} does not divide batchSize ${batchSize}`);
  }
  const { groups } = options.algorithm;
  if (groups !== null && batchSize % groups.size !== 0) {
    throw new RangeError(
      `Training ${id}: batchSize ${batchSize} is no multiple of its groups' ${groups.size}`,
    );
  }
  const unit = groups?.together === true ? groups.size : 1;
  if (microBatch % unit !== 0) {
    throw new RangeError(`Training ${id}: microBatch ${microBatch} is no multiple of its groups' ${unit}`);
  }
  const { config, lora } = network.model;
  const moved = networkParameters(network, options);
  const own = ownParameters(options);
  const parameters = [...moved, ...own];
  const layouts = Batch.layouts(options.maxTokens, microBatch);
  for (const layout of layouts) recordLayout(g, network, options, parameters, layout);
  if (!isWhole(options)) recordApply(g, options, parameters);
  const rate = options.algorithm.polyak;
  if (rate !== null) Targets.record(g, `train/${id}/targets`, moved, rate);

  return {
    id,
    own,
    reference: options.algorithm.reference,
    slots: parameters.flatMap(({ name, shape }) =>
      ["m", "v"].map((moment) => ({ name: `${slots(id, name)}/${moment}`, shape })),
    ),
    attach: (session, parts, random) => {
      const draw: Draw = groups === null ? { kind: options.episodes } : { kind: "groups", size: groups.size };
      const mixture = new Mixture(parts, draw, random);
      let steps = 0;
      /** A micro-batch of a batch with these totals: its layout, and what its programs are fed. */
      const fed = (micro: ReadonlyArray<Pick>, totals: Batch.Totals, subset: Float32Array | null) => {
        const layout = Batch.layoutFor(layouts, Batch.needs(parts, micro));
        const arrays = Batch.fill(parts, micro, layout, totals, criticsOf(network));
        const feeds: Record<string, Float32Array | Int32Array | Uint8Array> = {
          ...Object.fromEntries(
            Object.entries(arrays).map(([name, data]) => [`${prefix(layout)}/${name}`, data]),
          ),
          ...(subset === null ? {} : { [SUBSET]: subset }),
        };
        return { layout, feeds };
      };
      return {
        id,
        step: ({ learningRate, offlineFraction, ifEmpty }) => {
          if (ifEmpty === "skip" && mixture.empty) return { skipped: 1 };
          const picks = Batch.byLength(parts, mixture.draw(batchSize, offlineFraction), unit);
          const totals = Batch.totals(parts, picks);
          const { metrics, add } = sums();
          steps += 1;
          const rates = {
            learningRate: Float32Array.of(learningRate),
            beta1Power: Float32Array.of(optimizer.beta1 ** steps),
            beta2Power: Float32Array.of(optimizer.beta2 ** steps),
          };
          // By the step's number, so that a resumed run draws what an uninterrupted one would.
          const subset = drawSubset(network, random.split(`subset/${steps}`));
          for (let from = 0; from < batchSize; from += microBatch) {
            const { layout, feeds } = fed(picks.slice(from, from + microBatch), totals, subset);
            if (lora !== null && dropsOut(network, options)) {
              const rows = layout.sequences * layout.time;
              const fresh = random.split(`dropout/${steps}/${from}`);
              feeds[`${prefix(layout)}/dropout`] = Lora.drawMask(config, lora, rows, fresh);
            }
            const program = `train/${id}/${layout.time}x${layout.actions}`;
            add(session.run(program, isWhole(options) ? { ...feeds, ...rates } : feeds));
          }
          if (!isWhole(options)) add(session.run(`train/${id}/apply`, rates));
          if (rate !== null) session.run(`train/${id}/targets`, {});
          return {
            ...metrics,
            learning_rate: learningRate,
            offline_fraction: totals.offline / batchSize,
            passing_fraction: totals.passing / batchSize,
            tokens: totals.actions,
          };
        },
        probe: (part, count) => {
          if (options.algorithm.trains !== "critic")
            throw new RangeError(
              `Training ${id}: only a critic is probed, and ${options.algorithm.name} is none`,
            );
          const picks = Batch.byLength(parts, Probe.draw(parts, part, count, random.split("probe")));
          const subset = drawSubset(network, random.split("probe/subset"));
          const totals = Batch.totals(parts, picks);
          const { metrics, add } = sums();
          for (let from = 0; from < picks.length; from += microBatch) {
            const { layout, feeds } = fed(picks.slice(from, from + microBatch), totals, subset);
            add(session.run(Probe.program(id, layout), feeds));
          }
          return metrics;
        },
        state: () => ({ steps, sampler: mixture.state() }),
        restore: (state) => {
          steps = state.steps;
          mixture.restore(state.sampler);
        },
      };
    },
  };
};
