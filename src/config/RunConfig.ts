/**
 * A run's configuration: one schema, from which come the types, the defaults and the JSON Schema
 * (`configs/schema/run.schema.json`) that files are validated against.
 *
 * Reading a file is `ConfigFile.load`; the checks that a schema cannot express are in `ConfigCheck.ts`.
 */
import * as Schema from "effect/Schema";
import type { Limits } from "../domain/Task.ts";
import { RunBudget } from "./BudgetConfig.ts";
import { Count, describe, Fraction, Label, or, Positive, PositiveNumber, Rate } from "./Fields.ts";
import { PromptTemplate, Stage } from "./StageConfig.ts";

export type { OfflineStage, OnlineStage, PromptTemplate, RemoteGenerator, Stage } from "./StageConfig.ts";

const Trainable = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("full") }),
  Schema.Struct({ kind: Schema.Literal("heads") }),
  Schema.Struct({
    kind: Schema.Literal("lora"),
    rank: or(Count, 8, "Rank of the low-rank update; 0: there is none, the policy is frozen."),
    alpha: or(PositiveNumber, 16, "Scale: the update is alpha / rank * B A."),
    targets: or(
      Schema.Array(Schema.Literals(["q", "k", "v", "o", "gate", "up", "down"])),
      ["q", "v"],
      "Projections that get an adapter.",
    ),
    dropout: or(
      Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1)),
      0,
      "Share of the adapters' inputs that training drops.",
    ),
  }),
]);

const Heads = Schema.Struct({
  critics: or(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(2)),
    2,
    "Critics; their minimum is what the tilt, the scores and the advantages take.",
  ),
  layerNorm: or(Schema.Boolean, false, "Each critic reads the hidden state through a LayerNorm of its own."),
  subset: or(
    Schema.NullOr(Positive),
    null,
    "Critics whose minimum a step's backups take, drawn afresh for each step; null: all. Refused where no critic has another backup than the Monte-Carlo one, which asks for no values.",
  ),
});

const Policy = Schema.Struct({
  path: describe(Label, "A policy directory: weights, config and tokenizer."),
  init: or(
    Schema.Literals(["weights", "random"]),
    "weights",
    "Start from the directory's weights, or from a random initialisation of its config.",
  ),
  trainable: or(
    Trainable,
    { kind: "full" },
    "What trains: every weight, LoRA adapters on frozen weights, or value heads alone on frozen weights.",
  ),
  prompt: or(PromptTemplate, "plain", "How a task becomes a prompt."),
  reasoning: or(
    Schema.Literals(["none", "comments"]),
    "none",
    "Attempts' reasoning: left out, or written before the program as comment lines, which the policy learns too.",
  ),
  stop: or(Schema.Array(Label), ["\n\n"], "Strings that end a program, beside the end-of-sequence token."),
  heads: or(Heads, {}, "Value heads, where a training's algorithm needs them."),
  frozenType: or(Schema.Literals(["float32", "bfloat16"]), "float32", "Storage type of frozen weights."),
});

const Contamination = or(
  Schema.Literals(["refuse", "exact", "report"]),
  "refuse",
  "Training tasks that are evaluated: refuse the run if one equals or nearly equals an evaluated one, if one equals it, or only tell of them.",
);

const Dataset = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("drydock"),
    path: describe(Label, "A dataset directory with tasks and labelled attempts."),
    attempts: or(
      Schema.Literals(["attempts", "pretrain", "none"]),
      "attempts",
      "Which attempts are the offline data: the labelled ones, those for pre-training a policy, or none.",
    ),
    contamination: Contamination,
  }),
  Schema.Struct({
    kind: Schema.Literal("mbpp"),
    tasks: describe(Label, "The file mbpp.jsonl."),
    labelled: or(
      Schema.Array(Label),
      [],
      "Files of labelled attempts: programs with their execution results.",
    ),
    references: or(Schema.Boolean, true, "Add MBPP's reference solutions as passing attempts."),
    contamination: Contamination,
  }),
]);

