/**
 * One run from its first event to its report: stages in order, a checkpoint after each, taken up again
 * from the latest one.
 *
 * Everything a stage needs is a service; everything it did is in the log. Resuming repeats at most the
 * work since the last checkpoint, from the same seeds, and pays for no verification twice.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { Compute, ComputeError, type ModelInfo, type OpenSpec } from "../compute/Compute.ts";
import * as BudgetConfig from "../config/BudgetConfig.ts";
import { needsHeads, type OnlineStage, type RunConfig, type Stage } from "../config/RunConfig.ts";
import * as GeneratorFor from "../generator/GeneratorFor.ts";
import * as Budget from "../domain/Budget.ts";
import type { Planned } from "../domain/Planned.ts";
import { REWARD_VERSION } from "../domain/Reward.ts";
import type { Task } from "../domain/Task.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import * as Control from "../stages/Control.ts";
import * as Evaluate from "../stages/Evaluate.ts";
import * as Memory from "../stages/Memory.ts";
import * as Monitors from "../stages/Monitors.ts";
import * as Offline from "../stages/Offline.ts";
import * as Online from "../stages/Online.ts";
import { type Carried, initialCarried, type RunContext, stageStart } from "../stages/RunContext.ts";
import * as Tilt from "../stages/Tilt.ts";
import { RunStore } from "../store/RunStore.ts";
import * as Report from "./Report.ts";
import * as Resources from "./Resources.ts";

export const FORMAT_VERSION = 1;

/** What the compute worker is asked to load for a run. */
export const openSpec = (config: RunConfig): OpenSpec => ({
  policy: { path: config.policy.path, init: config.policy.init },
  backend: config.compute.backend,
  ...(config.compute.threads === undefined ? {} : { threads: config.compute.threads }),
  seed: config.seed,
  trainable: config.policy.trainable,
  heads: needsHeads(config),
  // A run that trains no heads takes the policy's as they are.
  ...(needsHeads(config) ? { headShape: config.policy.heads } : {}),
  frozenType: config.policy.frozenType,
  trainings: Object.entries(config.trainings).map(([id, training]) => ({ id, ...training })),
  reference: Monitors.needsReference(config),
  maxTrainTokens: config.compute.maxTrainTokens,
  recompute: config.compute.recompute,
  generation: {
    batch: config.compute.generationBatch,
    maxPromptTokens: config.compute.maxPromptTokens,
    maxNewTokens: config.compute.maxNewTokens,
  },
});

/** What an online stage alone may spend. */
const limitsOf = (stage: OnlineStage): Budget.Amounts => Budget.toLimits(BudgetConfig.stageLimits(stage));

/** Units of work of a stage and what one is. */
const work = (
  context: RunContext,
  stage: Stage,
  carried: Carried,
  verifications: number,
): { readonly total: number; readonly unit: string } => {
  switch (stage.kind) {
    case "evaluate":
      return { total: Evaluate.programCount(context), unit: "program" };
    case "offline":
      return { total: stage.steps, unit: "step" };
    case "tilt":
      return {
        total: new Set([0, ...stage.betas]).size * stage.samples * context.tasks.validation.length,
        unit: "program",
      };
    case "online":
      return { total: stage.verifications ?? verifications, unit: "verification" };
    case "control":
      return {
        total: Control.stepCount(Control.roundsOf(stage, carried)),
        unit: "step",
      };
  }
};

const countTasks = ({ tasks }: RunContext): number =>
  tasks.train.length + tasks.validation.length + tasks.test.length;

/** The context without the tasks whose prompt, in any template of the run, is longer than the configured limit. */
export const withFittingTasks = Effect.fnUntraced(function* (context: RunContext) {
  const compute = yield* Compute;
  const { config } = context;
  const templates = new Set([
    config.policy.prompt,
    ...config.stages.flatMap((s) => (s.kind === "evaluate" && s.prompt !== undefined ? [s.prompt] : [])),
  ]);
  const fits = Effect.fnUntraced(function* (tasks: ReadonlyArray<Task>) {
    let left = tasks;
    for (const template of templates) {
      const lengths = yield* compute.countTokens(left.map((task) => context.prompt(task, template)));
      left = left.filter((_, i) => lengths[i] <= config.compute.maxPromptTokens);
    }
    return left;
  });
  const { train, validation, test } = context.tasks;
  const tasks = { train: yield* fits(train), validation: yield* fits(validation), test: yield* fits(test) };
  for (const [split, all] of Object.entries({ train, validation, test })) {
    if (all.length === 0 || tasks[split as keyof typeof tasks].length > 0) continue;
    return yield* new ComputeError({
      reason: `every prompt of the ${split} tasks is longer than compute.maxPromptTokens (${config.compute.maxPromptTokens})`,
      remedy: "raise compute.maxPromptTokens in the configuration",
    });
  }
  return { ...context, tasks };
});

