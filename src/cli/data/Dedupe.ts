/** `drydock data dedupe`: a dataset without what it has twice. */
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Dedupe from "../../dataset/curate/Dedupe.ts";
import { LEVELS } from "../../dataset/curate/Likeness.ts";
import { Keys } from "../../dataset/Keys.ts";
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import { json, percent, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

interface Summary {
  readonly out: string;
  readonly level: string;
  readonly tasks: {
    readonly before: number;
    readonly after: number;
    readonly pairs: ReadonlyArray<Dedupe.TaskPair>;
  };
  readonly attempts: {
    readonly before: number;
    readonly after: number;
    readonly equal: number;
    readonly near: number;
    /** At tasks that were removed; those whose task's tests are the kept one's have moved there instead. */
    readonly withTasks: number;
    readonly moved: number;
  };
  readonly conflicts: Dedupe.Attempts["conflicts"];
}

const render = ({ out, level, tasks, attempts, conflicts }: Summary): string =>
  [
    table(
      ["", "before", "after", "equal", "near", "with their task"],
      [
        [
          "tasks",
          String(tasks.before),
          String(tasks.after),
          String(tasks.pairs.filter(({ similarity }) => similarity === 1).length),
          String(tasks.pairs.filter(({ similarity }) => similarity < 1).length),
          "",
        ],
        [
          "attempts",
          String(attempts.before),
          String(attempts.after),
          String(attempts.equal),
          String(attempts.near),
          String(attempts.withTasks),
        ],
      ],
    ),
    ...(tasks.pairs.length === 0
      ? []
      : [
          table(
            ["task removed", "repeats", "alike"],
            tasks.pairs.slice(0, 10).map((pair) => [pair.removed, pair.kept, percent(pair.similarity)]),
          ),
        ]),
    ...(attempts.moved === 0
      ? []
      : [`${attempts.moved} attempts moved to the task that stays, whose tests are the same.`]),
    ...(conflicts.count === 0
      ? []
      : [
          `${conflicts.count} programs have different outcomes under one level (${level}); a sandbox's label stays before a dataset's:`,
          table(
            ["task", "outcomes", "program"],
            conflicts.first
              .slice(0, 10)
              .map((one) => [
                one.taskId,
                one.outcomes.join(", "),
                Curate.printable(one.program).replace(/\s+/g, " ").slice(0, 60),
              ]),
          ),
        ]),
    `Wrote ${out}`,
  ].join("\n");

export const dedupe = Command.make(
  "dedupe",
  {
    dataset: Curate.dataset,
    ...Curate.written,
    level: Flag.Literals("level", LEVELS).pipe(
      Flag.withDescription(
        "What is the same: the same text; programs but for comments, spacing and own names; or also what shares most of its tokens",
      ),
      Flag.withDefault("normalised"),
    ),
    threshold: Curate.share("threshold").pipe(
      Flag.withDescription("near: the least Jaccard similarity"),
      Flag.withDefault(0.8),
    ),
    of: Flag.Literals("of", ["both", "tasks", "attempts"]).pipe(
      Flag.withDescription("What is looked at"),
      Flag.withDefault("both"),
    ),
    seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of MinHash's functions"), Flag.withDefault(1)),
    json,
  },
  Effect.fn(function* (options) {
    const source = yield* Rewrite.open(options.dataset);
    const { level, threshold, seed } = options;
    const { removed, pairs } =
      options.of === "attempts"
        ? { removed: new Map<string, string>(), pairs: [] }
        : yield* Curate.reading(() => Dedupe.tasks(source.tasks, options));
    const { numberOf, moved } = yield* Curate.reading(() => {
      const numbers = new Keys();
      let number = 0;
      for (const { id } of source.tasks) numbers.add(id, number++);
      return {
        numberOf: numbers,
        moved: Dedupe.moved((id) => source.tasks.at(numbers.get(id) ?? -1), removed),
      };
    });
    const atItsTask = (attempt: Attempt): Attempt => {
      const target = moved.get(attempt.taskId);
      return target === undefined ? attempt : { ...attempt, taskId: target };
    };
    const attempts: Dedupe.List<Attempt> = {
      length: source.attempts.length,
      at: (index) => atItsTask(source.attempts.at(index)),
      [Symbol.iterator]: () => Rewrite.mapped(source.attempts, atItsTask)[Symbol.iterator](),
    };
    const taskOf = (id: string): Task | undefined => {
      const number = numberOf.get(id);
      return number === undefined || removed.has(id) ? undefined : source.tasks.at(number);
    };
    const result =
      options.of === "tasks"
        ? {
            keep: yield* Curate.reading(() => {
              const keep = new Uint8Array(attempts.length);
              let index = 0;
              for (const { taskId } of attempts) keep[index++] = removed.has(taskId) ? 0 : 1;
              return keep;
            }),
            removed: { equal: 0, near: 0 },
            conflicts: { count: 0, first: [] },
          }
        : yield* Curate.reading(() =>
            Dedupe.attempts(attempts, taskOf, options, Curate.progress("attempts", attempts.length)),
          );
    const kept = result.keep.reduce((sum, one) => sum + one, 0);
    const summary: Summary = {
      out: options.out,
      level,
      tasks: { before: source.tasks.length, after: source.tasks.length - removed.size, pairs },
      attempts: {
        before: attempts.length,
        after: kept,
        ...result.removed,
        withTasks: attempts.length - kept - result.removed.equal - result.removed.near,
        moved: yield* Curate.reading(() => {
          let count = 0;
          if (moved.size > 0) for (const { taskId } of source.attempts) if (moved.has(taskId)) count++;
          return count;
        }),
      },
      conflicts: result.conflicts,
    };
    yield* Rewrite.write(source, options, {
      command: "dedupe",
      options: { level, threshold, of: options.of, seed },
      counts: {
        tasksRemoved: removed.size,
        equal: result.removed.equal,
        near: result.removed.near,
        withTasks: summary.attempts.withTasks,
        conflicts: result.conflicts.count,
      },
      tasks: Dedupe.filtered(source.tasks, ({ id }) => !removed.has(id)),
      attempts: Dedupe.chosen(attempts, (index) => result.keep[index] === 1),
    });
    yield* print(options.json, summary, render);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Remove tasks and programs that a dataset has twice"),
  Command.withExamples([
    {
      command: "drydock data dedupe datasets/js-compose --out /tmp/js-compose-once",
      description: "Programs that differ only in comments, spacing and own names are one",
    },
    {
      command: "drydock data dedupe mine --out mine-far --level near --threshold 0.7 --of attempts",
      description: "Also programs that share 70 % of their token shingles and fare alike",
    },
  ]),
);
