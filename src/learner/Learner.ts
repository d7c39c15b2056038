/**
 * The single owner of the live parameters: the policy's weights, the heads, the optimizers' moments, the replay
 * memory and the samplers.
 *
 * `record` puts every training into a graph that others (generation, scoring) share, so that one session holds
 * each weight once; `attach` takes the session that was opened on it.
 */
import * as Result from "effect/Result";
import { AlgorithmError, type Configured } from "../algorithms/Algorithm.ts";
import * as Table from "../algorithms/Table.ts";
import * as Heads from "../model/Heads.ts";
import type { Lora, Parameter } from "../model/Lora.ts";
import * as MappedWeights from "../model/files/MappedWeights.ts";
import type { PolicyFiles } from "../model/directory/Policy.ts";
import * as Reference from "../model/Reference.ts";
import { PolicyError } from "../model/PolicyError.ts";
import * as Transformer from "../model/Transformer.ts";
import * as Random from "../random/Random.ts";
import { ReplayBuffer, type TokenisedEpisode } from "../replay/ReplayBuffer.ts";
import type { Graph } from "../tensor/Graph.ts";
import type { Files, Initial, Session } from "../tensor/Session.ts";
import * as Checkpoint from "./Checkpoint.ts";
import type * as Networks from "./Networks.ts";
import type * as Optimizer from "./Optimizer.ts";
import * as Training from "./Training.ts";

/** Episodes that each part of the replay memory holds; past it the oldest go. */
const CAPACITY = 1 << 20;

/** One kind of update, as configured. See TrainingSpec in compute/Compute.ts. */
export interface TrainingSpec {
  readonly id: string;
  readonly algorithm: string;
  readonly config: unknown;
  readonly batchSize: number;
  readonly microBatch?: number;
  readonly optimizer: Optimizer.Optimizer;
  readonly episodes: "all" | "passing";
}

/** What of the policy trains; heads train beside it wherever there are any. */
export type Trainable =
  | { readonly kind: "full" }
  /** Nothing: the policy is frozen. Also how a policy is opened for inference. */
  | { readonly kind: "heads" }
  | { readonly kind: "lora"; readonly lora: Lora };

export interface LearnerSpec {
  readonly init: "weights" | "random";
  readonly seed: number;
  readonly trainable: Trainable;
  /** Where the policy's own weights do not train: their storage type. */
  readonly frozenType: "float32" | "bfloat16";
  readonly heads: boolean;
  /** How the heads are made; left out: as those in the policy's directory, else the defaults. */
  readonly headShape?: Heads.Shape & Pick<Heads.Heads, "subset">;
  readonly trainings: ReadonlyArray<TrainingSpec>;
  /** Keep a reference policy though no training asks for one; where the policy trains. Default false. */
  readonly reference?: boolean;
  readonly maxTrainTokens: number;
  /** Layers' activations are computed a second time in the backward pass instead of kept; default false. */
  readonly recompute?: boolean;
}

export interface Learner {
  readonly addEpisodes: (
    part: "offline" | "online",
    episodes: ReadonlyArray<TokenisedEpisode>,
  ) => { readonly added: number; readonly tooLong: number };
  /** One optimizer step of a training. Throws an Error where the training or episodes for it are missing. */
  readonly trainStep: (request: {
    readonly training: string;
    readonly learningRate: number;
    readonly offlineFraction: number;
    /** Where nothing can be drawn: no step, and `skipped: 1`, in place of an error. */
    readonly ifEmpty?: "skip";
  }) => Record<string, number>;
  /** A critic's loss parts on a fixed batch of a part, without a step: see Probe.ts. */
  readonly probe: (request: {
    readonly training: string;
    readonly part: "offline" | "online";
    readonly count: number;
  }) => Record<string, number>;
  /** Empties a part of the replay memory. */
  readonly clearEpisodes: (part: "offline" | "online") => void;
  /** Makes the policy as it is now the reference of the trainings that have one. */
  readonly setReference: () => void;
  /** Writes everything but the episodes into an existing directory; synced. */
  readonly save: (directory: string) => void;
  /** Replaces everything but the episodes by what `save` wrote. Nothing is replaced where it does not fit. */
  readonly restore: (directory: string) => void;
  /** The policy as it is now: Hugging Face matrices with adapters merged in, and heads. */
  readonly weights: () => {
    readonly policy: (name: string) => Float32Array;
    readonly heads: ReadonlyArray<Parameter & { readonly data: () => Float32Array }>;
    /** The adapters by themselves, and a reader of their variables; null where none train on a policy's weights. */
    readonly adapter: { readonly lora: Lora; readonly variable: (name: string) => Float32Array } | null;
  };
}

