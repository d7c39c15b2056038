/** `drydock data inspect`: a task with its attempts side by side. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { DatasetError } from "../../dataset/DatasetError.ts";
import type { Attempt } from "../../domain/Attempt.ts";
import { difficulty, type Task, type Tests, testCount } from "../../domain/Task.ts";
import { Outcome } from "../../domain/Verdict.ts";
import * as Inference from "../Inference.ts";
import { json, print, table } from "../Output.ts";
import * as Curate from "./Curate.ts";
import * as Rewrite from "./Rewrite.ts";

const short = (value: unknown, length: number): string => {
  const text = Curate.printable(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
};

/** The first tests as lines. */
const testLines = (tests: Tests, count: number): ReadonlyArray<string> => {
  if (tests.kind === "assert") return tests.asserts.slice(0, count).map((one) => short(one, 160));
  if (tests.kind === "call") {
    return tests.cases
      .slice(0, count)
      .map(({ args, expected }) => `${short(args, 90)} -> ${short(expected, 60)}`);
  }
  return tests.cases
    .slice(0, count)
    .map(
      ({ input, output }) => `${short(JSON.stringify(input), 90)} -> ${short(JSON.stringify(output), 60)}`,
    );
};

const label = (attempt: Attempt): string => {
  const tests =
    attempt.testsPassed === undefined ? "" : ` ${attempt.testsPassed}/${attempt.testsTotal ?? "?"}`;
  const by = attempt.labelSource === undefined ? "" : ` (${attempt.labelSource})`;
  const before = attempt.datasetLabel === undefined ? "" : `, dataset: ${attempt.datasetLabel.outcome}`;
  return attempt.outcome === undefined ? "not labelled" : `${attempt.outcome}${tests}${by}${before}`;
};

/** Lines of a program that is shown; programs are cut beyond. */
const LINES = 40;
/** Columns that a program gets at least. */
const NARROWEST = 38;

/** A line in pieces of a width; the later ones are set in. */
const wrapped = (line: string, width: number): ReadonlyArray<string> => {
  const out = [line.slice(0, width)];
  for (let at = width; at < line.length; at += width - 2) out.push(`  ${line.slice(at, at + width - 2)}`);
  return out;
};

const cell = (title: string, text: string, width: number): string => {
  const lines = Curate.printable(text.trimEnd())
    .split("\n")
    .flatMap((line) => wrapped(line.slice(0, LINES * width), width));
  const more = lines.length > LINES ? [`… ${lines.length - LINES} more lines`] : [];
  return [title, "─".repeat(width), ...lines.slice(0, LINES), ...more].join("\n");
};

interface One {
  readonly task: Task;
  readonly attempts: ReadonlyArray<Attempt>;
  /** Attempts that fit the filter, of which those are the first. */
  readonly fitting: number;
}

const renderOne = ({ task, attempts, fitting }: One): string => {
  const columns = Math.max(1, Math.min(3, Math.floor((process.stdout.columns ?? 120) / (NARROWEST + 3))));
  const width = Math.floor((process.stdout.columns ?? 120) / columns) - 4;
  const cells = attempts.map((attempt, index) =>
    cell(
      short(`${index + 1}. ${attempt.origin}: ${label(attempt)}`, width),
      attempt.reasoning === undefined ? attempt.program : `${attempt.reasoning}\n···\n${attempt.program}`,
      width,
    ),
  );
  const rows = Array.from({ length: Math.ceil(cells.length / columns) }, (_, row) =>
    Array.from(
      { length: Math.min(columns, cells.length) },
      (__, column) => cells[row * columns + column] ?? "",
    ),
  );
  const total = testCount(task.tests);
  return [
    `${task.id} · ${task.split} · ${task.language} · ${task.entryPoint} · difficulty ${difficulty(task) ?? "not given"} · ${task.source}`,
    "",
    Curate.printable(task.statement.trim()),
    "",
    `${total} tests (${task.tests.kind}):`,
    ...testLines(task.tests, 5).map((line) => `  ${line}`),
    ...(total > 5 ? [`  … ${total - 5} more`] : []),
    ...(task.reference === undefined ? [] : ["", "Reference:", Curate.printable(task.reference.trimEnd())]),
    "",
    `${attempts.length} of ${fitting} attempts:`,
    ...(rows.length === 0 ? [] : [table([], rows)]),
  ].join("\n");
};

