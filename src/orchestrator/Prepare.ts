/**
 * From a configuration to what the stages work on: tasks by split, the offline dataset as episodes, and the
 * labels that the verdict cache knows before the run starts.
 */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import * as Table from "../algorithms/Table.ts";
import * as CacheKey from "../budget/CacheKey.ts";
import { programLimits, type PromptTemplate, type RunConfig } from "../config/RunConfig.ts";
import * as Contamination from "../dataset/Contamination.ts";
import * as Dataset from "../dataset/Dataset.ts";
import { DatasetError } from "../dataset/DatasetError.ts";
import * as DatasetLabels from "../dataset/Labels.ts";
import * as MbppImport from "../dataset/MbppImport.ts";
import type { Attempt } from "../domain/Attempt.ts";
import type { Episode } from "../domain/Episode.ts";
import { reward } from "../domain/Reward.ts";
import { type Limits, type Split, type Task, testCount } from "../domain/Task.ts";
import * as Prompt from "../dataset/Prompt.ts";
import * as Reasoning from "../dataset/Reasoning.ts";
import * as Random from "../random/Random.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import type { RunContext } from "../stages/RunContext.ts";
import type { Labels } from "./Run.ts";

export interface Loaded {
  readonly tasks: ReadonlyArray<Task>;
  readonly attempts: ReadonlyArray<Attempt>;
  /** Worked examples for a few-shot prompt. */
  readonly shots: ReadonlyArray<Task>;
}

/** Reads the dataset that a configuration names. */
export const load = Effect.fn("Prepare.load")(function* (
  config: RunConfig,
): Effect.fn.Return<Loaded, DatasetError> {
  const { dataset } = config;
  if (dataset.kind === "mbpp") {
    return yield* MbppImport.load({
      mbpp: dataset.tasks,
      labelled: dataset.labelled,
      references: dataset.references,
    });
  }
  const { tasks, attempts } = yield* Dataset.load(dataset.path, { part: dataset.attempts });
  return { tasks, attempts, shots: [] };
});

/** The run's own limits on a program, where the task has none. */
const withLimits = (task: Task, limits: Limits): Task =>
  task.limits === undefined ? { ...task, limits } : task;

/**
 * The first n of a split, shuffled or not; all of it, in the dataset's order, without a cap. The shuffle does
 * not depend on the run's seed: seeds can only be compared on the same tasks.
 */
const capped = (
  tasks: ReadonlyArray<Task>,
  split: Split,
  cap: number | undefined,
  shuffle: boolean,
): ReadonlyArray<Task> => {
  const mine = tasks.filter((task) => task.split === split);
  if (cap === undefined || cap >= mine.length) return mine;
  const ordered = shuffle ? Random.make(0).split(`limit/${split}`).shuffle(mine) : mine;
  return ordered.slice(0, cap);
};

/** Refuses a run whose stages need tasks of a split that the dataset does not have. */
const checkSplits = Effect.fnUntraced(function* (config: RunConfig, tasks: RunContext["tasks"]) {
  const needs = {
    evaluate: "test",
    control: "test",
    tilt: "validation",
    online: "train",
    offline: "train",
  } as const;
  for (const stage of config.stages) {
    const split = needs[stage.kind];
    if (tasks[split].length > 0) continue;
    return yield* new DatasetError({
      path: config.dataset.kind === "mbpp" ? config.dataset.tasks : config.dataset.path,
      reason: `it has no ${split} tasks, which the stage "${stage.label}" (${stage.kind}) needs.`,
      remedy: `Add tasks with split "${split}", or remove the stage.`,
    });
  }
});

/** Why the offline data is empty, and what to change. */
const noOffline = ({ dataset, limit }: RunConfig): readonly [reason: string, remedy: string] => {
  if (dataset.kind === "drydock" && dataset.attempts === "none") {
    return ['dataset.attempts is "none"', 'Set it to "attempts"'];
  }
  if (limit.labels === 0) return ["limit.labels is 0", "Raise it"];
  return ["the dataset has no labelled attempt at a training task of the run", "Add attempts"];
};

/** Why a training can draw nothing from the offline data, and what would help; null: it can. */
const lack = (
  { algorithm, config, episodes }: RunConfig["trainings"][string],
  offline: ReadonlyArray<Episode>,
): { readonly found: string; readonly wants: string; readonly add: string } | null => {
  const passing = offline.filter((episode) => episode.reward === 1);
  const all = `${offline.length} offline attempts`;
  const configured = Table.configure(algorithm, config);
  if (Result.isSuccess(configured) && configured.success.groups !== null) {
    const solved = new Set(passing.map(({ taskId }) => taskId));
    if (offline.some((episode) => episode.reward !== 1 && solved.has(episode.taskId))) return null;
    return {
      found: `no problem has both a pass and a fail among the ${all}`,
      wants: `compares the two (${algorithm})`,
      add: passing.length === 0 ? "attempts that pass" : "attempts that fail at problems that others pass",
    };
  }
  if (episodes === "all" || passing.length > 0) return null;
  return { found: `none of the ${all} passes`, wants: "trains on passing ones", add: "attempts that pass" };
};

