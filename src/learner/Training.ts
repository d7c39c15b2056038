/**
 * One kind of update, recorded: gradients of its loss, one program for each layout of a micro-batch; clipping and
 * AdamW; then the target heads.
 *
 * Programs: where a batch is one micro-batch, `train/ID/TxN` is the whole step. Else it adds a micro-batch's
 * gradients to accumulators, and `train/ID/apply` makes the step and clears them; they are zero between steps and
 * shared by all trainings. `train/ID/targets` moves the target heads afterwards. Adam's moments are each
 * training's own.
 */
import type { Configured, OwnParameter } from "../algorithms/Algorithm.ts";
import * as Lora from "../model/Lora.ts";
import * as Transformer from "../model/Transformer.ts";
import * as Batch from "../replay/Batch.ts";
import { type Draw, Mixture, type MixtureState, type Parts, type Pick } from "../replay/Mixture.ts";
import type { Random } from "../random/Random.ts";
import { gradients } from "../tensor/Gradient.ts";
import type { Graph } from "../tensor/Graph.ts";
import type { Session } from "../tensor/Session.ts";
import * as MicroBatch from "./MicroBatch.ts";
import * as Networks from "./Networks.ts";
import * as Optimizer from "./Optimizer.ts";
import * as Probe from "./Probe.ts";
import * as Targets from "./Targets.ts";

export interface TrainingOptions {
  readonly id: string;
  readonly algorithm: Configured;
  readonly batchSize: number;
  readonly microBatch: number;
  readonly maxTokens: number;
  readonly optimizer: Optimizer.Optimizer;
  readonly episodes: "all" | "passing";
  /** Layers' activations are computed a second time in the backward pass instead of kept. */
  readonly recompute: boolean;
}

/** Whether a batch is one micro-batch: then no gradient is kept between programs. */
const isWhole = ({ batchSize, microBatch }: TrainingOptions): boolean => batchSize === microBatch;

/** Whether the adapters' inputs are dropped out: where they train. */
const dropsOut = ({ model }: Networks.Network, { algorithm }: TrainingOptions): boolean =>
  algorithm.trains === "policy" && (model.lora?.dropout ?? 0) > 0;

/** Records one micro-batch's program. */
const recordLayout = (
  g: Graph,
  network: Networks.Network,
  options: TrainingOptions,
  parameters: ReadonlyArray<Lora.Parameter>,
  layout: Batch.Layout,
): void => {
  const { sequences: B, time: T, actions: N } = layout;
  const columns = MicroBatch.record(g, network.heads, layout);
  const { config, lora } = network.model;
  const dropout = dropsOut(network, options)
    ? Lora.maskFeed(g, config, lora, `${MicroBatch.prefix(layout)}/dropout`, B * T)
    : undefined;
  const forward = Transformer.forward(g, network.model, columns.tokens, { dropout });
  const hidden = g.gather(forward, columns.position);
  const { total, parts } = options.algorithm.loss(
    g,
    Networks.of(g, network, { ...columns, hidden }, options),
    columns,
  );
  const fetches = { loss: total, ...parts };
  if (options.algorithm.trains === "critic") g.program(Probe.program(options.id, layout), { fetches });
  const values = parameters.map(({ name, shape }) => g.variable(name, shape));
  const found = gradients(g, total, values, options);
  const name = `train/${options.id}/${T}x${N}`;
  if (isWhole(options)) {
    const norm = Optimizer.record(g, options, parameters, found);
    g.program(name, { fetches: { ...fetches, gradient_norm: norm } });
    return;
  }
  parameters.forEach((parameter, i) => {
    const own = Optimizer.accumulator(g, parameter);
    g.assign(own.name, g.add(own.sum, found[i]));
  });
  g.program(name, { fetches });
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
export const record = (g: Graph, network: Networks.Network, options: TrainingOptions): Recorded => {
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
  const moved = Networks.parametersOf(network, options);
  const own = Networks.ownParameters(options);
  const parameters = [...moved, ...own];
  const layouts = Batch.layouts(options.maxTokens, microBatch);
  for (const layout of layouts) recordLayout(g, network, options, parameters, layout);
  if (!isWhole(options)) Optimizer.recordApply(g, `train/${id}/apply`, options, parameters);
  const rate = options.algorithm.polyak;
  if (rate !== null) Targets.record(g, `train/${id}/targets`, moved, rate);

  return {
    id,
    own,
    reference: options.algorithm.reference,
    slots: parameters.flatMap(({ name, shape }) =>
      ["m", "v"].map((moment) => ({ name: `${Optimizer.slots(id, name)}/${moment}`, shape })),
    ),
    attach: (session, parts, random) => {
      const draw: Draw = groups === null ? { kind: options.episodes } : { kind: "groups", size: groups.size };
      const mixture = new Mixture(parts, draw, random);
      let steps = 0;
      const { heads } = network;
      const fed = (micro: ReadonlyArray<Pick>, totals: Batch.Totals, subset: Float32Array | null) =>
        MicroBatch.fill(parts, micro, { layouts, totals, heads, subset });
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
          const subset = MicroBatch.drawSubset(heads, random.split(`subset/${steps}`));
          for (let from = 0; from < batchSize; from += microBatch) {
            const { layout, feeds } = fed(picks.slice(from, from + microBatch), totals, subset);
            if (lora !== null && dropsOut(network, options)) {
              const rows = layout.sequences * layout.time;
              const fresh = random.split(`dropout/${steps}/${from}`);
              feeds[`${MicroBatch.prefix(layout)}/dropout`] = Lora.drawMask(config, lora, rows, fresh);
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
          const subset = MicroBatch.drawSubset(heads, random.split("probe/subset"));
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
