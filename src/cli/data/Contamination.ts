/** `drydock data contamination`: what a training set has of an evaluation set. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Contamination from "../../dataset/Contamination.ts";
import * as Groups from "../../dataset/curate/Groups.ts";
import type { DatasetReader } from "../../dataset/DatasetReader.ts";
import * as Overlap from "../../dataset/Overlap.ts";
import type { Task } from "../../domain/Task.ts";
import * as Inference from "../Inference.ts";
import { json, percent, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

/** Passing programs of a task that are looked at beside its reference. */
const PROGRAMS = 3;

/** Passing programs of a task in one of the datasets, looked up where a task is asked for. */
const passing = (readers: ReadonlyArray<DatasetReader>) => {
  const groups = readers.map(({ attempts }) =>
    Groups.byTask(
      Groups.each(attempts, ({ taskId }) => taskId),
      attempts.length,
    ),
  );
  return (taskId: string): ReadonlyArray<string> => {
    const programs: Array<string> = [];
    for (const [i, { attempts }] of readers.entries()) {
      for (const number of groups[i].of(taskId)) {
        if (programs.length === PROGRAMS) return programs;
        const { program, outcome } = attempts.at(number);
        if (outcome === "Passed") programs.push(program);
      }
    }
    return programs;
  };
};

interface Line {
  readonly evaluated: string;
  readonly trained: string;
  readonly by: Contamination.Pair["by"];
  readonly refused: boolean;
  readonly statement: Overlap.Shared;
  readonly solution: Overlap.Shared | null;
}

interface Summary {
  readonly training: number;
  readonly evaluation: number;
  /** Evaluated tasks with a pair that a run refuses by default, and with any. */
  readonly refused: number;
  readonly told: number;
  readonly pairs: ReadonlyArray<Line>;
}

const SHOWN = 40;

const render = ({ training, evaluation, refused, told, pairs }: Summary): string =>
  [
    ...(pairs.length === 0
      ? []
      : [
          table(
            ["evaluated", "trained", "by", "statement", "solution", "longest run of words in both"],
            pairs
              .slice(0, SHOWN)
              .map((pair) => [
                pair.evaluated,
                pair.trained,
                pair.refused ? pair.by : `(${pair.by})`,
                percent(pair.statement.share),
                percent(pair.solution?.share ?? null),
                `${pair.statement.length}: ${pair.statement.run.slice(0, 70)}`,
              ]),
          ),
        ]),
    ...(pairs.length > SHOWN ? [`… and ${pairs.length - SHOWN} more pairs; --json has all.`] : []),
    `Of ${evaluation} evaluated tasks, ${refused} are, or nearly are, among ${training} training tasks${told > refused ? `; ${told - refused} more are alike (in brackets), which no run refuses` : ""}.`,
  ].join("\n");

type Which = "train" | "held-out" | "all";

/** The chosen tasks without their tests, read each time they are gone through. */
const chosen = (tasks: Iterable<Task>, which: Which): Iterable<Overlap.Problem> => ({
  *[Symbol.iterator]() {
    for (const task of tasks) {
      if (which === "all" || (task.split === "train") === (which === "train")) yield Overlap.problemOf(task);
    }
  },
});

const side = (name: string, what: string, usual: Which) =>
  Flag.Literals(name, ["train", "held-out", "all"]).pipe(
    Flag.withDescription(`${what}: those of the training split, those of validation and test, or all`),
    Flag.withDefault(usual),
  );

export const contamination = Command.make(
  "contamination",
  {
    train: Argument.String("train").pipe(Argument.withDescription("The dataset that is trained on")),
    evaluation: Argument.String("eval").pipe(
      Argument.withDescription("The dataset that is evaluated; may be the same"),
    ),
    trainTasks: side("train-tasks", "Tasks of the first", "train"),
    evalTasks: side("eval-tasks", "Tasks of the second", "held-out"),
    ngram: Inference.count("ngram").pipe(
      Flag.withDescription("Words an n-gram of statements"),
      Flag.withDefault(Overlap.OPTIONS.words),
    ),
    tokens: Inference.count("tokens").pipe(
      Flag.withDescription("Tokens an n-gram of solutions"),
      Flag.withDefault(Overlap.OPTIONS.tokens),
    ),
    statement: Curate.share("statement").pipe(
      Flag.withDescription("Tell of pairs that share so much of their statements,"),
      Flag.withDefault(Overlap.OPTIONS.leastStatement),
    ),
    solution: Curate.share("solution").pipe(
      Flag.withDescription("and so much of their solutions"),
      Flag.withDefault(Overlap.OPTIONS.leastSolution),
    ),
    fail: Flag.Boolean("fail").pipe(
      Flag.withDescription("End with an error where a run would be refused; --no-fail only tells"),
      Flag.withDefault(true),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const trained = yield* Rewrite.open(options.train);
    const evaluated =
      options.evaluation === options.train ? trained : yield* Rewrite.open(options.evaluation);
    const training = chosen(trained.tasks, options.trainTasks);
    const { held, count } = yield* Curate.reading(() => {
      let number = 0;
      for (const _ of training) number++;
      return { held: [...chosen(evaluated.tasks, options.evalTasks)], count: number };
    });
    for (const [size, flag, which, directory] of [
      [count, "train-tasks", options.trainTasks, options.train],
      [held.length, "eval-tasks", options.evalTasks, options.evaluation],
    ] as const) {
      if (size > 0) continue;
      return yield* new Inference.InferenceError({
        reason: `${directory} has no task of --${flag} ${which}`,
        remedy: `look at its splits with \`drydock data stats\`, or take all: --${flag} all`,
      });
    }
    const found = yield* Curate.reading(() =>
      Contamination.pairs(training, held, {
        ...Overlap.OPTIONS,
        words: options.ngram,
        tokens: options.tokens,
        leastStatement: options.statement,
        leastSolution: options.solution,
        solutions: passing([...new Set([trained, evaluated])]),
      }),
    );
    const refused = found.filter((pair) => pair.refused);
    const evaluatedIn = (some: ReadonlyArray<Contamination.Pair>): number =>
      new Set(some.map((pair) => pair.evaluated.id)).size;
    const summary: Summary = {
      training: count,
      evaluation: held.length,
      refused: evaluatedIn(refused),
      told: evaluatedIn(found),
      pairs: found.map((pair) => ({ ...pair, evaluated: pair.evaluated.id, trained: pair.trained.id })),
    };
    yield* print(options.json, summary, render);
    if (options.fail && refused.length > 0) {
      return yield* new Contamination.Contaminated({
        count: summary.refused,
        reason: `${summary.refused} evaluated tasks are, or nearly are, trained on.`,
        remedy: "Take these training tasks out, or evaluate others; --no-fail only tells.",
      });
    }
  }, Effect.scoped),
).pipe(
  Command.withDescription("What a training set has of an evaluation set: the pairs and the text they share"),
  Command.withExamples([
    {
      command: "drydock data contamination datasets/js-compose datasets/js-compose",
      description: "The training split against the others of one dataset",
    },
    {
      command: "drydock data contamination apps humaneval --eval-tasks all --json",
      description: "Against another dataset, all pairs",
    },
  ]),
);
