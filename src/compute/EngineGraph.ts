/**
 * The graph of an engine: what it will compute, recorded before a session is opened, and the memory that this will
 * take. Recording takes none of that memory, so a run that does not fit is refused before it could fail.
 */
import * as Effect from "effect/Effect";
import * as Learner from "../learner/Learner.ts";
import * as Generation from "../model/generation/Generation.ts";
import { TARGETS, type Target } from "../model/Lora.ts";
import type { PolicyFiles } from "../model/directory/Policy.ts";
import { PolicyError } from "../model/PolicyError.ts";
import * as Room from "../model/files/Room.ts";
import * as Scoring from "../model/Scoring.ts";
import { Graph } from "../tensor/Graph.ts";
import * as Memory from "../tensor/Memory.ts";
import type { OpenSpec } from "./Compute.ts";

/** Padded tokens of one scoring batch. */
const SCORED_TOKENS = 4096;

/** Everything recorded, without a session. */
export interface EngineGraph {
  readonly graph: Graph;
  readonly learner: Learner.Recorded;
  readonly generation: ReturnType<typeof Generation.record>;
  readonly scoring: ReturnType<typeof Scoring.record>;
  /** Scores under the reference policy; null where there is none. */
  readonly referenceScoring: ReturnType<typeof Scoring.record> | null;
  /** Tokens of the longest sequence that is scored, and sequences scored at once. */
  readonly scored: { readonly tokens: number; readonly batch: number };
  readonly recompute: boolean;
}

const isTarget = (name: string): name is Target => TARGETS.some((target) => target === name);

const trainableOf = (trainable: OpenSpec["trainable"]): Learner.Trainable => {
  if (trainable.kind !== "lora") return trainable;
  const { rank, alpha, targets, dropout = 0 } = trainable;
  const known = targets.filter(isTarget);
  const unknown = targets.find((name) => !isTarget(name));
  if (unknown !== undefined) {
    throw new RangeError(`There is no LoRA target "${unknown}"; use some of: ${TARGETS.join(", ")}.`);
  }
  return { kind: "lora", lora: { rank, alpha, targets: known, dropout } };
};

export const record = (policy: PolicyFiles, spec: OpenSpec, recompute: boolean): EngineGraph => {
  const graph = new Graph();
  const learner = Learner.record(graph, policy, {
    init: spec.policy.init,
    seed: spec.seed,
    trainable: trainableOf(spec.trainable),
    frozenType: spec.frozenType,
    heads: spec.heads || policy.heads !== null,
    ...(spec.headShape === undefined ? {} : { headShape: spec.headShape }),
    trainings: spec.trainings,
    reference: spec.reference ?? false,
    maxTrainTokens: spec.maxTrainTokens,
    recompute,
  });
  const { model, heads } = learner.network;
  const { batch, maxPromptTokens, maxNewTokens } = spec.generation;
  const positions = spec.generation.maxTokens ?? maxPromptTokens + maxNewTokens;
  const generation = Generation.record(graph, model, {
    name: "generate",
    batch,
    maxPrompt: maxPromptTokens,
    maxNew: maxNewTokens,
    positions,
    heads,
  });
  const tokens = Math.max(spec.maxTrainTokens, positions);
  const perBatch = Math.max(1, Math.min(batch, Math.floor(SCORED_TOKENS / tokens)));
  const scorer = { batch: perBatch, maxTokens: tokens };
  const scoring = Scoring.record(graph, model, { ...scorer, name: "score", heads });
  const referenceScoring =
    learner.reference === null
      ? null
      : Scoring.record(graph, learner.reference, { ...scorer, name: "score-reference", heads: null });
  return {
    graph,
    learner,
    generation,
    scoring,
    referenceScoring,
    scored: { tokens, batch: perBatch },
    recompute,
  };
};

/** Resident bytes of the process at the most. */
export interface Footprint {
  readonly opening: number;
  /** Of each training's step, by the training's name. */
  readonly trainings: Readonly<Record<string, number>>;
  readonly generation: number;
  /** Of all of them in one process. */
  readonly peak: number;
}

/** Bytes of the weights in their files. */
const stored = ({ weights }: PolicyFiles): number =>
  [...(weights?.tensors.values() ?? [])].reduce(
    (sum, { dtype, shape }) => sum + Room.BYTES[dtype] * shape.reduce((a, b) => a * b, 1),
    0,
  );

export const footprint = ({ graph }: EngineGraph, policy: PolicyFiles, spec: OpenSpec): Footprint => {
  const programs = [...graph.programs.values()];
  const of = (mine: (name: string) => boolean) =>
    Memory.running(
      graph,
      programs.filter(({ name }) => mine(name)),
    );
  const mapped = spec.policy.init === "random" ? 0 : stored(policy);
  const opening = Memory.opening(graph, mapped);
  const trainings = Object.fromEntries(
    spec.trainings.map(({ id }) => [id, of((name) => name.startsWith(`train/${id}/`))]),
  );
  const generation = of((name) => !name.startsWith("train/"));
  const together = of(() => true);
  const peak = Math.max(opening, generation, together, ...Object.values(trainings));
  return { opening, trainings, generation, peak };
};

/** What takes less memory, given what the run does now. */
export const remedies = (spec: OpenSpec, recompute: boolean): ReadonlyArray<string> => [
  ...(recompute || spec.trainings.length === 0 ? [] : ['set compute.recompute to "auto" or true']),
  ...(spec.trainings.some(({ batchSize, microBatch = batchSize }) => microBatch > 1)
    ? ["give the trainings a smaller microBatch"]
    : []),
  ...(spec.trainable.kind === "full" ? ["train LoRA adapters (policy.trainable)"] : []),
  ...(spec.trainable.kind !== "full" && spec.frozenType === "float32"
    ? ['set policy.frozenType to "bfloat16"']
    : []),
  "lower compute.maxTrainTokens or compute.generationBatch",
];

/**
 * The graph of a spec that fits into `available` bytes, with activations recomputed where that is left to us and
 * needed. Fails where nothing makes it fit.
 */
export const recordFitting = (
  policy: PolicyFiles,
  spec: OpenSpec,
  available: number,
): Effect.Effect<EngineGraph, PolicyError> =>
  Effect.suspend(() => {
    const wanted = spec.recompute ?? "auto";
    const fits = (recorded: EngineGraph) => footprint(recorded, policy, spec).peak <= available;
    const first = record(policy, spec, wanted === true);
    if (fits(first)) return Effect.succeed(first);
    const second = wanted === "auto" && spec.trainings.length > 0 ? record(policy, spec, true) : first;
    if (second !== first && fits(second)) return Effect.succeed(second);
    const { peak } = footprint(second, policy, spec);
    return Effect.fail(
      new PolicyError({
        path: policy.directory,
        reason: `this run would take about ${Room.size(peak)} of memory, and the process may take ${Room.size(available)}.`,
        remedy: `Use a machine with more memory, or: ${remedies(spec, second.recompute).join("; ")}. \`drydock plan CONFIG\` shows what each step takes.`,
      }),
    );
  });
