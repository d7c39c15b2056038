/**
 * The compute service: everything that touches tensors, behind one asynchronous interface.
 *
 * The implementation runs in a worker thread that owns the policy, the value heads, the optimizer
 * state and the replay buffer, so that the main thread never waits for a gradient. Every method is
 * interruptible on the caller's side and leaves the worker consistent: requests are served in order,
 * one step at a time.
 */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type * as Stream from "effect/Stream";
import type { Episode } from "../domain/Episode.ts";
import type * as Programs from "../policy/Programs.ts";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";

/** `remedy` says what the person can do. */
export class ComputeError extends Schema.TaggedError<ComputeError>()("ComputeError", {
  reason: Schema.String,
  remedy: Schema.optionalKey(Schema.String),
}) {}

export type Backend = "auto" | "native-gpu" | "native" | "wasm";

/** Which of the policy's parameters train; "heads": none, but value heads where there are any. */
export type Trainable =
  | { readonly kind: "full" }
  | { readonly kind: "heads" }
  | {
      readonly kind: "lora";
      readonly rank: number;
      readonly alpha: number;
      readonly targets: ReadonlyArray<string>;
      /** Share of the adapters' inputs that training drops; default 0. */
      readonly dropout?: number;
    };

/** One kind of update: an algorithm with its configuration, its own optimizer slots and its own sampler. */
export interface TrainingSpec {
  /** Name by which `trainStep` calls it, e.g. "sft". */
  readonly id: string;
  /** A row of the table of algorithms, e.g. "sft", "cql". */
  readonly algorithm: string;
  /** The algorithm's own configuration, decoded by its schema. */
  readonly config: unknown;
  /** Sequences per step (summed over micro-batches). */
  readonly batchSize: number;
  /** Sequences per micro-batch; gradients accumulate over batchSize / microBatch. Default: the largest divisor of batchSize up to 32. */
  readonly microBatch?: number;
  readonly optimizer: {
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
    /** Global-norm clip; 0 for none. */
    readonly clipNorm: number;
  };
  /** Which episodes it samples: every one, or the passing ones (reward 1). */
  readonly episodes: "all" | "passing";
}

export interface OpenSpec {
  /** A policy directory, or a from-scratch initialisation by its `config.json` + `tokenizer.json` directory. */
  readonly policy: { readonly path: string; readonly init: "weights" | "random" };
  readonly backend: Backend;
  readonly threads?: number;
  readonly seed: number;
  readonly trainable: Trainable;
  /** Attach value heads (Q of several critics over candidate tokens, V); a policy's own are attached always. */
  readonly heads: boolean;
  /** How they are made; left out: as the policy's own, else two critics. */
  readonly headShape?: {
    readonly critics: number;
    readonly layerNorm: boolean;
    /** Critics whose minimum a step's backups take, drawn afresh for each; null: all. */
    readonly subset: number | null;
  };
  /** Storage type of frozen weights. */
  readonly frozenType: "float32" | "bfloat16";
  readonly trainings: ReadonlyArray<TrainingSpec>;
  /** Keep a reference policy (`setReference`) though no training asks for one; where the policy trains. */
  readonly reference?: boolean;
  /** Whether layers' activations are recomputed in the backward pass; "auto" (the default): where memory needs it. */
  readonly recompute?: boolean | "auto";
  /** Longest training sequence in tokens, prompt + program + end; longer episodes are refused and counted. */
  readonly maxTrainTokens: number;
  readonly generation: {
    /** Sequences decoded at once. */
    readonly batch: number;
    readonly maxPromptTokens: number;
    readonly maxNewTokens: number;
    /** Of prompt and new tokens together; the sum of the two by default. */
    readonly maxTokens?: number;
  };
}

export interface ModelInfo {
  readonly backend: string;
  readonly threads: number;
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly vocabulary: number;
  /** The tilt on the policy's card; 0 without value heads. */
  readonly tilt: number;
}

/** What is sampled, and what comes back for each item: see policy/Programs.ts. */
export type GenerateRequest = Programs.Request;
export type Completion = Programs.Program;

export interface ExportedPolicy {
  readonly directory: string;
  /** What the card says of where the weights come from. */
  readonly provenance: string;
  /** The decoding tilt that goes with the value heads; 0: not used. */
  readonly tilt: number;
}

export interface StepMetrics {
  readonly [name: string]: number;
}