interface Row {
  readonly id: string;
  readonly split: string;
  readonly language: string;
  readonly difficulty: string | null;
  readonly tests: number;
  readonly attempts: number;
  readonly passed: number;
  readonly failed: number;
}

const renderList = (rows: ReadonlyArray<Row>): string =>
  table(
    ["task", "split", "language", "difficulty", "tests", "attempts", "passed", "failed"],
    rows.map((row) => [
      row.id,
      row.split,
      row.language,
      row.difficulty ?? "-",
      String(row.tests),
      String(row.attempts),
      String(row.passed),
      String(row.failed),
    ]),
  );

export const inspect = Command.make(
  "inspect",
  {
    dataset: Curate.dataset,
    task: Argument.String("task").pipe(
      Argument.withDescription("A task's id, or the end of one; left out, the first tasks are listed"),
      Argument.optional,
    ),
    attempts: Inference.count("attempts").pipe(
      Flag.withDescription("Attempts shown at most"),
      Flag.withDefault(6),
    ),
    outcome: Flag.Literals("outcome", [...Outcome.literals, "unlabelled"]).pipe(
      Flag.withDescription("Attempts with this outcome only; may be repeated"),
      Flag.atLeast(0),
    ),
    limit: Inference.count("limit").pipe(Flag.withDescription("Tasks listed at most"), Flag.withDefault(20)),
    json,
  },
  Effect.fn(function* (options) {
    const source = yield* Rewrite.open(options.dataset);
    const fits = ({ outcome }: Attempt): boolean =>
      options.outcome.length === 0 || options.outcome.includes(outcome ?? "unlabelled");
    if (Option.isNone(options.task)) {
      const rows = yield* Curate.reading(() => {
        const first: Array<Task> = [];
        for (const task of source.tasks) {
          if (first.length === options.limit) break;
          first.push(task);
        }
        const counts = new Map(first.map(({ id }) => [id, { attempts: 0, passed: 0, failed: 0 }]));
        for (const attempt of source.attempts) {
          const count = counts.get(attempt.taskId);
          if (count === undefined || !fits(attempt)) continue;
          count.attempts++;
          if (attempt.outcome === "Passed") count.passed++;
          else if (attempt.outcome !== undefined) count.failed++;
        }
        return first.map(
          (task): Row => ({
            id: task.id,
            split: task.split,
            language: task.language,
            difficulty: difficulty(task),
            tests: testCount(task.tests),
            ...(counts.get(task.id) ?? { attempts: 0, passed: 0, failed: 0 }),
          }),
        );
      });
      return yield* print(options.json, rows, renderList);
    }
    const asked = options.task.value;
    const task = yield* Curate.reading(() => {
      let ending: Task | undefined;
      for (const one of source.tasks) {
        if (one.id === asked) return one;
        if (ending === undefined && one.id.endsWith(`/${asked}`)) ending = one;
      }
      return ending;
    });
    if (task === undefined) {
      return yield* new DatasetError({
        path: options.dataset,
        reason: `there is no task "${asked}".`,
        remedy: `\`drydock data inspect ${options.dataset}\` lists the first tasks.`,
      });
    }
    const fitting = yield* Curate.reading(() => {
      const all: Array<Attempt> = [];
      for (const attempt of source.attempts)
        if (attempt.taskId === task.id && fits(attempt)) all.push(attempt);
      return all;
    });
    const one: One = { task, attempts: fitting.slice(0, options.attempts), fitting: fitting.length };
    yield* print(options.json, one, renderOne);
  }, Effect.scoped),
).pipe(
  Command.withDescription("A task with its tests and attempts, side by side"),
  Command.withExamples([
    { command: "drydock data inspect datasets/js-compose", description: "The first tasks" },
    {
      command: "drydock data inspect datasets/js-compose train/0001 --attempts 4 --outcome WrongAnswer",
      description: "A task, with attempts that answer wrongly",
    },
  ]),
);
