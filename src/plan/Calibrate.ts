/**
 * Measures how fast a run will be, with what it is made of: its policy writes some programs, its sandboxes judge them,
 * its trainings make a few steps on its data, one checkpoint is written. Nothing of it is kept but the times.
 *
 * Each part is repeated until it has taken a few seconds, and a slow one is measured once.
 */
import * as Fs from "node:fs/promises";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { Compute, type Completion } from "../compute/Compute.ts";
import { type RunConfig, temperatures, valueAlgorithms } from "../config/RunConfig.ts";
import { deviation, mean } from "../domain/Numbers.ts";
import { meanPassAtK } from "../domain/PassAtK.ts";
import type { Task } from "../domain/Task.ts";
import type { Verdict } from "../domain/Verdict.ts";
import * as Run from "../orchestrator/Run.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import { countByTask } from "../stages/Evaluate.ts";
import * as Memory from "../stages/Memory.ts";
import * as Monitors from "../stages/Monitors.ts";
import { rollout, type RolloutItem } from "../stages/Rollout.ts";
import type { RunContext } from "../stages/RunContext.ts";
import type { StoredCandidate } from "../store/RunStore.ts";
import * as Calibration from "./Calibration.ts";
import { repeated, timed, warmed } from "./Timing.ts";

/** Seconds that sandboxes are given. */
const VERIFYING = 5;
/** Programs of a small chunk, as a share of a full one. */
const SMALL = 1 / 4;

/**
 * Programs to write, after `before` others: `samples` for each of some tasks, or one for each as an online round writes
 * them.
 */
const itemsOf = (
  tasks: ReadonlyArray<Task>,
  count: number,
  before: number,
  samples: number,
): ReadonlyArray<RolloutItem> =>
  Array.from({ length: count }, (_, i) => {
    const n = before + i;
    return { task: tasks[Math.floor(n / samples) % tasks.length], sample: n };
  });

interface Program {
  readonly task: Task;
  readonly completion: Completion;
  readonly key: string;
}

/** Distinct programs through the sandboxes, until the time is up. */
const verified = Effect.fnUntraced(function* (programs: ReadonlyArray<Program>) {
  const sandbox = yield* Sandbox;
  const distinct = [...new Map(programs.map((program) => [program.key, program])).values()];
  const known = new Map<string, Verdict>();
  const batch = 8 * sandbox.parallelism;
  let seconds = 0;
  for (let from = 0; from < distinct.length && seconds < VERIFYING; from += batch) {
    const took = yield* timed(
      Effect.forEach(
        distinct.slice(from, from + batch),
        ({ task, completion, key }) =>
          sandbox.verify(task, completion.text).pipe(
            Effect.tap((verdict) => Effect.sync(() => void known.set(key, verdict))),
            Effect.catchTag("SandboxFault", () => Effect.void),
          ),
        { concurrency: sandbox.parallelism, discard: true },
      ),
    );
    seconds += took.seconds;
  }
  return { known, seconds, programs: Math.min(distinct.length, Math.max(1, known.size)) };
});

/** A judged program as a round of the online stage has it. */
const candidateOf = (
  { task, completion, key }: Program,
  slot: number,
  verdict: Verdict,
  temperature: number,
): StoredCandidate => ({
  stage: -1,
  round: 0,
  slot,
  taskId: task.id,
  program: completion.text,
  cacheKey: key,
  tokens: completion.tokens,
  logProbs: completion.logProbs,
  policyVersion: 0,
  temperature,
  decision: "verified",
  outcome: verdict.outcome,
  cpuSeconds: verdict.cpuSeconds,
});

/** Seconds of each training's steps; the first, which prepares the graph, is left out. */
const steps = Effect.fnUntraced(function* (config: RunConfig, offline: boolean) {
  const compute = yield* Compute;
  const found: Record<string, ReadonlyArray<number>> = {};
  for (const training of Object.keys(config.trainings)) {
    // A rate of almost nothing: the steps cost the same, and what is measured after them is still the policy.
    const step = compute.trainStep({
      training,
      learningRate: 1e-12,
      offlineFraction: offline ? 1 : 0,
      ifEmpty: "skip",
    });
    const { skipped } = yield* step;
    found[training] = skipped === undefined ? yield* repeated(() => step, 2) : [];
  }
  return found;
});

/** Size, and seconds of writing and reading the learner's state. */
const checkpoint = Effect.gen(function* () {
  const compute = yield* Compute;
  return yield* Effect.acquireUseRelease(
    Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "drydock-calibration-"))),
    (directory) =>
      Effect.gen(function* () {
        const save = yield* timed(compute.save(directory));
        const restore = yield* timed(compute.restore(directory));
        const bytes = yield* Effect.promise(async () => {
          const files = await Fs.readdir(directory);
          const stats = await Promise.all(files.map((file) => Fs.stat(Path.join(directory, file))));
          return stats.reduce((sum, { size }) => sum + size, 0);
        });
        return { bytes, save: save.seconds, restore: restore.seconds };
      }),
    (directory) => Effect.promise(() => Fs.rm(directory, { recursive: true, force: true })),
  );
});

/** Passing programs whose tokens are counted. */
const COUNTED = 500;

/** Mean tokens of the programs that pass, the end of each among them. */
const tokensOfData = Effect.fnUntraced(function* ({ offline }: RunContext) {
  const compute = yield* Compute;
  const passing = offline.filter(({ reward }) => reward === 1 || reward === null).slice(0, COUNTED);
  if (passing.length === 0) return null;
  return mean(yield* compute.countTokens(passing.map(({ program }) => program))) + 1;
});