/** What is read of a policy directory. */
export type Source = Pick<PolicyFiles, "directory" | "config" | "weights" | "heads">;

export interface Recorded {
  readonly network: Networks.Network;
  /** The reference policy; null where there is none. */
  readonly reference: Transformer.Model | null;
  /** Numbers that train, heads included. */
  readonly trainableParameters: number;
  /** Where the session's variables start. */
  readonly initial: Initial;
  /** Where those of the policy's weights lie that are read from its files. */
  readonly files: Files;
  readonly attach: (session: Session, executor: string) => Learner;
}

const count = (list: ReadonlyArray<Parameter>): number =>
  list.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

const algorithmOf = (spec: TrainingSpec) => {
  const configured = Table.configure(spec.algorithm, spec.config);
  if (Result.isSuccess(configured)) return configured.success;
  const { reason, remedy } = configured.failure;
  throw new AlgorithmError({ reason: `Training "${spec.id}": ${reason}`, remedy });
};

/**
 * The largest divisor of a batch up to 32: micro-batches are cut from a batch in order of length, so that two of
 * 32 cost a fifth less than one of 64, half of whose padding they leave out. Groups that stay together fill it.
 */
const defaultMicroBatch = (batchSize: number, { groups }: Configured): number => {
  const unit = groups?.together === true ? groups.size : 1;
  for (let n = Math.min(32, batchSize); n > 1; n--) if (batchSize % n === 0 && n % unit === 0) return n;
  return 1;
};

const said = ({ critics, layerNorm }: Heads.Shape): string =>
  `${critics} critics ${layerNorm ? "with" : "without"} LayerNorm`;

/** How the heads are made. Throws a PolicyError where the policy's own are made otherwise than is asked for. */
const headsOf = ({ heads: file }: Source, { heads, headShape }: LearnerSpec): Heads.Heads | null => {
  if (!heads) return null;
  if (file === null) return { ...Heads.defaults, ...headShape };
  const found = Heads.shapeOf(file.tensors.keys());
  const wanted = { ...Heads.defaults, ...found, ...headShape };
  if (said(found) === said(wanted)) return wanted;
  const { critics, layerNorm } = found;
  throw new PolicyError({
    path: file.path,
    reason: `the value heads are ${said(found)}, and policy.heads asks for ${said(wanted)}.`,
    remedy: `Set policy.heads to { "critics": ${critics}, "layerNorm": ${layerNorm} }, or remove heads.safetensors to start from fresh heads.`,
  });
};

/** Initial heads: those of the policy directory, else fresh ones. A target head starts as its online head. */
const initialHeads = (
  policy: Source,
  heads: Heads.Heads,
  parameters: ReadonlyArray<Parameter>,
  seed: number,
) => {
  const byName = new Map(parameters.map((p) => [p.name, p]));
  return (name: string): Float32Array | undefined => {
    const parameter = byName.get(name);
    if (parameter === undefined) return undefined;
    if (policy.heads === null) return Heads.initial(heads, parameter, seed);
    const online = name.replace(/^heads\.target\./, "heads.");
    const found = policy.heads.tensors.get(online)?.shape.join();
    if (found !== parameter.shape.join()) {
      throw new PolicyError({
        path: policy.heads.path,
        reason: `tensor "${online}" is ${found === undefined ? "missing" : `of shape [${found}]`}, expected [${parameter.shape.join()}].`,
        remedy: "Remove heads.safetensors to start from fresh heads, or export the policy again.",
      });
    }
    return policy.heads.read(online);
  };
};