const Limit = Schema.Struct({
  train: Schema.optionalKey(describe(Positive, "Training tasks at most.")),
  validation: Schema.optionalKey(describe(Positive, "Validation tasks at most.")),
  test: Schema.optionalKey(describe(Positive, "Test tasks at most.")),
  labels: Schema.optionalKey(
    describe(
      Count,
      "Labelled attempts at training tasks at most, problem by problem; 0: none, left out: all. Labels beyond it are unknown to the verdict cache too.",
    ),
  ),
  shuffle: or(
    Schema.Boolean,
    true,
    "Take the capped tasks and labels after a shuffle that is the same for every seed, or (false) the first of the dataset's order.",
  ),
});

const Compute = Schema.Struct({
  backend: or(
    Schema.Literals(["auto", "native-gpu", "native", "wasm"]),
    "auto",
    "Tensor backend; auto takes the fastest that works on this machine.",
  ),
  threads: Schema.optionalKey(
    describe(Positive, "CPU threads of the backend; left out: as many as there are cores."),
  ),
  maxTrainTokens: or(Positive, 96, "Longest training sequence in tokens: prompt, program and end."),
  maxPromptTokens: or(Positive, 48, "Longest prompt in tokens when generating."),
  maxNewTokens: or(Positive, 64, "Longest program in tokens when generating."),
  generationBatch: or(Positive, 128, "Sequences decoded at once."),
  recompute: or(
    Schema.Literals([true, false, "auto"]),
    "auto",
    "Compute layers' activations a second time in the backward pass instead of keeping them; auto: where memory needs it.",
  ),
});

const SharedVerdicts = Schema.Struct({
  use: or(
    Schema.Literals(["off", "evaluations", "all"]),
    "evaluations",
    "What verdicts of other runs answer: nothing; programs of evaluations, which changes no result; or training programs too, for free, so that what a run learns also depends on the runs before it.",
  ),
  entries: or(Positive, 100_000, "Verdicts that are kept; the least recently used go first."),
  file: Schema.optionalKey(
    describe(
      Label,
      "The cache's file; left out: verdicts.db in `output`. Relative to the current directory.",
    ),
  ),
});

const Sandbox = Schema.Struct({
  slots: Schema.optionalKey(
    describe(
      Positive,
      "Programs that run at once; left out: two for each core that compute.threads leaves, and two at least.",
    ),
  ),
  cpuSeconds: or(PositiveNumber, 1, "CPU seconds a program may use for all tests of a task."),
  wallSeconds: or(PositiveNumber, 5, "Seconds after which a program is stopped."),
  memoryBytes: or(Positive, 67108864, "Bytes of memory a program may use."),
  outputBytes: or(Positive, 65536, "Bytes a program may print or answer."),
  runtime: Schema.optionalKey(
    describe(
      Label,
      "OCI runtime of the containers, as the Docker engine calls it (runsc, kata, …); left out: its default.",
    ),
  ),
  duplicates: or(
    Schema.Literals(["normalised", "exact"]),
    "normalised",
    "Programs that share one verdict: also those that differ only in comments, spacing and names of their own, or exact repeats alone.",
  ),
  sharedVerdicts: or(SharedVerdicts, {}, "The verdict cache that runs share."),
  javascript: or(
    Schema.Literals(["quickjs", "node"]),
    "quickjs",
    "What runs JavaScript: QuickJS here, or Node in Docker. Tests of standard input are always for Node.",
  ),
});

const Evaluation = Schema.Struct({
  temperature: or(
    Schema.Union([Rate, Schema.Array(Rate).check(Schema.isMinLength(1))]),
    1,
    "Temperature of the samples that pass@k is estimated from, or several; guard and tilt take the first.",
  ),
  samples: or(Positive, 10, "Samples a task and temperature; pass@10 needs at least 10."),
  greedy: or(Schema.Boolean, true, "Evaluate greedy decoding too."),
  tasks: or(Schema.NullOr(Positive), null, "Test tasks at most; null: all of them."),
  rerank: or(
    Schema.Boolean,
    false,
    "Also report the best of the samples as judged by the policy's log-prob, by the critic's program score and by both.",
  ),
});

const Optimizer = Schema.Struct({
  beta1: or(Fraction, 0.9, "AdamW's decay of the first moment."),
  beta2: or(Fraction, 0.95, "AdamW's decay of the second moment."),
  epsilon: or(PositiveNumber, 1e-8, "AdamW's epsilon."),
  weightDecay: or(Rate, 0.01, "Decoupled weight decay."),
  clipNorm: or(Rate, 1, "Clip of the gradient's global norm; 0: none."),
});