/** Share of the tasks of each split that are left. */
const shares = (of: RunContext["tasks"], all: RunContext["tasks"]): Calibration.Calibration["fitting"] => {
  const share = (split: keyof RunContext["tasks"]): number =>
    all[split].length === 0 ? 1 : of[split].length / all[split].length;
  return { train: share("train"), validation: share("validation"), test: share("test") };
};

/** What is told while it goes on. */
export type Told = (part: string) => void;

/** Measures the run that a context is prepared for. */
export const run = Effect.fn("Calibrate.run")(function* (prepared: RunContext, told: Told) {
  const compute = yield* Compute;
  const { config } = prepared;
  const started = yield* Clock.currentTimeNanos;
  told("opening the policy");
  const opened = yield* timed(
    Effect.gen(function* () {
      yield* compute.open(Run.openSpec(config));
      const fitting = yield* Run.withFittingTasks(prepared);
      yield* compute.addEpisodes("offline", fitting.offline);
      return fitting;
    }),
  );
  const context = opened.value;
  yield* compute.setReference;

  told("writing programs");
  const { train, validation, test } = context.tasks;
  const tasks = [train, test, validation].find((split) => split.length > 0) ?? [];
  const full = config.compute.generationBatch;
  const small = Math.max(1, Math.round(full * SMALL));
  const temperature = temperatures(config.evaluation)[0];
  const written: Array<Program> = [];
  const write = (count: number, samples: number, tilt: number) => () => {
    const items = itemsOf(tasks, count, written.length, samples);
    return rollout(context, items, { purpose: "calibration", temperature, tilt }, compute.generate).pipe(
      Effect.tap((completions) =>
        Effect.sync(() => {
          if (tilt !== 0) return;
          for (const [i, completion] of completions.entries()) {
            const { task } = items[i];
            written.push({ task, completion, key: context.cacheKey(task, completion.text) });
          }
        }),
      ),
    );
  };
  const few = { programs: small, seconds: yield* warmed(write(small, 1, 0)) };
  const singles = written.length;
  const { samples } = config.evaluation;
  const many = { programs: full, seconds: yield* repeated(write(full, samples, 0)) };
  const critical = Object.values(config.trainings).some(({ algorithm }) => valueAlgorithms.has(algorithm));
  const tilted = critical ? { programs: full, seconds: yield* repeated(write(full, samples, 1)) } : null;

  told("running them in the sandboxes");
  const judged = yield* verified(written);
  const cpu = [...judged.known.values()].map(({ cpuSeconds }) => cpuSeconds);

  const candidates = written.flatMap((program, slot) => {
    const verdict = judged.known.get(program.key);
    return verdict === undefined ? [] : [candidateOf(program, slot, verdict, temperature)];
  });
  const retain = { offline: true, online: "all" } as const;
  yield* Memory.grow(context, { retain, repeats: "keep" }, candidates);

  told("training steps");
  const trained = yield* steps(config, context.offline.length > 0);

  told("scoring and checkpoints");
  const sample = written.slice(-full);
  const items = sample.map(({ task, completion }) => ({
    prompt: context.prompt(task),
    program: completion.text,
    tokens: completion.tokens,
  }));
  const scoring = { programs: items.length, seconds: yield* warmed(() => compute.score(items)) };
  const guarded = config.stages.find(
    (stage) => (stage.kind === "online" || stage.kind === "offline") && stage.validation !== null,
  );
  const programs = sample.map(({ task, completion, key }, i) => ({
    taskId: task.id,
    sample: i,
    program: completion.text,
    outcome: judged.known.get(key)?.outcome ?? null,
    testsPassed: null,
  }));
  const counts = countByTask(tasks, programs);
  const completions = sample.map(({ completion }) => completion);
  // Monitors look at the validation tasks: here those are the ones that programs were written for.
  const watched = { ...context, tasks: { ...context.tasks, validation: tasks } };
  const monitors =
    guarded === undefined || meanPassAtK(counts, 1) === null
      ? null
      : {
          programs: sample.length,
          seconds: yield* warmed(() =>
            Monitors.measure(
              watched,
              {
                monitors: guarded.kind === "online" || guarded.kind === "offline" ? guarded.monitors : {},
                updates: Object.keys(config.trainings).map((training) => ({ training })),
              },
              { counts, programs, completions },
              {},
            ),
          ),
        };
  const saved = yield* checkpoint;

  // One program a task, as a round writes them.
  const labelled = new Set(context.offline.map(({ id }) => id));
  const firsts = written.slice(0, Math.min(singles, tasks.length));
  const fresh = firsts.filter(
    ({ task, completion }) => !labelled.has(context.episodeId(task, completion.text)),
  ).length;
  const others = written.slice(singles);
  const lengths = written.map(({ completion }) => completion.tokens.length);
  const seconds = Number((yield* Clock.currentTimeNanos) - started) / 1e9;
  const calibration: Calibration.Calibration = {
    version: 1,
    at: yield* Clock.currentTimeMillis,
    seconds,
    machine: yield* Calibration.machine,
    opening: opened.seconds,
    steps: trained,
    generation: [few, many],
    tilted,
    tokens: { mean: mean(lengths), deviation: deviation(lengths) },
    dataTokens: yield* tokensOfData(context),
    fitting: shares(context.tasks, prepared.tasks),
    fresh: fresh / firsts.length,
    distinct: new Set(others.map(({ key }) => key)).size / others.length,
    scoring,
    monitors,
    verification: {
      programs: judged.programs,
      seconds: judged.seconds,
      cpu: cpu.length === 0 ? { mean: 0, deviation: 0 } : { mean: mean(cpu), deviation: deviation(cpu) },
    },
    checkpoint: saved,
  };
  return calibration;
});
