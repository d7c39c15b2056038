/**
 * A whole run in seconds: a tiny random policy, problems that it can learn, real compute worker, real QuickJS,
 * real store.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as ComputeWorker from "../../src/compute/ComputeWorker.ts";
import * as ConfigFile from "../../src/config/ConfigFile.ts";
import type { RunConfig } from "../../src/config/RunConfig.ts";
import type { Attempt } from "../../src/domain/Attempt.ts";
import type { Split, Task } from "../../src/domain/Task.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Prepare from "../../src/orchestrator/Prepare.ts";
import * as Run from "../../src/orchestrator/Run.ts";
import * as RunControl from "../../src/orchestrator/RunControl.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import type { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { Commands } from "../../src/store/Commands.ts";
import * as RunDirectory from "../../src/store/RunDirectory.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import * as TinyPolicy from "../model/TinyPolicy.ts";

const splitOf = (i: number): Split => (i % 4 === 3 ? "test" : i % 4 === 2 ? "validation" : "train");

/** Three programs for all problems, so that what is learnt on one split holds on another. */
const program = (i: number): string => `const f = (x) => x + ${i % 3};`;

export const tasks: ReadonlyArray<Task> = Array.from({ length: 24 }, (_, i) => ({
  id: `add/${i}`,
  source: "tiny",
  split: splitOf(i),
  language: "javascript",
  statement: `+ ${i % 3} #${i}`,
  entryPoint: "f",
  reference: program(i),
  tests: { kind: "call", cases: [1, 5].map((x) => ({ args: [x], expected: x + (i % 3) })), visible: 0 },
}));

/** Passing and failing attempts at half of the training tasks. */
const attempts: ReadonlyArray<Attempt> = tasks
  .filter((task, i) => task.split === "train" && i < 12)
  .flatMap((task, i) => [
    {
      taskId: task.id,
      program: task.reference ?? "",
      origin: "reference",
      outcome: "Passed",
      labelSource: "sandbox",
    },
    {
      taskId: task.id,
      program: `const f = (x) => x - ${i + 7};`,
      origin: "student",
      outcome: "WrongAnswer",
      labelSource: "sandbox",
    },
  ]);

export const loaded: Prepare.Loaded = { tasks, attempts, shots: [] };

/** The configuration of a run in `directory`, with a policy that it writes there. */
export const configure = Effect.fn("TinyRun.configure")(function* (
  directory: string,
  change: Readonly<Record<string, unknown>> = {},
) {
  const path = `${directory}/policy-${Object.keys(change).length}`;
  yield* Policy.write(path, TinyPolicy.policy());
  return yield* ConfigFile.fromValue("tiny", {
    name: "tiny",
    seed: 3,
    policy: { path, prompt: "plain" },
    dataset: { kind: "drydock", path: "." },
    compute: { threads: 1, maxTrainTokens: 48, maxPromptTokens: 16, maxNewTokens: 24, generationBatch: 16 },
    budget: { verifications: 12, generated: 40 },
    evaluation: { samples: 2, rerank: true },
    trainings: {
      sft: { algorithm: "sft", batchSize: 8, episodes: "passing" },
      cql: { algorithm: "cql", batchSize: 8 },
    },
    stages: [
      { kind: "evaluate", label: "base" },
      { kind: "offline", label: "sft", training: "sft", steps: 40, learningRate: 0.01 },
      { kind: "offline", label: "cql", training: "cql", steps: 6, learningRate: 0.01 },
      { kind: "tilt", betas: [0, 1], samples: 1 },
      { kind: "evaluate", label: "offline" },
      {
        kind: "online",
        label: "online",
        programsPerRound: 8,
        temperature: 1,
        updates: [
          { training: "sft", steps: 4, learningRate: 0.003 },
          { training: "cql", steps: 2, learningRate: 0.003 },
        ],
        validation: { samples: 1, maxDrop: 0.5 },
      },
      { kind: "control", label: "control", of: "online" },
      { kind: "evaluate", label: "online" },
    ],
    checkpointEverySteps: 10,
    output: `${directory}/runs`,
    ...change,
  });
});

export const sandbox: Layer.Layer<Sandbox> = SandboxQuickJs.layer({ workers: 2 });

/** Everything that a run needs but the progress server. */
export const services = (directory: string, around: Layer.Layer<Sandbox> = sandbox) =>
  Layer.mergeAll(ComputeWorker.layer, around, RunControl.layer).pipe(
    Layer.provideMerge(Layer.mergeAll(RunStoreLive.layer({ directory }), Commands.layer)),
  );

/** Runs or resumes the run of the services to its end. */
export const go = Effect.fn("TinyRun.go")(function* (config: RunConfig) {
  const { context, labels } = yield* Prepare.prepare(config, loaded);
  return yield* Run.execute(context, labels);
});

export const create = (config: RunConfig) => RunDirectory.create(config);
