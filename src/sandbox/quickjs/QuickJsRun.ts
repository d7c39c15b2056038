/**
 * One program against one task's tests, in QuickJS. Synchronous: runs inside a worker thread (`QuickJsWorker.ts`),
 * which its owner can terminate.
 *
 * Call style: arguments go in, the answer comes out and is compared on this side. Assert style: the tests run in a
 * second realm, a WebAssembly module of its own, and reach the program through calls with plain data. A program that
 * broke out of QuickJS into its module's memory would find no test there, and no expected value.
 */
import type * as Schema from "effect/Schema";
import type { Limits } from "../../domain/Task.ts";
import type { Outcome } from "../../domain/Verdict.ts";
import * as JsAnswer from "../judge/JsAnswer.ts";
import { PROGRAM_GUEST, TESTS_GUEST } from "./Guest.ts";
import * as Realm from "./Realm.ts";
import { crash, type Failure, Subject } from "./Subject.ts";

export interface Job {
  readonly program: string;
  readonly entryPoint: string;
  readonly tests:
    | {
        readonly kind: "call";
        readonly cases: ReadonlyArray<{
          readonly args: ReadonlyArray<Schema.Json>;
          readonly expected: Schema.Json;
        }>;
      }
    | { readonly kind: "assert"; readonly setup: string; readonly asserts: ReadonlyArray<string> };
  /** Run every test rather than stop at the first that fails. */
  readonly counts: boolean;
  readonly limits: Limits;
}

export interface Report {
  /** "BadTest": the tests failed by themselves, which says nothing about the program. */
  readonly outcome: Outcome | "BadTest";
  readonly testsPassed: number;
  readonly testsRun: number;
  /** Places in the job's tests. */
  readonly firstFailing?: number;
  readonly failing?: ReadonlyArray<number>;
  readonly detail?: string;
  readonly output: string;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** The wall limit was reached with less CPU time than the CPU limit: the machine was busy, so try again. */
  readonly starved: boolean;
}

/** Seconds on two clocks: `cpu` of this thread, where the platform tells it, else the wall's. */
export interface Clocks {
  readonly wall: () => number;
  readonly cpu: () => number;
}

/** The realms of one worker, and what passes between them. */
export interface Engine {
  readonly program: Realm.Realm;
  /** Only where asked for. */
  readonly tests: Realm.Realm | undefined;
  /** Set by each run: answers a call of the tests with the JSON text of a reply, "" where there is none. */
  readonly link: { ask: (args: string) => string };
}

/** Realms in which a program can use `memoryBytes`, and the tests as much again. */
export const engine = async (memoryBytes: number, withTests: boolean): Promise<Engine> => {
  const link: Engine["link"] = { ask: () => "" };
  const program = await Realm.make(memoryBytes, PROGRAM_GUEST);
  if (!withTests) return { program, tests: undefined, link };
  const tests = await Realm.make(memoryBytes, TESTS_GUEST, ({ context, guest, text }) => {
    guest(
      "connect",
      context.newFunction("ask", (args) => context.newString(link.ask(text(args) ?? ""))),
    );
  });
  return { program, tests, link };
};

