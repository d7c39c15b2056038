/**
 * Sandbox for JavaScript tasks: QuickJS in WebAssembly, in a pool of worker threads.
 *
 * A program has no host globals, no I/O, fixed randomness and time, and limits of CPU time, memory, stack and
 * output. A worker that does not answer in time is terminated and replaced.
 */
import { Worker } from "node:worker_threads";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Pool from "effect/Pool";
import type * as Scope from "effect/Scope";
import { type Limits, type Task, testCount } from "../../domain/Task.ts";
import { SandboxFault, SandboxUnavailable, type Verdict } from "../../domain/Verdict.ts";
import { none } from "../../domain/SandboxMetrics.ts";
import { JUDGE_VERSION } from "../judge/JsAnswer.ts";
import { range } from "../judge/Judgement.ts";
import * as TestOrder from "../judge/TestOrder.ts";
import { Sandbox } from "../Sandbox.ts";
import * as Tally from "../Tally.ts";
import { GUEST_VERSION } from "./Guest.ts";
import { ENGINE_VERSION } from "./QuickJsEngine.ts";
import type { Job, Report } from "./QuickJsRun.ts";
import type { Reply, Request } from "./QuickJsWorker.ts";

export interface Options {
  /** Worker threads, and so verifications at once. Default 2. */
  readonly workers?: number;
  /** Limits of tasks that name none, over DEFAULT_LIMITS. */
  readonly limits?: Partial<Limits>;
  /** Seconds past the wall limit after which a silent worker is terminated. Default 0.5. */
  readonly graceSeconds?: number;
  /** Starts a worker thread that serves QuickJsWorker's requests; for those who watch programs from inside of it. */
  readonly startWorker?: () => Worker;
}

/** Limits of tasks that name none: for all of a program's tests together. */
export const DEFAULT_LIMITS: Limits = {
  cpuSeconds: 1,
  wallSeconds: 5,
  memoryBytes: 64 * 1024 * 1024,
  outputBytes: 256 * 1024,
};

export const identity = `quickjs/${ENGINE_VERSION}/${GUEST_VERSION}/${JUDGE_VERSION}/worker`;

/** How long a worker may take to come up on a busy machine. */
const START_SECONDS = 60;

/** What became of one job on one worker. */
type Ending =
  | { readonly kind: "report"; readonly report: Report }
  /** The program was running and never gave control back. */
  | { readonly kind: "silent" };

interface Slot {
  readonly run: (job: Job) => Effect.Effect<Ending, SandboxFault>;
}

export const layer = (options: Options = {}): Layer.Layer<Sandbox> => Layer.effect(Sandbox, make(options));

/** The service; its workers live as long as the scope. They start at the first verification. */
export const make = Effect.fnUntraced(function* (
  options: Options = {},
): Effect.fn.Return<Sandbox["Service"], never, Scope.Scope> {
  const graceSeconds = options.graceSeconds ?? 0.5;
  const parallelism = options.workers ?? 2;
  const tally = Tally.make();
  const now = { waiting: 0, busy: 0, opening: 0, opened: 0, closed: 0 };
  const up = (name: keyof typeof now, by = 1) => Effect.sync(() => void (now[name] += by));
  const acquire = up("opening").pipe(
    Effect.andThen(
      Effect.ensuring(openSlot(graceSeconds, options.startWorker ?? startWorker), up("opening", -1)),
    ),
    Effect.tap(() =>
      Effect.andThen(
        up("opened"),
        Effect.addFinalizer(() => up("closed")),
      ),
    ),
  );
  const pool = yield* Pool.makeWithTTL({
    acquire,
    min: 0,
    max: parallelism,
    timeToLive: "1 hour",
  });

  const attempt = (job: Job): Effect.Effect<Ending, SandboxFault> =>
    Effect.scoped(
      Effect.gen(function* () {
        const slot = yield* Effect.ensuring(Effect.andThen(up("waiting"), Pool.get(pool)), up("waiting", -1));
        yield* Effect.acquireRelease(up("busy"), () => up("busy", -1));
        // Whatever is not a report leaves the worker in an unknown state, interruption included.
        return yield* Effect.onExit(slot.run(job), (exit) =>
          exit._tag === "Success" && exit.value.kind === "report" ? Effect.void : Pool.invalidate(pool, slot),
        );
      }),
    );

  const verify = Effect.fn("SandboxQuickJs.verify")(function* (
    task: Task,
    program: string,
  ): Effect.fn.Return<Verdict, SandboxFault | SandboxUnavailable> {
    const refusal = reasonAgainst(task);
    if (refusal !== undefined) {
      return yield* new SandboxUnavailable({
        language: task.language,
        reason: `QuickJS runs JavaScript tasks with call and assert tests and no files; task ${task.id} ${refusal}`,
        remedy: "use the Docker sandbox for this task (sandbox.javascript: node)",
      });
    }
    const limits = task.limits ?? { ...DEFAULT_LIMITS, ...options.limits };
    const tests = TestOrder.arrange(task.tests) as Job["tests"];
    const counts = task.tests.counts ?? false;
    const job: Job = { program, entryPoint: task.entryPoint, tests, counts, limits };
    const tried = tally.attempt(
      attempt(job),
      (ending) => ending.kind === "report" && ending.report.outcome === "BadTest",
    );
    const first = yield* Effect.option(tried);
    const settled = (ending: Ending): boolean => ending.kind === "report" && !ending.report.starved;
    // A fault, a silent worker and a starved one each get a second chance; only then does the program answer for it.
    const again = Option.isNone(first) || !settled(first.value);
    const ending = again ? yield* Effect.andThen(tally.retried, tried) : first.value;
    const attempts = again ? { attempts: 2 } : {};
    const testsTotal = testCount(task.tests);
    if (ending.kind === "silent") {
      const detail = "gave no control back until after the time limit";
      const wallSeconds = limits.wallSeconds + graceSeconds;
      return {
        outcome: "TimedOut",
        testsPassed: 0,
        testsTotal,
        cpuSeconds: limits.cpuSeconds,
        wallSeconds,
        ...attempts,
        ...(counts ? { failing: range(0, testsTotal) } : {}),
        detail,
      };
    }
    const { starved: _, outcome, firstFailing, ...rest } = ending.report;
    if (outcome === "BadTest") {
      return yield* new SandboxFault({
        reason: `${task.id}: the task's tests fail by themselves: ${rest.detail}`,
      });
    }
    const failing = firstFailing === undefined ? undefined : TestOrder.order(task.tests)[firstFailing];
    return {
      ...rest,
      outcome,
      testsTotal,
      ...attempts,
      ...(failing === undefined ? {} : { firstFailing: failing }),
    };
  }, tally.verification);

  const metrics = Effect.sync(() => {
    const { waiting: queued, busy, opening, opened, closed: recycled } = now;
    const idle = opened - recycled - busy;
    return { ...none, ...tally.counts(), queued, busy, idle, opening, opened, recycled };
  });
  return Sandbox.of({ verify, parallelism, identity, metrics });
});

