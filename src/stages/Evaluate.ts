/**
 * Evaluation: how often the current policy's programs pass, on tasks that nothing trains on.
 *
 * Its sandbox runs are counted apart from the verification budget. Programs that repeat exactly share
 * one verdict. A program that the sandbox failed on is left out, never counted as wrong.
 */
import * as Effect from "effect/Effect";
import { Compute } from "../compute/Compute.ts";
import { meanPassAtK, bootstrapInterval, type TaskCount } from "../domain/PassAtK.ts";
import type { EvaluationResult, Level } from "../domain/RunEvent.ts";
import { type Evaluation, type PromptTemplate, temperatures } from "../config/RunConfig.ts";
import { difficulty, type Task } from "../domain/Task.ts";
import type { Outcome, Verdict } from "../domain/Verdict.ts";
import * as Random from "../random/Random.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import { RunStore } from "../store/RunStore.ts";
import { SharedVerdicts } from "../store/SharedVerdicts.ts";
import * as CircuitBreaker from "./CircuitBreaker.ts";
import { SHARED } from "./FreeAnswers.ts";
import * as Monitors from "./Monitors.ts";
import * as Rerank from "./Rerank.ts";
import { rollout, type RolloutItem } from "./Rollout.ts";
import type { RunContext } from "./RunContext.ts";
import { SafePoint } from "./SafePoint.ts";
import * as SandboxFigures from "./SandboxFigures.ts";

/** One program of an evaluation with its verdict, kept for inspection. */
export interface EvaluatedProgram {
  readonly taskId: string;
  readonly sample: number;
  readonly program: string;
  /** Null where the sandbox failed. */
  readonly outcome: Outcome | null;
  readonly testsPassed: number | null;
}

export interface MeasureOptions {
  readonly tasks: ReadonlyArray<Task>;
  readonly samples: number;
  readonly temperature: number;
  readonly tilt: number;
  readonly purpose: string;
  readonly prompt?: PromptTemplate;
  readonly onProgress?: (done: number) => Effect.Effect<void>;
}

/** Verdicts of distinct (task, program) pairs, from the run's cache where it has them, then from that of all runs. */
const verdicts = Effect.fn("Evaluate.verdicts")(function* (
  pairs: ReadonlyArray<{ readonly key: string; readonly task: Task; readonly program: string }>,
) {
  const store = yield* RunStore;
  const sandbox = yield* Sandbox;
  const safePoint = yield* SafePoint;
  const known = new Map<string, Verdict>();
  const fresh: Array<{ readonly key: string; readonly verdict: Verdict; readonly origin: string }> = [];
  let faults = 0;
  for (const { key } of pairs) {
    const cached = yield* store.cacheGet(key);
    if (cached !== null) known.set(key, cached.verdict);
  }
  const own = known.size;
  const shared = yield* SharedVerdicts;
  const found = yield* shared.get(pairs.flatMap(({ key }) => (known.has(key) ? [] : [key])));
  for (const [key, verdict] of found) known.set(key, verdict);
  yield* Effect.forEach(
    pairs.filter(({ key }) => !known.has(key)),
    Effect.fnUntraced(function* ({ key, task, program }) {
      yield* safePoint.pass;
      const verdict = yield* sandbox
        .verify(task, program)
        .pipe(Effect.catchTag("SandboxFault", () => Effect.succeed(null)));
      if (verdict === null) faults++;
      else {
        known.set(key, verdict);
        fresh.push({ key, verdict, origin: "evaluation" });
      }
    }),
    { concurrency: sandbox.parallelism, discard: true },
  );
  const answered = Array.from(found, ([key, verdict]) => ({ key, verdict, origin: SHARED }));
  yield* store.cachePut([...fresh, ...answered]);
  yield* shared.put(fresh);
  yield* CircuitBreaker.check(faults, fresh.length + faults);
  const verifications = fresh.length + faults;
  return { known, cacheHits: own + found.size, sharedHits: found.size, faults, verifications };
});

/** Samples programs for tasks and judges them. */
export const measure = Effect.fn("Evaluate.measure")(function* (
  context: RunContext,
  options: MeasureOptions,
) {
  const items: Array<RolloutItem> = [];
  for (const task of options.tasks)
    for (let sample = 0; sample < options.samples; sample++) items.push({ task, sample });
  const compute = yield* Compute;
  const completions = yield* rollout(context, items, options, compute.generate);
  const keys = completions.map((completion, i) => context.cacheKey(items[i].task, completion.text));
  const distinct = new Map<string, { key: string; task: Task; program: string }>();
  completions.forEach((completion, i) => {
    const key = keys[i];
    if (!distinct.has(key)) distinct.set(key, { key, task: items[i].task, program: completion.text });
  });
  const judged = yield* verdicts([...distinct.values()]);
  const programs: Array<EvaluatedProgram> = completions.map((completion, i) => {
    const verdict = judged.known.get(keys[i]);
    return {
      taskId: items[i].task.id,
      sample: items[i].sample,
      program: completion.text,
      outcome: verdict?.outcome ?? null,
      testsPassed: verdict?.testsPassed ?? null,
    };
  });
  return {
    counts: countByTask(options.tasks, programs),
    programs,
    completions,
    verifications: judged.verifications,
    cacheHits: judged.cacheHits + (completions.length - distinct.size),
    sharedHits: judged.sharedHits,
    faults: judged.faults,
  };
});