export interface ScoreItem {
  readonly prompt: string;
  readonly program: string;
  /** The program's tokens as they were sampled, its end among them; default: the tokens of its text and the end. */
  readonly tokens?: ReadonlyArray<number>;
  /** beta of the decoding policy that is asked about; default 0, the policy itself. Needs value heads. */
  readonly tilt?: number;
  /** Score it under the reference policy too; default false. */
  readonly reference?: boolean;
}

export interface ProgramScore {
  /** Sum of the policy's log-probs over the program's tokens. */
  readonly logProb: number;
  readonly tokens: number;
  /** sum_t min(0, Q(s_t,a_t) - E_pi Q(s_t,.)); null without heads. */
  readonly advantage: number | null;
  /** sum_t (Q(s_t,a_t) - E_pi Q(s_t,.)); null without heads. */
  readonly gain: number | null;
  /** Mean over the program's tokens of max_i Q_i - min_i Q_i, in [0, 1]; null without heads. */
  readonly disagreement: number | null;
  /** V at the prompt's last token: predicted pass probability; null without heads. */
  readonly value: number | null;
  /** Sum of the reference policy's log-probs; null where it was not asked for, and where there is none. */
  readonly referenceLogProb: number | null;
}

export class Compute extends Context.Service<
  Compute,
  {
    /** Loads the policy and builds every graph. Once per service. */
    readonly open: (spec: OpenSpec) => Effect.Effect<ModelInfo, ComputeError>;
    /** Adds episodes to a part of the replay buffer; an id already there is ignored. */
    readonly addEpisodes: (
      part: "offline" | "online",
      episodes: ReadonlyArray<Episode>,
    ) => Effect.Effect<{ readonly added: number; readonly tooLong: number }, ComputeError>;
    /**
     * One optimizer step; `offlineFraction` of the batch (exact, rounded) comes from the offline part. A part without
     * an episode of the training's kind gives its share to the other: `offline_fraction` is what was drawn. Where
     * neither has one it fails, or with `ifEmpty: "skip"` makes no step and answers `skipped: 1`.
     */
    readonly trainStep: (request: {
      readonly training: string;
      readonly learningRate: number;
      readonly offlineFraction: number;
      readonly ifEmpty?: "skip";
    }) => Effect.Effect<StepMetrics, ComputeError>;
    /**
     * The loss and its parts of a training of a critic on up to `count` labelled episodes, without a step: always the
     * same ones of the offline part, the newest of the online part. Empty where the part holds none.
     */
    readonly probe: (request: {
      readonly training: string;
      readonly part: "offline" | "online";
      readonly count: number;
    }) => Effect.Effect<StepMetrics, ComputeError>;
    /** Empties a part of the replay memory. */
    readonly clearEpisodes: (part: "offline" | "online") => Effect.Effect<void, ComputeError>;
    /** Makes the policy as it is now the reference that KLs and log-ratios are measured against. */
    readonly setReference: Effect.Effect<void, ComputeError>;
    readonly generate: (request: GenerateRequest) => Effect.Effect<ReadonlyArray<Completion>, ComputeError>;
    /**
     * Samples as they are written. Streams that run at the same time share one batch; interrupting one frees its
     * slots. A stream starts in its turn among the requests and then runs beside those that come after it, which
     * are served between its decoding steps: a training step changes the weights of the tokens that follow it.
     */
    readonly stream: (request: StreamRequest) => Stream.Stream<StreamEvent, ComputeError>;
    /** Length of each text in tokens, as a prompt. */
    readonly countTokens: (
      texts: ReadonlyArray<string>,
    ) => Effect.Effect<ReadonlyArray<number>, ComputeError>;
    /** Scores programs; null for one that is longer than the longest sequence of the spec. */
    readonly score: (
      items: ReadonlyArray<ScoreItem>,
    ) => Effect.Effect<ReadonlyArray<ProgramScore | null>, ComputeError>;
    /** Writes trainable weights, heads, optimizer slots, sampler and generator states into an existing empty directory (safetensors + JSON, synced). */
    readonly save: (directory: string) => Effect.Effect<void, ComputeError>;
    /** Replaces all of these by a saved state. Replay episodes are not part of it: the caller adds them. */
    readonly restore: (directory: string) => Effect.Effect<void, ComputeError>;
    /** Writes a policy directory (LoRA merged) that `open` reads. */
    readonly exportPolicy: (exported: ExportedPolicy) => Effect.Effect<void, ComputeError>;
    /** Bytes and counts, for leak tests and the doctor. */
    readonly stats: Effect.Effect<{ readonly tensors: number; readonly residentBytes: number }, ComputeError>;
  }
>()("drydock/compute/Compute") {}