/** Whether it is a task for QuickJS. */
export const runs = (task: Task): boolean => reasonAgainst(task) === undefined;

/** Why QuickJS does not run this task. */
const reasonAgainst = ({ language, tests }: Task): string | undefined => {
  if (language !== "javascript") return `is ${language}`;
  if (tests.kind === "stdio") return "reads standard input";
  if ((tests.files?.length ?? 0) > 0) return "needs files";
  if (tests.kind === "call" && (tests.comparison !== undefined || tests.values !== undefined)) {
    return "has Python's comparison";
  }
  return undefined;
};

const startWorker = (): Worker =>
  new Worker(new URL("../../../bin/boot.mjs", import.meta.url), {
    workerData: { entry: new URL("./QuickJsWorker.ts", import.meta.url).href },
    // Deep recursion must meet QuickJS's own stack limit, not the thread's.
    resourceLimits: { stackSizeMb: 16 },
    stdin: false,
  });

/** Starts one worker, to be terminated with the scope. */
const openSlot = Effect.fnUntraced(function* (
  graceSeconds: number,
  start: () => Worker,
): Effect.fn.Return<Slot, SandboxFault, Scope.Scope> {
  const ready = yield* Deferred.make<void, SandboxFault>();
  const worker = yield* Effect.acquireRelease(Effect.sync(start), (started) =>
    Effect.promise(() => started.terminate()),
  );
  let pending: Pending | undefined;
  let gone: SandboxFault | undefined;
  const lost = (reason: string): void => {
    gone ??= new SandboxFault({ reason });
    const failed = Effect.fail(gone);
    Deferred.doneUnsafe(ready, failed);
    if (pending !== undefined) {
      Deferred.doneUnsafe(pending.started, failed);
      Deferred.doneUnsafe(pending.ended, failed);
    }
  };
  worker.on("error", (error) => lost(`QuickJS worker failed: ${String(error)}`));
  worker.on("exit", (code) => lost(`QuickJS worker exited with code ${code}`));
  worker.on("message", (message: Reply) => {
    if (message.kind === "ready") return void Deferred.doneUnsafe(ready, Effect.void);
    if (pending?.id !== message.id) return;
    if (message.kind === "started") Deferred.doneUnsafe(pending.started, Effect.void);
    else if (message.kind === "done") Deferred.doneUnsafe(pending.ended, Effect.succeed(message.report));
    else lost(`QuickJS engine failed: ${message.reason}`);
  });

  let lastId = 0;
  const run = Effect.fnUntraced(function* (job: Job): Effect.fn.Return<Ending, SandboxFault> {
    if (gone !== undefined) return yield* gone;
    const started = yield* Deferred.make<void, SandboxFault>();
    const ended = yield* Deferred.make<Report, SandboxFault>();
    pending = { id: ++lastId, started, ended };
    worker.postMessage({ id: lastId, job } satisfies Request);
    yield* within(START_SECONDS, started, "QuickJS worker took no job");
    return yield* Effect.timeoutOrElse(
      Effect.map(Deferred.await(ended), (report): Ending => ({ kind: "report", report })),
      {
        duration: `${job.limits.wallSeconds + graceSeconds} seconds`,
        orElse: () => Effect.succeed<Ending>({ kind: "silent" }),
      },
    );
  });
  yield* within(START_SECONDS, ready, "QuickJS worker did not start");
  return { run };
});

interface Pending {
  readonly id: number;
  /** The worker begins with the program: from here on it is the program that takes long. */
  readonly started: Deferred.Deferred<void, SandboxFault>;
  readonly ended: Deferred.Deferred<Report, SandboxFault>;
}

const within = (
  seconds: number,
  event: Deferred.Deferred<void, SandboxFault>,
  otherwise: string,
): Effect.Effect<void, SandboxFault> =>
  Effect.timeoutOrElse(Deferred.await(event), {
    duration: `${seconds} seconds`,
    orElse: () => Effect.fail(new SandboxFault({ reason: `${otherwise} within ${seconds} s` })),
  });