const Training = Schema.Struct({
  algorithm: describe(Label, "A row of the table of algorithms, for example sft or cql."),
  config: or(
    Schema.Record(Schema.String, Schema.Json),
    {},
    "The algorithm's own settings; see its page in docs/algorithms.",
  ),
  batchSize: or(Positive, 64, "Sequences per step."),
  microBatch: Schema.optionalKey(
    describe(
      Positive,
      "Sequences per micro-batch; divides batchSize. Left out: its largest divisor up to 32.",
    ),
  ),
  optimizer: or(Optimizer, {}, "AdamW's settings."),
  episodes: or(
    Schema.Literals(["all", "passing"]),
    "all",
    "Which episodes are sampled: every labelled one, or the passing ones.",
  ),
});

export type Training = typeof Training.Type;
export type Dataset = typeof Dataset.Type;
export type Evaluation = typeof Evaluation.Type;

export const RunConfig = Schema.Struct({
  $schema: Schema.optionalKey(describe(Schema.String, "For editors; not used.")),
  name: or(
    Label.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)),
    "run",
    "Name; part of the run's id.",
  ),
  seed: or(Count, 1, "Everything random in the run follows from it."),
  policy: describe(Policy, "The language model that is trained."),
  dataset: describe(Dataset, "Tasks and labelled attempts."),
  limit: or(Limit, {}, "Caps on the tasks of each split and on the labels."),
  compute: or(Compute, {}, "Where and how tensors are computed."),
  sandbox: or(Sandbox, {}, "Limits of the sandboxes."),
  budget: or(RunBudget, {}, "What the online stages may spend together."),
  evaluation: or(Evaluation, {}, "How every evaluate stage measures."),
  trainings: or(Schema.Record(Schema.String, Training), {}, "Kinds of update that stages call by name."),
  stages: describe(Schema.Array(Stage).check(Schema.isMinLength(1)), "What happens, in order."),
  progress: or(
    Schema.Struct({
      host: or(Label, "127.0.0.1", "Address of the progress server; loopback unless you mean it."),
      port: or(
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 })),
        0,
        "Port of the progress server; 0: a free one.",
      ),
    }),
    {},
    "The WebSocket server that streams the run.",
  ),
  checkpointEverySteps: or(Positive, 50, "Optimizer steps between checkpoints within a stage."),
  keepCheckpoints: or(
    Schema.Literals(["best", "all"]),
    "best",
    "Which checkpoints stay: the stages' ends, the best round and the last two, or every one (for `drydock select`).",
  ),
  output: or(Label, "runs", "Directory that run directories are made in."),
});
export type RunConfig = typeof RunConfig.Type;

/** The limits of programs whose task has none. */
export const programLimits = ({
  cpuSeconds,
  wallSeconds,
  memoryBytes,
  outputBytes,
}: RunConfig["sandbox"]): Limits => ({ cpuSeconds, wallSeconds, memoryBytes, outputBytes });

/** The file of the verdict cache that runs share, and how much it holds; null: the run has no part in it. */
export const sharedVerdicts = ({ sandbox, output }: RunConfig) => {
  const { use, entries, file = `${output}/verdicts.db` } = sandbox.sharedVerdicts;
  return use === "off" ? null : { file, entries };
};

/** The temperatures that an evaluation samples at; the first is that of the guard and of the tilt. */
export const temperatures = ({ temperature }: Evaluation): ReadonlyArray<number> =>
  typeof temperature === "number" ? [temperature] : temperature;

/** Algorithms that train value heads: a tilt needs one of them before it. */
export const valueAlgorithms: ReadonlySet<string> = new Set(["cql", "cal-ql", "iql"]);

/** Algorithms that draw the policy out of value heads, which one of the above trained before. */
export const extractionAlgorithms: ReadonlySet<string> = new Set(["iql-policy", "awac"]);

/** Whether the policy needs value heads. */
export const needsHeads = (config: RunConfig): boolean =>
  Object.values(config.trainings).some(
    ({ algorithm }) => valueAlgorithms.has(algorithm) || extractionAlgorithms.has(algorithm),
  );