/** Refuses a run whose stages train on offline data that there is none of. */
const checkOffline = Effect.fnUntraced(function* (config: RunConfig, offline: ReadonlyArray<Episode>) {
  const path = config.dataset.kind === "mbpp" ? config.dataset.tasks : config.dataset.path;
  for (const stage of config.stages) {
    if (stage.kind !== "offline" && stage.kind !== "control") continue;
    if (offline.length === 0) {
      const [reason, remedy] = noOffline(config);
      return yield* new DatasetError({
        path,
        reason: `${reason}, so there is no offline data, which the stage "${stage.label}" (${stage.kind}) trains on.`,
        remedy: `${remedy}, or remove the stage.`,
      });
    }
    if (stage.kind !== "offline") continue;
    for (const { training: name } of [stage, ...stage.also]) {
      const training = config.trainings[name];
      const lacking = training === undefined ? null : lack(training, offline);
      if (lacking === null) continue;
      return yield* new DatasetError({
        path,
        reason: `${lacking.found}, but the training "${name}" of the stage "${stage.label}" ${lacking.wants}.`,
        remedy: `${config.limit.labels === undefined ? `Add ${lacking.add}` : "Raise limit.labels"}, or remove the stage.`,
      });
    }
  }
});

/**
 * Runs one reference solution for each language before anything is trained: a missing engine is told now
 * and not after an hour. It is no verification of a generated program, so no budget counts it.
 */
const checkSandbox = Effect.fn("Prepare.checkSandbox")(function* (tasks: ReadonlyArray<Task>) {
  const sandbox = yield* Sandbox;
  for (const language of new Set(tasks.map((task) => task.language))) {
    const task = tasks.find((t) => t.language === language && t.reference !== undefined);
    if (task?.reference === undefined) continue;
    const verdict = yield* sandbox.verify(task, task.reference);
    if (verdict.outcome !== "Passed") {
      return yield* new DatasetError({
        path: task.id,
        reason: `its reference solution does not pass in the sandbox: ${verdict.outcome}${verdict.detail === undefined ? "" : ` (${verdict.detail})`}.`,
        remedy: "Correct the task, or leave it out; every verdict of this run would be as wrong.",
      });
    }
  }
});

/** The tasks of a run by split, under its caps. */
export const splits = (config: RunConfig, tasks: ReadonlyArray<Task>): RunContext["tasks"] => {
  const { shuffle, ...limit } = config.limit;
  return {
    train: capped(tasks, "train", limit.train, shuffle),
    validation: capped(tasks, "validation", limit.validation, shuffle),
    test: capped(tasks, "test", config.evaluation.tasks ?? limit.test, shuffle),
  };
};

/** Builds the context of a run. Refuses to train on what is evaluated. */
export const prepare = Effect.fn("Prepare.prepare")(function* (config: RunConfig, loaded: Loaded) {
  const sandbox = yield* Sandbox;
  const limits = programLimits(config.sandbox);
  const tasks = splits(
    config,
    loaded.tasks.map((task) => withLimits(task, limits)),
  );
  yield* checkSplits(config, tasks);
  yield* Contamination.check(tasks.train, [...tasks.validation, ...tasks.test], config.dataset.contamination);
  yield* checkSandbox([...tasks.test, ...tasks.train]);

  const byId = new Map(tasks.train.map((task) => [task.id, task]));
  const prompt = (task: Task, template?: PromptTemplate): string =>
    Prompt.render(template ?? config.policy.prompt, task, loaded.shots);
  const completion = (program: string): string => Prompt.completion(config.policy.prompt, program);
  const reasons = config.policy.reasoning === "comments";
  const written = (task: Task, text: string): ReturnType<RunContext["written"]> => {
    if (!reasons) return { program: completion(text) };
    const { reasoning, program } = Reasoning.split(task.language, text);
    return reasoning === "" ? { program: completion(text) } : { reasoning, program: completion(program) };
  };
  const episodeId = (task: Task, program: string): string => CacheKey.exact(task, program, sandbox.identity);
  const cacheKey =
    config.sandbox.duplicates === "exact"
      ? episodeId
      : (task: Task, program: string): string => CacheKey.normalised(task, program, sandbox.identity);

  // A program without a label says what somebody wrote, not whether it is right.
  const cloning = Object.values(config.trainings).every(({ algorithm }) => algorithm === "sft");
  const offline: Array<Episode> = [];
  const cache: Array<Labels["cache"][number]> = [];
  const seen = new Set<string>();
  const usable = loaded.attempts.flatMap((attempt) => {
    const task = byId.get(attempt.taskId);
    if (task === undefined || (attempt.outcome === undefined && !cloning)) return [];
    const text = reasons
      ? Reasoning.render(task.language, attempt.reasoning ?? "", attempt.program)
      : attempt.program;
    const id = episodeId(task, text);
    if (seen.has(id)) return [];
    seen.add(id);
    return [{ ...attempt, id, task, text }];
  });
  for (const { id, task, text, ...attempt } of DatasetLabels.take(usable, config.limit)) {
    offline.push({
      id,
      taskId: task.id,
      prompt: prompt(task),
      ...written(task, text),
      reward: attempt.outcome === undefined ? null : reward(attempt.outcome),
      behaviourLogProbs: null,
      policyVersion: null,
    });
    if (attempt.outcome === undefined) continue;
    const total = testCount(task.tests);
    cache.push({
      key: cacheKey(task, text),
      origin: attempt.labelSource ?? "dataset",
      verdict: {
        outcome: attempt.outcome,
        testsPassed: attempt.testsPassed ?? (attempt.outcome === "Passed" ? total : 0),
        testsTotal: attempt.testsTotal ?? total,
        cpuSeconds: 0,
        wallSeconds: 0,
      },
    });
  }
  yield* checkOffline(config, offline);
  const context: RunContext = { config, tasks, offline, prompt, completion, written, cacheKey, episodeId };
  const labels: Labels = { count: cache.length, cache };
  return { context, labels };
});
