/** `drydock sandbox run FILE --task ID`: verifies a program against one task, and shows the verdict. */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { type Task, testCount, type Tests } from "../domain/Task.ts";
import type { Verdict } from "../domain/Verdict.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import * as SandboxFor from "../sandbox/SandboxFor.ts";
import { json, print, table } from "./Output.ts";
import * as SandboxTasks from "./SandboxTasks.ts";

export class ProgramError extends Schema.TaggedError<ProgramError>()("ProgramError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

const read = (path: string): Effect.Effect<string, ProgramError> =>
  Effect.try({
    try: () => Fs.readFileSync(path, "utf8"),
    catch: (error) =>
      new ProgramError({
        reason: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        remedy: "name a file that holds the program",
      }),
  });

/** The ids that are most like the one asked for: its own beginning, else the first ones. */
const near = (tasks: ReadonlyArray<Task>, id: string): string => {
  const alike = tasks.filter((task) => task.id.includes(id) || id.includes(task.id));
  return (alike.length > 0 ? alike : tasks)
    .slice(0, 5)
    .map((task) => task.id)
    .join(", ");
};

const find = (tasks: ReadonlyArray<Task>, id: string, path: string): Effect.Effect<Task, ProgramError> => {
  const task = tasks.find((each) => each.id === id);
  return task === undefined
    ? Effect.fail(
        new ProgramError({
          reason: `${path} has no task ${id}`,
          remedy: `name one of its ${tasks.length} tasks, for example ${near(tasks, id)}`,
        }),
      )
    : Effect.succeed(task);
};

/** The task with one of its tests. */
const only = (tests: Tests, index: number): Tests => {
  if (tests.kind === "assert") return { ...tests, asserts: tests.asserts.slice(index, index + 1) };
  if (tests.kind === "call") return { ...tests, cases: tests.cases.slice(index, index + 1), visible: 0 };
  return { ...tests, cases: tests.cases.slice(index, index + 1), visible: 0 };
};

const titleOf = (tests: Tests, index: number): string => {
  const text =
    tests.kind === "assert"
      ? tests.asserts[index]
      : tests.kind === "call"
        ? JSON.stringify(tests.cases[index]?.args).slice(1, -1)
        : JSON.stringify(tests.cases[index]?.input);
  return (text ?? "").replaceAll(/\s+/g, " ").slice(0, 60);
};

interface TestResult {
  readonly test: number;
  readonly what: string;
  readonly verdict: Verdict;
}

const megabytes = ({ memoryBytes }: Verdict): string =>
  memoryBytes === undefined ? "" : `, ${(memoryBytes / 1e6).toFixed(0)} MB`;

const render = (shown: {
  readonly task: string;
  readonly verdict: Verdict;
  readonly tests: ReadonlyArray<TestResult>;
}) => {
  const { task, verdict, tests } = shown;
  const { outcome, testsPassed, testsTotal, firstFailing, cpuSeconds, wallSeconds, detail, output } = verdict;
  return [
    `${task}: ${outcome}, ${testsPassed} of ${testsTotal} tests passed${firstFailing === undefined ? "" : `, test ${firstFailing} failed`}; ${cpuSeconds.toFixed(3)} s CPU, ${wallSeconds.toFixed(3)} s${megabytes(verdict)}`,
    ...(detail === undefined ? [] : [detail]),
    ...(output === undefined ? [] : ["It printed:", output.trimEnd()]),
    ...(tests.length === 0
      ? []
      : [
          table(
            ["test", "", "outcome", "CPU s", "detail"],
            tests.map(({ test, what, verdict: one }) => [
              String(test),
              what,
              one.outcome,
              one.cpuSeconds.toFixed(3),
              one.detail ?? "",
            ]),
          ),
        ]),
  ].join("\n");
};

export const run = Command.make(
  "run",
  {
    file: Argument.String("file").pipe(Argument.withDescription("The program's file")),
    task: Flag.String("task").pipe(Flag.withDescription("Id of the task whose tests it is run against")),
    dataset: Flag.String("dataset").pipe(
      Flag.withDescription("A dataset directory, mbpp.jsonl or HumanEval.jsonl(.gz)"),
      Flag.withDefault(SandboxTasks.SHIPPED),
    ),
    counts: Flag.Boolean("counts").pipe(
      Flag.withDescription("Run every test by itself and show each, rather than stop at the first failure"),
      Flag.withDefault(false),
    ),
    json,
  },
  Effect.fn(function* (options) {
    const program = yield* read(options.file);
    const task = yield* find(yield* SandboxTasks.load(options.dataset), options.task, options.dataset);
    const shown = yield* Effect.gen(function* () {
      const sandbox = yield* Sandbox;
      const whole = yield* sandbox.verify(
        options.counts ? { ...task, tests: { ...task.tests, counts: true } } : task,
        program,
      );
      const tests = yield* Effect.forEach(
        Array.from({ length: options.counts ? testCount(task.tests) : 0 }, (_, test) => test),
        (test): Effect.Effect<TestResult, Effect.Error<ReturnType<typeof sandbox.verify>>> =>
          sandbox
            .verify({ ...task, tests: only(task.tests, test) }, program)
            .pipe(Effect.map((verdict) => ({ test, what: titleOf(task.tests, test), verdict }))),
        { concurrency: sandbox.parallelism },
      );
      return { task: task.id, sandbox: sandbox.identity, verdict: whole, tests };
    }).pipe(
      Effect.provide(
        SandboxFor.layer([task.language], {
          javascript: SandboxFor.javascriptFor("quickjs", [task]),
          onProgress: (line) => process.stderr.write(`${line}\n`),
        }),
      ),
    );
    yield* print(options.json, shown, render);
  }),
).pipe(
  Command.withDescription("Verify a program against one task's tests"),
  Command.withExamples([
    {
      command: "drydock sandbox run solution.py --dataset HumanEval.jsonl.gz --task HumanEval/0 --counts",
      description: "A program for a task of HumanEval, test by test",
    },
  ]),
);