/** Records every training. Throws an AlgorithmError or RangeError on a spec that makes no sense. */
export const record = (g: Graph, policy: Source, spec: LearnerSpec): Recorded => {
  const { config } = policy;
  const { trainable } = spec;
  const model =
    trainable.kind === "full"
      ? Transformer.trainable(config)
      : Transformer.frozen(config, spec.frozenType, trainable.kind === "lora" ? trainable.lora : null);
  const heads = headsOf(policy, spec);
  const ofPolicy = trainable.kind === "heads" ? [] : Transformer.trainableParameters(model);
  const network: Networks.Network = { model, heads, parameters: ofPolicy };
  const ids = spec.trainings.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined)
    throw new RangeError(`Two trainings are named "${twice}"; give each its own name.`);
  const recorded = spec.trainings.map((training) => {
    const algorithm = algorithmOf(training);
    return Training.record(g, network, {
      id: training.id,
      algorithm,
      batchSize: training.batchSize,
      microBatch: training.microBatch ?? defaultMicroBatch(training.batchSize, algorithm),
      maxTokens: spec.maxTrainTokens,
      optimizer: training.optimizer,
      episodes: training.episodes,
      recompute: spec.recompute ?? false,
    });
  });
  const headParameters =
    heads === null ? [] : [...Heads.parameters(config, heads), ...Heads.targetParameters(config, heads)];
  const withReference =
    recorded.some(({ reference }) => reference) || (spec.reference === true && ofPolicy.length > 0);
  // Where nothing of the policy trains, the reference is the policy.
  const copy = withReference && ofPolicy.length > 0 ? Reference.record(g, ofPolicy) : null;
  const ofReference = withReference ? Reference.parameters(ofPolicy) : [];
  // Recorded so that they exist whether a training reads them or not.
  const kept = [...ofPolicy, ...ofReference, ...headParameters];
  for (const { name, shape } of kept) g.variable(name, shape);

  const own = new Map(recorded.flatMap((r) => r.own).map((p) => [p.name, p]));
  const ofOwn = (name: string): Float32Array | undefined => {
    const found = own.get(name);
    return found && new Float32Array(count([found])).fill(found.initial);
  };
  const source = spec.init === "random" ? Transformer.randomWeights(config, spec.seed) : read(policy);
  const ofModel = Transformer.initial(model, source, spec.seed);
  const ofHeads = heads === null ? () => undefined : initialHeads(policy, heads, headParameters, spec.seed);

  return {
    network,
    reference: withReference ? Reference.of(model) : null,
    trainableParameters: count(ofPolicy) + (heads === null ? 0 : count(Heads.parameters(config, heads))),
    initial: (name) => ofModel(Reference.startsAs(name) ?? name) ?? ofHeads(name) ?? ofOwn(name),
    files:
      spec.init === "random" || policy.weights === null
        ? () => undefined
        : MappedWeights.files(Transformer.weights(model), policy.weights),
    attach: (session, executor) => {
      const parts = {
        offline: new ReplayBuffer({ capacity: CAPACITY, stride: spec.maxTrainTokens }),
        online: new ReplayBuffer({ capacity: CAPACITY, stride: spec.maxTrainTokens }),
      };
      const random = Random.make(spec.seed);
      const trainings = new Map(
        recorded.map((r) => [r.id, r.attach(session, parts, random.split(`training/${r.id}`))]),
      );
      const trainingOf = (id: string): Training.Training => {
        const training = trainings.get(id);
        if (training !== undefined) return training;
        throw new RangeError(`There is no training "${id}"; there are: ${ids.join(", ") || "none"}.`);
      };
      const live = heads === null ? [] : Heads.parameters(config, heads);
      const readHeads = (name: string) =>
        session.getVariables(live.map((p) => p.name)).get(name) as Float32Array;
      const saved = [...kept, ...own.values(), ...recorded.flatMap((r) => r.slots)];
      return {
        addEpisodes: (part, episodes) => {
          let added = 0;
          let tooLong = 0;
          for (const episode of episodes) {
            const outcome = parts[part].add(episode);
            if (outcome === "added") added += 1;
            if (outcome === "tooLong") tooLong += 1;
          }
          return { added, tooLong };
        },
        trainStep: ({ training, ...request }) => trainingOf(training).step(request),
        probe: ({ training, part, ...of }) => trainingOf(training).probe(part, of.count),
        clearEpisodes: (part) => parts[part].clear(),
        setReference: () => {
          if (copy !== null) session.run(copy, {});
        },
        save: (directory) =>
          Checkpoint.save(directory, session, saved, {
            executor,
            trainings: Object.fromEntries([...trainings].map(([id, t]) => [id, t.state()])),
          }),
        restore: (directory) => {
          const state = Checkpoint.restore(directory, session, saved, ids);
          for (const [id, training] of trainings) {
            training.restore(state.trainings[id]);
          }
        },
        weights: () => ({
          policy: Transformer.exported(
            model,
            Checkpoint.reader(session, ofPolicy),
            // A frozen model's own file is exact where its variables may be rounded.
            trainable.kind === "full" ? undefined : source,
          ),
          heads: live.map((p) => ({ ...p, data: () => readHeads(p.name) })),
          adapter:
            trainable.kind === "lora" && trainable.lora.rank > 0 && spec.init === "weights"
              ? { lora: trainable.lora, variable: Checkpoint.reader(session, ofPolicy) }
              : null,
        }),
      };
    },
  };
};

/** The Hugging Face matrices of a policy directory. */
const read =
  (policy: Source) =>
  (name: string): Float32Array => {
    if (policy.weights === null) {
      throw new PolicyError({
        path: policy.directory,
        reason: "there are no weights in this directory.",
        remedy: 'Train it from scratch (policy.init "random"), or give a directory with model.safetensors.',
      });
    }
    return policy.weights.read(name);
  };
