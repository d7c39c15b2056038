/**
 * One program's way through slots to a judgement: compiled where its language is, run on one slot, judged outside it.
 *
 * Stdio tests go in batches, so that a program that fails early is not run on all of them.
 */
import * as Effect from "effect/Effect";
import { type Limits, type StdioTests, type Task, testCount } from "../../domain/Task.ts";
import { fault, type Judgement, range } from "../judge/Judgement.ts";
import * as SlotVerdict from "../judge/SlotVerdict.ts";
import * as StdioVerdict from "../judge/StdioVerdict.ts";
import * as TestOrder from "../judge/TestOrder.ts";
import type { SandboxError } from "../Sandbox.ts";
import type { DockerLanguage } from "./Languages.ts";
import * as Protocol from "./Protocol.ts";

type RunOn = (job: Protocol.Run) => Effect.Effect<Protocol.Seen, SandboxError>;

export interface Slots {
  /** Holds one run slot while the judgement is made. */
  readonly run: (
    use: (run: RunOn) => Effect.Effect<Judgement, SandboxError>,
  ) => Effect.Effect<Judgement, SandboxError>;
  readonly compile: (
    source: string,
    flags: ReadonlyArray<string>,
  ) => Effect.Effect<Protocol.Compiled, SandboxError>;
}

/** What a run slot is given: source text, or executables. */
interface Built {
  readonly program: string;
  readonly checker: string | undefined;
}

/** The judgement of one attempt; `limits` are the task's or those that stand in for them. */
export const judged = Effect.fnUntraced(function* (
  row: DockerLanguage,
  slots: Slots,
  task: Task,
  program: string,
  limits: Limits,
): Effect.fn.Return<Judgement, SandboxError> {
  const built = yield* build(row, slots, task, program);
  if ("kind" in built) return built;
  const { tests } = task;
  const job: Protocol.Run = {
    ...Protocol.work(TestOrder.arrange(tests), row.judge.encode, built.checker),
    launch: row.launch,
    program: built.program,
    entry: task.entryPoint,
    limits,
    ...(tests.files === undefined ? {} : { files: tests.files }),
    ...(tests.counts === undefined ? {} : { counts: tests.counts }),
  };
  return yield* slots.run((run) =>
    tests.kind === "stdio"
      ? inBatches(run, tests, job)
      : Effect.map(run(job), (seen) => SlotVerdict.judge(row.judge, tests, limits, seen)),
  );
});

/** Batch after batch for as long as they decide nothing. */
const inBatches = Effect.fnUntraced(function* (
  run: RunOn,
  tests: StdioTests,
  job: Protocol.Run,
): Effect.fn.Return<Judgement, SandboxError> {
  const { limits } = job;
  const inputs = TestOrder.arrange(tests).cases.map(({ input }) => input);
  let seen: Protocol.Seen | undefined;
  let done = 0;
  for (const size of StdioVerdict.batches(tests)) {
    const more = yield* run({ ...job, kind: "stdio", inputs: inputs.slice(done, done + size) });
    seen = seen === undefined ? more : StdioVerdict.merge(seen, more);
    done += size;
    if (!StdioVerdict.undecided(tests, limits, seen)) break;
  }
  return seen === undefined
    ? fault("a task without tests judges nothing", false)
    : StdioVerdict.judge(tests, limits, seen);
});

const build = Effect.fnUntraced(function* (
  row: DockerLanguage,
  slots: Slots,
  task: Task,
  program: string,
): Effect.fn.Return<Built | Judgement, SandboxError> {
  if (row.compile === undefined) return { program, checker: undefined };
  const { candidate, checker, flags } = row.compile.sources(task, program);
  const compiled = yield* slots.compile(candidate, flags);
  if (compiled.binary === null) return notCompiled(task, compiled, row.compile.limits);
  if (checker === undefined) return { program: compiled.binary, checker: undefined };
  const tests = yield* slots.compile(checker, flags);
  if (tests.binary === null) {
    return fault(`the task's tests do not compile: ${whyNot(tests)}`, tests.killed === "wall");
  }
  return { program: compiled.binary, checker: tests.binary };
});

/** The verdict of a program that the compiler refuses, or that takes it past its limits. */
const notCompiled = (task: Task, compiled: Protocol.Compiled, limits: Limits): Judgement => ({
  kind: "verdict",
  starved: compiled.killed === "wall" && compiled.cpuSeconds < limits.cpuSeconds / 2,
  verdict: {
    outcome: "CompileError",
    testsPassed: 0,
    testsTotal: testCount(task.tests),
    ...(testCount(task.tests) > 0 ? { firstFailing: 0 } : {}),
    testsRun: 0,
    ...(task.tests.counts === true ? { failing: range(0, testCount(task.tests)) } : {}),
    cpuSeconds: compiled.cpuSeconds,
    wallSeconds: compiled.wallSeconds,
    detail: whyNot(compiled).slice(0, 300),
  },
});

const whyNot = ({ killed, oomKilled, errors }: Protocol.Compiled): string => {
  if (oomKilled) return "the compiler ran out of memory";
  if (killed !== null) return `the compiler was stopped: ${killed} limit`;
  const lines = errors.trim().split("\n");
  return lines.find((line) => /\berror\b/i.test(line)) ?? lines[0] ?? "";
};
