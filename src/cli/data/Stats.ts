/** `drydock data stats`: what a dataset holds, in figures. */
import * as Command from "effect/cli/Command";
import * as Effect from "effect/Effect";
import * as Stats from "../../dataset/curate/Stats.ts";
import { json, percent, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

/** Kinds that a table shows of something; the others are told as a number. */
const SHOWN = 12;

const counts = (what: string, record: Readonly<Record<string, number>>): string => {
  const entries = Object.entries(record);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  const rows = entries
    .slice(0, SHOWN)
    .map(([name, count]) => [Curate.printable(name), String(count), percent(count / total)]);
  const more = entries.slice(SHOWN).reduce((sum, [, count]) => sum + count, 0);
  if (more > 0) rows.push([`${entries.length - SHOWN} others`, String(more), percent(more / total)]);
  return table([what, "count", "share"], rows);
};

const spread = (what: string, value: Stats.Spread | null): ReadonlyArray<string> =>
  value === null
    ? [what, "-", "-", "-", "-"]
    : [what, ...[value.least, value.median, value.p95, value.most].map(String)];

const BAR = 40;

const render = ({ tasks, attempts, groups }: Stats.Stats): string => {
  const most = Math.max(1, ...groups.passRates.map((step) => step.tasks));
  return [
    `${tasks.count} tasks, ${tasks.withReference} with a reference; the statement of ${tasks.repeated} is that of an earlier one.`,
    counts("tasks by split", tasks.split),
    counts("by language", tasks.language),
    counts("by difficulty", tasks.difficulty),
    counts("by tests", tasks.kind),
    `${attempts.count} attempts, ${attempts.withReasoning} with reasoning; the program of ${attempts.repeated} is that of an earlier one at the task.`,
    ...(attempts.count === 0
      ? []
      : [
          counts("attempts by outcome", attempts.outcome),
          counts("by origin", attempts.origin),
          counts("by who labelled", attempts.labelSource),
          table(
            ["pass rate", "tasks", ""],
            groups.passRates.map((step) => [
              step.rate,
              String(step.tasks),
              "█".repeat(Math.ceil((BAR * step.tasks) / most)),
            ]),
          ),
          `Tasks whose attempts pass and fail: ${groups.passAndFail}; only pass: ${groups.passOnly}; only fail: ${groups.failOnly}; without labels: ${groups.unlabelled}.`,
        ]),
    table(
      ["", "least", "median", "95 %", "most"],
      [
        spread("tests a task", tasks.tests),
        spread("attempts a task", groups.attemptsPerTask),
        spread("characters of a statement", tasks.statement),
        spread("characters of a program", attempts.program),
      ],
    ),
  ].join("\n");
};

export const stats = Command.make(
  "stats",
  { dataset: Curate.dataset, json },
  Effect.fn(function* (options) {
    const source = yield* Rewrite.open(options.dataset);
    yield* print(options.json, yield* Curate.reading(() => Stats.of(source.tasks, source.attempts)), render);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Figures of a dataset: splits, outcomes, pass rates, lengths, repeats"),
  Command.withExamples([
    { command: "drydock data stats datasets/js-compose", description: "The shipped one" },
  ]),
);