/** Runs or resumes the run of the RunStore in the context; succeeds with the report. `planned`: what it should take. */
export const execute = Effect.fn("Run.execute")(function* (
  prepared: RunContext,
  labels: Labels,
  planned: Planned | null = null,
) {
  const store = yield* RunStore;
  const compute = yield* Compute;
  const sandbox = yield* Sandbox;
  const { config } = prepared;

  const info: ModelInfo = yield* compute.open(openSpec(config));
  const context = yield* withFittingTasks(prepared);
  const { tooLong } = yield* compute.addEpisodes("offline", context.offline);
  yield* store.cachePut(labels.cache);

  const latest = yield* store.latestCheckpoint;
  const fresh = (yield* store.head) === 0;
  // What an older Drydock did not carry begins as it does in a new run.
  const saved = (latest?.state as Partial<Carried> | undefined) ?? { tilt: info.tilt };
  let carried: Carried = { ...initialCarried, ...saved };
  let from = { stage: latest?.stage ?? 0, done: latest?.done ?? 0 };
  let last = latest?.id ?? "start";

  const checkpoint = (stage: number, done: number, id: string, keep: boolean) =>
    store
      .saveCheckpoint(
        { id, stage, done, state: carried, keep: keep || config.keepCheckpoints === "all" },
        (directory) => compute.save(directory),
      )
      .pipe(Effect.tap(() => Effect.sync(() => void (last = id))));
  const restore = (id: string) =>
    store.checkpoint(id).pipe(Effect.flatMap(({ directory }) => compute.restore(directory)));
  /** Restores within a stage that began with `start`: that checkpoint holds the reference of an earlier stage. */
  const restoreWithin = (start: string) => (id: string) =>
    restore(id).pipe(Effect.andThen(id === start ? compute.setReference : Effect.void));

  if (fresh) {
    const { prices, ...limits } = config.budget;
    yield* store.append({
      _tag: "RunStarted",
      runId: store.runId,
      name: config.name,
      seed: config.seed,
      formatVersion: FORMAT_VERSION,
      backend: `${info.backend}, ${info.threads} threads`,
      sandbox: sandbox.identity,
      sandboxSlots: sandbox.parallelism,
      stages: config.stages.map((stage) => {
        const { kind, label } = stage;
        return kind === "online" ? { kind, label, limits: limitsOf(stage) } : { kind, label };
      }),
      limits: Budget.toLimits(limits),
      ...(prices === undefined ? {} : { prices }),
      labelsOffline: labels.count,
      reward: REWARD_VERSION,
      leftOut: { tasks: countTasks(prepared) - countTasks(context), episodes: tooLong },
    });
    if (planned !== null) yield* store.append({ _tag: "RunPlanned", planned });
  } else {
    if (latest !== null) yield* compute.restore(latest.directory);
    for (const [index, stage] of config.stages.entries()) {
      if (stage.kind === "online" && index < from.stage) yield* Memory.replay(context, stage, index);
    }
    yield* store.append({ _tag: "RunResumed", checkpoint: latest?.id ?? null });
  }
  // A run that only measures changes no weight: a copy of them would be all that it writes.
  const trains = config.stages.some(({ kind }) => kind === "offline" || kind === "online");
  if (latest === null && trains) yield* checkpoint(0, 0, "start", true);

  for (; from.stage < config.stages.length; from = { stage: from.stage + 1, done: 0 }) {
    const index = from.stage;
    const stage = config.stages[index];
    if (stage.kind === "evaluate" && (yield* alreadyEvaluated(config, index))) continue;
    const started = yield* Clock.currentTimeMillis;
    const limit = (yield* store.budget("verifications")).limit ?? 0;
    const { total, unit } = work(context, stage, carried, limit);
    yield* store.append({ _tag: "StageStarted", index, kind: stage.kind, label: stage.label, total, unit });
    if ((stage.kind === "offline" || stage.kind === "online") && from.done === 0) yield* compute.setReference;
    const progress = (done: number) =>
      store.append({ _tag: "StageProgress", index, done, total }).pipe(Effect.ignore);

    switch (stage.kind) {
      case "evaluate":
        yield* Evaluate.run(context, {
          index,
          label: stage.label,
          tilt: stage.tilt ?? carried.tilt,
          ...(stage.prompt === undefined ? {} : { prompt: stage.prompt }),
          onProgress: progress,
        });
        break;
      case "offline":
        if (from.done === 0) carried = { ...carried, ...stageStart, offlineStart: last };
        carried = yield* Offline.run(context, {
          index,
          stage,
          from: from.done,
          carried,
          checkpointEvery: config.checkpointEverySteps,
          checkpoint: (done, next) => {
            carried = next;
            const id = Offline.checkpointOf(index, done, stage.steps);
            return checkpoint(index, done, id, next.best?.checkpoint === id).pipe(Effect.asVoid);
          },
          restore: restoreWithin(carried.offlineStart),
        });
        carried = { ...carried, policyVersion: carried.policyVersion + 1 };
        break;
      case "tilt":
        carried = {
          ...carried,
          tilt: yield* Tilt.run(context, {
            index,
            betas: stage.betas,
            samples: stage.samples,
            onProgress: progress,
          }),
        };
        break;
      case "online": {
        if (from.done === 0) {
          const onlineStart = { ...carried.onlineStart, [stage.label]: last };
          carried = { ...carried, ...stageStart, onlineStart };
        }
        carried = yield* Online.run(context, {
          index,
          stage,
          from: from.done,
          carried,
          checkpoint: (done, next, id) => {
            carried = next;
            // The best round is kept to roll back to; of the others the last two are enough to resume from.
            return checkpoint(index, done, id, next.best?.checkpoint === id).pipe(Effect.asVoid);
          },
          restore: restoreWithin(carried.onlineStart[stage.label]),
        }).pipe(Effect.provide(GeneratorFor.layer(stage, config.policy.path)));
        break;
      }
      case "control": {
        const end = last;
        const rounds = Control.roundsOf(stage, carried);
        yield* restore(carried.onlineStart[[stage.of].flat()[0]] ?? "start");
        yield* compute.setReference;
        yield* Control.run({ index, rounds });
        yield* Evaluate.run(context, { index, label: stage.label, tilt: carried.tilt });
        yield* restore(end);
        break;
      }
    }

    // An evaluation changes nothing that a checkpoint holds: the log says that it was made.
    if (stage.kind !== "evaluate") yield* checkpoint(index + 1, 0, `stage-${index}-end`, true);
    const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000;
    yield* store.append({ _tag: "StageFinished", index, seconds });
  }

  if (trains) {
    yield* compute.exportPolicy({
      directory: `${store.directory}/policy`,
      provenance: `run ${store.runId}: configuration "${config.name}", seed ${config.seed}`,
      tilt: carried.tilt,
    });
  }
  yield* store.append({ _tag: "ResourcesMeasured", ...(yield* Resources.measure(store.directory)) });
  const events = yield* Report.allEvents;
  const report = Report.make(events);
  yield* store.writeFile("report.json", `${JSON.stringify(report, null, 2)}\n`);
  yield* store.append({ _tag: "RunFinished", seconds: report.seconds });
  return report;
});

/** Labels that the offline data came with. */
export interface Labels {
  readonly count: number;
  readonly cache: Parameters<RunStore["Service"]["cachePut"]>[0];
}

/** Whether every figure of an evaluate stage is in the log: after a crash it need not be made again. */
const alreadyEvaluated = Effect.fnUntraced(function* (config: RunConfig, index: number) {
  const store = yield* RunStore;
  const { evaluations } = yield* store.state;
  return evaluations.filter((e) => e.index === index).length === Evaluate.passes(config.evaluation).length;
});
