/** `drydock data mix`: several datasets as one, by weight. */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import type * as Manifest from "../../dataset/Manifest.ts";
import * as Mix from "../../dataset/curate/Mix.ts";
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import * as Inference from "../Inference.ts";
import { json, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

interface Summary {
  readonly out: string;
  readonly parts: ReadonlyArray<{
    readonly dataset: string;
    readonly weight: number;
    readonly had: number;
    readonly tasks: number;
    readonly attempts: number;
    readonly renamed: number;
  }>;
}

const render = ({ out, parts }: Summary): string =>
  [
    table(
      ["dataset", "weight", "tasks", "taken", "attempts", "ids renamed"],
      parts.map((part) => [
        part.dataset,
        String(part.weight),
        String(part.had),
        String(part.tasks),
        String(part.attempts),
        String(part.renamed),
      ]),
    ),
    `Wrote ${out}`,
  ].join("\n");

const parseWeights = Effect.fnUntraced(function* (text: Option.Option<string>, count: number) {
  if (Option.isNone(text)) return Array.from({ length: count }, () => 1);
  const weights = text.value.split(",").map((one) => (one.trim() === "" ? Number.NaN : Number(one)));
  if (
    weights.length === count &&
    weights.every((one) => one >= 0 && Number.isFinite(one)) &&
    weights.some((one) => one > 0)
  ) {
    return weights;
  }
  return yield* new Inference.InferenceError({
    reason: `--weights: ${JSON.stringify(text.value)} is not ${count} weights`,
    remedy: "give one number of 0 or more for each dataset, with commas between, not all 0",
  });
});

/** The manifest's head of a mixture: whose work is in it, and everything that made its parts. */
const headOf = (
  out: string,
  sources: ReadonlyArray<Rewrite.Source>,
  weights: ReadonlyArray<number>,
): Manifest.ManifestHead => {
  const manifests = sources.map((source) => source.manifest);
  const sourceKeys = new Set<string>();
  const named = manifests
    .flatMap(({ sources: all, name, licence }) => all ?? [{ name, licence }])
    .filter((source) => {
      const key = JSON.stringify(source);
      const fresh = !sourceKeys.has(key);
      sourceKeys.add(key);
      return fresh;
    });
  return {
    name: Path.basename(Path.resolve(out)),
    version: "1",
    source: `mixture of ${manifests.map(({ name, version }, i) => `${name} ${version} (weight ${weights[i]})`).join(", ")}`,
    licence: [...new Set(manifests.map(({ licence }) => licence))].join(" AND "),
    sources: named,
    made: manifests.flatMap(({ made }) => made ?? []),
  };
};

export const mix = Command.make(
  "mix",
  {
    datasets: Argument.String("datasets").pipe(
      Argument.withDescription("Dataset directories, two or more"),
      Argument.atLeast(2),
    ),
    ...Curate.written,
    weights: Flag.String("weights").pipe(
      Flag.withDescription("A weight for each dataset: its share of the mixture's tasks; default: equal"),
      Flag.optional,
    ),
    tasks: Inference.count("tasks").pipe(
      Flag.withDescription("Tasks of the mixture; default: as many as the weights allow"),
      Flag.optional,
    ),
    seed: Curate.seed,
    json,
  },
  Effect.fn(function* (options) {
    const weights = yield* parseWeights(options.weights, options.datasets.length);
    const sources = yield* Effect.forEach(options.datasets, (directory) => Rewrite.open(directory));
    const { seed } = options;
    const parts = yield* Curate.reading(() =>
      sources.map(
        (source, i): Mix.Part => ({
          name: source.manifest.name,
          weight: weights[i],
          ids: Array.from(source.tasks, ({ id }) => id),
        }),
      ),
    );
    const taken = Mix.take(parts, {
      seed,
      ...(Option.isSome(options.tasks) ? { tasks: options.tasks.value } : {}),
    });
    const attemptCounts = yield* Curate.reading(() =>
      sources.map((source, i) => {
        let count = 0;
        for (const { taskId } of source.attempts) if (taken[i].ids.has(taskId)) count++;
        return count;
      }),
    );
    function* tasks(): Iterable<Task> {
      for (const [i, source] of sources.entries()) {
        for (const task of source.tasks) {
          const id = taken[i].ids.get(task.id);
          if (id !== undefined) yield { ...task, id };
        }
      }
    }
    function* attempts(): Iterable<Attempt> {
      for (const [i, source] of sources.entries()) {
        for (const attempt of source.attempts) {
          const taskId = taken[i].ids.get(attempt.taskId);
          if (taskId !== undefined) yield { ...attempt, taskId };
        }
      }
    }
    const summary: Summary = {
      out: options.out,
      parts: sources.map((source, i) => ({
        dataset: source.directory,
        weight: weights[i],
        had: parts[i].ids.length,
        tasks: taken[i].ids.size,
        attempts: attemptCounts[i],
        renamed: taken[i].renamed,
      })),
    };
    yield* Rewrite.writeFrom(sources, headOf(options.out, sources, weights), options, {
      command: "mix",
      options: { weights, tasks: Option.getOrNull(options.tasks), seed },
      counts: {
        tasks: summary.parts.reduce((sum, part) => sum + part.tasks, 0),
        attempts: summary.parts.reduce((sum, part) => sum + part.attempts, 0),
        renamed: summary.parts.reduce((sum, part) => sum + part.renamed, 0),
      },
      tasks: tasks(),
      attempts: attempts(),
    });
    yield* print(options.json, summary, render);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Several datasets as one, tasks drawn by weight with their attempts"),
  Command.withExamples([
    {
      command: "drydock data mix apps codecontests --weights 1,2 --out mixed --seed 1",
      description: "A third of the tasks from the first, two thirds from the second",
    },
  ]),
);
