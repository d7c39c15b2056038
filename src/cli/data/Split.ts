/** `drydock data split`: tasks divided into training, validation and test. */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Split from "../../dataset/curate/Split.ts";
import type { Task } from "../../domain/Task.ts";
import * as Inference from "../Inference.ts";
import { json, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

interface Summary {
  readonly out: string;
  readonly splits: { readonly train: number; readonly validation: number; readonly test: number };
  readonly groups: number;
  readonly together: number;
  readonly moved: number;
}

const render = ({ out, splits, groups, together, moved }: Summary): string =>
  [
    table(
      ["split", "tasks"],
      Object.entries(splits).map(([name, count]) => [name, String(count)]),
    ),
    `${groups} groups; ${together} tasks stay with others. ${moved} tasks changed their split.`,
    `Wrote ${out}`,
  ].join("\n");

/** `task` or `group:META`. */
const parseBy = Effect.fnUntraced(function* (text: string) {
  const group = /^group:(.+)$/.exec(text)?.[1];
  if (text === "task" || group !== undefined) return group;
  return yield* new Inference.InferenceError({
    reason: `--by: ${JSON.stringify(text)} is neither "task" nor "group:META"`,
    remedy: 'name a key of the tasks\' "meta", e.g. --by group:contest',
  });
});

export const split = Command.make(
  "split",
  {
    dataset: Curate.dataset,
    ...Curate.written,
    train: Curate.share("train").pipe(Flag.withDescription("Share of the tasks"), Flag.withDefault(0.8)),
    validation: Curate.share("validation").pipe(
      Flag.withDescription("Share of the tasks"),
      Flag.withDefault(0.1),
    ),
    test: Curate.share("test").pipe(Flag.withDescription("Share of the tasks"), Flag.withDefault(0.1)),
    by: Flag.String("by").pipe(
      Flag.withDescription("task, or group:META: tasks with one value of this fact stay together"),
      Flag.withDefault("task"),
    ),
    threshold: Curate.share("threshold").pipe(
      Flag.withDescription("Tasks whose statements are at least so alike stay together; 1: equal ones"),
      Flag.withDefault(0.8),
    ),
    seed: Curate.seed,
    json,
  },
  Effect.fn(function* (options) {
    const shares = { train: options.train, validation: options.validation, test: options.test };
    const sum = shares.train + shares.validation + shares.test;
    if (Math.abs(sum - 1) > 1e-6) {
      return yield* new Inference.InferenceError({
        reason: `--train, --validation and --test are ${sum} together`,
        remedy: "give shares that sum to 1, e.g. --train 0.9 --validation 0 --test 0.1",
      });
    }
    const group = yield* parseBy(options.by);
    const source = yield* Rewrite.open(options.dataset);
    const { seed, threshold } = options;
    const result = yield* Curate.reading(() =>
      Split.split(source.tasks, { shares, seed, threshold, ...(group === undefined ? {} : { group }) }),
    );
    const moved = yield* Curate.reading(() => {
      let count = 0;
      let number = 0;
      for (const task of source.tasks) if (task.split !== result.splitOf(number++)) count++;
      return count;
    });
    function* changed(): Iterable<Task> {
      let number = 0;
      for (const task of source.tasks) yield { ...task, split: result.splitOf(number++) };
    }
    const { splits } = yield* Rewrite.write(source, options, {
      command: "split",
      options: { ...shares, by: options.by, threshold, seed },
      counts: { groups: result.groups, together: result.together, moved },
      tasks: changed(),
      attempts: source.attempts,
    });
    const { groups, together } = result;
    const summary: Summary = { out: options.out, splits, groups, together, moved };
    yield* print(options.json, summary, render);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Divide a dataset's tasks into training, validation and test"),
  Command.withExamples([
    {
      command: "drydock data split apps --out apps-split --train 0.8 --validation 0.1 --test 0.1 --seed 3",
      description: "By task; tasks with nearly the same statement stay on one side",
    },
    {
      command: "drydock data split codecontests --out by-contest --by group:contest",
      description: "Problems of one contest stay on one side",
    },
  ]),
);