/** Judged samples and passes of each task; tasks without a judged sample are left out. */
export const countByTask = (
  tasks: ReadonlyArray<Task>,
  programs: ReadonlyArray<EvaluatedProgram>,
): ReadonlyArray<TaskCount> => {
  const counts = new Map(tasks.map((task) => [task.id, { samples: 0, passed: 0 }]));
  for (const { taskId, outcome } of programs) {
    const count = counts.get(taskId);
    if (count === undefined || outcome === null) continue;
    count.samples++;
    if (outcome === "Passed") count.passed++;
  }
  return [...counts.values()].filter((count) => count.samples > 0);
};

/** pass@1 and pass@10 of each level of difficulty; null where no task has one. */
export const byDifficulty = (
  tasks: ReadonlyArray<Task>,
  programs: ReadonlyArray<EvaluatedProgram>,
): { readonly [level: string]: Level } | null => {
  const levels = new Set(tasks.map(difficulty).filter((level) => level !== null));
  if (levels.size === 0) return null;
  return Object.fromEntries(
    Array.from(levels, (level): readonly [string, Level] => {
      const counts = countByTask(
        tasks.filter((task) => difficulty(task) === level),
        programs,
      );
      return [
        level,
        {
          passAt1: meanPassAtK(counts, 1) ?? 0,
          passAt10: meanPassAtK(counts, 10),
          tasks: counts.length,
        },
      ];
    }),
  );
};

export interface EvaluateOptions {
  readonly index: number;
  readonly label: string;
  readonly tilt: number;
  readonly prompt?: PromptTemplate;
  readonly onProgress?: (done: number) => Effect.Effect<void>;
}

/** What an evaluation measures, in order: samples at every temperature, then greedy decoding. */
export const passes = (
  evaluation: Evaluation,
): ReadonlyArray<{ readonly temperature: number; readonly samples: number }> => [
  ...temperatures(evaluation).map((temperature) => ({ temperature, samples: evaluation.samples })),
  ...(evaluation.greedy ? [{ temperature: 0, samples: 1 }] : []),
];

/** How many programs an evaluation writes: its unit of progress. */
export const programCount = (context: RunContext): number =>
  context.tasks.test.length *
  passes(context.config.evaluation).reduce((sum, { samples }) => sum + samples, 0);

/** Evaluates on the held-out tasks: sampled at the configured temperatures, and greedy. One event each. */
export const run = Effect.fn("Evaluate.run")(function* (context: RunContext, options: EvaluateOptions) {
  const store = yield* RunStore;
  const { evaluation, seed } = context.config;
  const tasks = context.tasks.test;
  const results: Array<EvaluationResult> = [];
  let before = 0;
  for (const { temperature, samples } of passes(evaluation)) {
    const start = before;
    const measured = yield* measure(context, {
      tasks,
      samples,
      temperature,
      tilt: options.tilt,
      purpose: `evaluate/T=${temperature}`,
      ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
      onProgress: (done) => options.onProgress?.(start + done) ?? Effect.void,
    });
    before += tasks.length * samples;
    const judged =
      evaluation.rerank && samples > 1
        ? yield* Rerank.run(context, tasks, measured.programs, (task) => context.prompt(task, options.prompt))
        : null;
    const { pass_at_1: _rate, pass_at_1_error: _error, entropy, ...shown } = Monitors.ofPrograms(measured);
    // Greedy decoding takes the most probable token: its log-probs say nothing of the entropy.
    const written = { ...shown, ...(temperature === 0 || entropy === undefined ? {} : { entropy }) };
    const levels = byDifficulty(tasks, measured.programs);
    const bootstrap = Random.make(seed).split("bootstrap");
    const result: EvaluationResult = {
      stage: options.label,
      temperature,
      passAt1: meanPassAtK(measured.counts, 1) ?? 0,
      passAt10: samples >= 10 ? meanPassAtK(measured.counts, 10) : null,
      tasks: measured.counts.length,
      samplesPerTask: samples,
      interval: bootstrapInterval(measured.counts, bootstrap.next),
      tilt: options.tilt,
      verifications: measured.verifications,
      cacheHits: measured.cacheHits,
      ...(measured.sharedHits === 0 ? {} : { sharedHits: measured.sharedHits }),
      ...(levels === null ? {} : { byDifficulty: levels }),
      ...(judged === null ? {} : { rerank: judged.rerank }),
      figures: { ...written, ...judged?.figures },
    };
    results.push(result);
    yield* store.writeFile(
      `evaluations/${String(options.index).padStart(2, "0")}-${options.label}-T${temperature}.jsonl`,
      measured.programs.map((program) => `${JSON.stringify(program)}\n`).join(""),
    );
    yield* store.append(
      { _tag: "EvaluationFinished", index: options.index, result },
      yield* SandboxFigures.event(options.index, -1),
    );
  }
  return results;
});