/** The realms must have been made for the job's `memoryBytes`; `broken`: they must not be used again. */
export const run = (
  realms: Engine,
  job: Job,
  clocks: Clocks,
): { readonly report: Report; readonly broken: boolean } => {
  const { program, tests } = realms;
  const startWall = clocks.wall();
  const startCpu = clocks.cpu();
  let interrupted: "cpu" | "wall" | undefined;
  let finished = false;
  const stop = (): boolean => {
    // Our own last words are few.
    if (finished) return false;
    const wall = clocks.wall() - startWall;
    // CPU time is never more than wall time (one thread), so the dear clock is read only when it can matter.
    if (wall < job.limits.cpuSeconds) return false;
    if (clocks.cpu() - startCpu >= job.limits.cpuSeconds) interrupted = "cpu";
    else if (wall >= job.limits.wallSeconds) interrupted = "wall";
    return interrupted !== undefined;
  };
  const stopped = (): Failure | undefined => {
    if (interrupted === undefined) return undefined;
    // A program that fills its memory may spend its time in the collector before an allocation fails.
    return program.isFull()
      ? { outcome: "OutOfMemory", detail: `close to ${job.limits.memoryBytes} bytes at the time limit` }
      : { outcome: "TimedOut", detail: `${interrupted} time limit` };
  };
  const subject = new Subject(program, job, stopped);
  program.reset(stop);
  const kind = job.tests.kind;
  const total = kind === "call" ? job.tests.cases.length : job.tests.asserts.length;
  let passed = 0;
  let testsRun = 0;
  let first: { readonly index: number; readonly failure: Failure } | undefined;
  const failed: Array<number> = [];
  const note = (index: number, failure: Failure | undefined): void => {
    if (failure === undefined) passed += 1;
    else {
      failed.push(index);
      first ??= { index, failure };
    }
  };
  const loading: Failure | undefined =
    total === 0 ? { outcome: "BadTest", detail: "there are none" } : subject.load();
  if (loading !== undefined) note(0, loading);
  else {
    const test =
      job.tests.kind === "call"
        ? calls(subject, job.tests.cases)
        : asserts(realms, subject, job, stop, stopped);
    for (let index = 0; index < total; index++) {
      testsRun += 1;
      note(index, test(index));
      if (subject.over || (first !== undefined && !job.counts)) break;
    }
  }
  if (first === undefined && passed !== total) throw new Error("a test was left out");
  const broken = subject.broken;
  finished = true;
  // Those that it did not come to are the last ones.
  for (let index = passed + failed.length; index < total; index++) failed.push(index);
  return {
    report: {
      outcome: first?.failure.outcome ?? "Passed",
      testsPassed: passed,
      testsRun,
      ...(first === undefined || total === 0 ? {} : { firstFailing: first.index }),
      ...(job.counts && total > 0 && failed.length > 0 ? { failing: failed } : {}),
      ...(first === undefined ? {} : { detail: first.failure.detail }),
      output: broken ? "" : subject.printed(),
      memoryBytes: program.usedBytes(),
      cpuSeconds: clocks.cpu() - startCpu,
      wallSeconds: clocks.wall() - startWall,
      starved: interrupted === "wall",
    },
    broken: broken || program.hasGrown() || (tests?.hasGrown() ?? false),
  };
};

const SETUP = "setup.js";

type RunTest = (index: number) => Failure | undefined;

const calls =
  (subject: Subject, cases: Extract<Job["tests"], { kind: "call" }>["cases"]): RunTest =>
  (index) => {
    const { args, expected } = cases[index];
    const answer = subject.call(JSON.stringify(JsAnswer.encode(args)));
    if (typeof answer !== "string") return answer;
    // The text was written by the guest, never by the program: JSON by construction.
    const value = JSON.parse(answer) as JsAnswer.JsAnswer;
    if (JsAnswer.equals(expected, value)) return undefined;
    const detail = `expected ${JSON.stringify(expected).slice(0, 80)}, got ${JsAnswer.show(value)}`;
    return { outcome: "WrongAnswer", detail };
  };

/** Opens the tests' realm and gives what runs one of them there. */
const asserts = (
  { tests, link }: Engine,
  subject: Subject,
  { entryPoint, tests: job }: Job,
  stop: () => boolean,
  stopped: () => Failure | undefined,
): RunTest => {
  if (tests === undefined || job.kind !== "assert") throw new Error("no realm for tests");
  let asked = 0;
  let fatal: Failure | undefined;
  link.ask = (args) => {
    asked += 1;
    const answer = subject.call(args);
    if (typeof answer === "string") return `{"r":${answer}}`;
    if (answer.outcome === "RuntimeError" && !subject.over) return JSON.stringify({ e: answer.detail });
    fatal = answer;
    return "";
  };
  tests.reset(() => fatal !== undefined || stop());
  const judged = (source: string, file: string): Failure | undefined => {
    const badTest = (detail: string): Failure => ({ outcome: "BadTest", detail });
    const own = (detail: string): Failure =>
      asked > 0 ? { outcome: "WrongAnswer", detail } : badTest(detail);
    try {
      tests.guest("begin", source);
      const ran = tests.evaluate(source, file);
      if (fatal !== undefined) return fatal;
      const late = stopped();
      if (late !== undefined) {
        subject.over = true;
        return asked > 0 ? late : badTest(`${file}: ${late.detail}`);
      }
      const isSetup = file === SETUP ? 1 : 0;
      const end = Realm.isThrown(ran)
        ? tests.guest("end", isSetup, 1, ran.handle)
        : tests.guest("end", isSetup, 0);
      const said = Realm.isThrown(end) ? undefined : tests.text(end);
      if (said === undefined) return own(Realm.isThrown(ran) ? ran.thrown : "ended badly");
      return (JSON.parse(said) as Failure | null) ?? undefined;
    } catch (error) {
      subject.over = subject.broken = true;
      return own(crash(error));
    }
  };
  tests.guest("open", entryPoint);
  const setup = judged(job.setup, SETUP);
  // Each in a block of its own: their constants may share names.
  return (index) => setup ?? judged(`{\n${job.asserts[index]}\n}`, "test.js");
};
