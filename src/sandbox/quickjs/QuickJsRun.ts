/**
 * One program in one fresh QuickJS runtime: evaluate it, call its entry point case by case, stop at the first
 * failure. Synchronous: runs inside a worker thread (`QuickJsWorker.ts`), which its owner can terminate.
 *
 * Only arguments go into the runtime; expected values stay on this side and are compared here.
 */
import type { QuickJSContext, QuickJSHandle, QuickJSRuntime, QuickJSWASMModule } from "quickjs-emscripten";
import type * as Schema from "effect/Schema";
import type { Limits } from "../../domain/Task.ts";
import type { Outcome } from "../../domain/Verdict.ts";
import * as JsAnswer from "../judge/JsAnswer.ts";
import { GUEST_SOURCE } from "./Guest.ts";
import * as QuickJsEngine from "./QuickJsEngine.ts";

export interface Job {
  readonly program: string;
  readonly entryPoint: string;
  readonly cases: ReadonlyArray<{
    readonly args: ReadonlyArray<Schema.Json>;
    readonly expected: Schema.Json;
  }>;
  readonly limits: Limits;
}

export interface Report {
  readonly outcome: Outcome;
  readonly testsPassed: number;
  readonly firstFailing?: number;
  readonly detail?: string;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** The wall limit was reached with less CPU time than the CPU limit: the machine was busy, so try again. */
  readonly starved: boolean;
  /** The engine could not clean up after this program: the verdict stands, the module must not be used again. */
  readonly engineBroken: boolean;
}

/** Seconds on two clocks: `cpu` of this thread, where the platform tells it, else the wall's. */
export interface Clocks {
  readonly wall: () => number;
  readonly cpu: () => number;
}

/** Bytes of native stack that a program may use; deeper recursion is its own error. */
const STACK_BYTES = 256 * 1024;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

type Failure = Pick<Report, "outcome" | "detail">;

/** `module`'s memory must have been made for the job's `memoryBytes`: see `QuickJsEngine`. */
export const run = (module: QuickJSWASMModule, job: Job, clocks: Clocks): Report => {
  const startWall = clocks.wall();
  const startCpu = clocks.cpu();
  let interrupted: "cpu" | "wall" | undefined;
  const runtime = module.newRuntime();
  runtime.setMaxStackSize(STACK_BYTES);
  runtime.setInterruptHandler(() => {
    const wall = clocks.wall() - startWall;
    // CPU time is never more than wall time (one thread), so the dear clock is read only when it can matter.
    if (wall < job.limits.cpuSeconds) return false;
    if (clocks.cpu() - startCpu >= job.limits.cpuSeconds) interrupted = "cpu";
    else if (wall >= job.limits.wallSeconds) interrupted = "wall";
    return interrupted !== undefined;
  });
  const stopped = (): Failure | undefined => {
    if (interrupted === undefined) return undefined;
    // A program that fills its memory may spend its time in the collector before an allocation fails.
    return QuickJsEngine.isFull(module, job.limits.memoryBytes)
      ? { outcome: "OutOfMemory", detail: `close to ${job.limits.memoryBytes} bytes at the time limit` }
      : { outcome: "TimedOut", detail: `${interrupted} time limit` };
  };
  const report = (testsPassed: number, failure?: Failure): Report => ({
    outcome: "Passed",
    testsPassed,
    ...(failure !== undefined && testsPassed < job.cases.length ? { firstFailing: testsPassed } : {}),
    ...failure,
    ...stopped(),
    cpuSeconds: clocks.cpu() - startCpu,
    wallSeconds: clocks.wall() - startWall,
    starved: interrupted === "wall",
    engineBroken: false,
  });
  const context = runtime.newContext();
  const progress = { index: 0 };
  try {
    const isFull = (): boolean => QuickJsEngine.isFull(module, job.limits.memoryBytes);
    const judged = judge(context, job, progress, isFull, report);
    return release(context, runtime) ? judged : { ...judged, engineBroken: true };
  } catch (error) {
    // The host's own stack ran out below the engine: the program recursed too deep, and the engine is left half-way.
    if (!(error instanceof RangeError)) throw error;
    return {
      ...report(progress.index, { outcome: "RuntimeError", detail: "stack overflow" }),
      engineBroken: true,
    };
  }
};

/** Frees the program's memory. Asserts inside the engine where the program made it leak: false then. */
const release = (context: QuickJSContext, runtime: QuickJSRuntime): boolean => {
  try {
    context.dispose();
    runtime.removeInterruptHandler();
    runtime.dispose();
    return true;
  } catch {
    return false;
  }
};

const judge = (
  context: QuickJSContext,
  job: Job,
  progress: { index: number },
  isFull: () => boolean,
  report: (testsPassed: number, failure?: Failure) => Report,
): Report => {
  const handles: Array<QuickJSHandle> = [];
  const keep = (handle: QuickJSHandle): QuickJSHandle => {
    handles.push(handle);
    return handle;
  };
  const decide = (): Report => {
    const guest = keep(context.unwrapResult(context.evalCode(GUEST_SOURCE, "guest.js", { type: "global" })));
    const invoke = keep(context.getProp(guest, "invoke"));
    const describe = keep(context.getProp(guest, "describe"));
    const maxLength = keep(context.newNumber(job.limits.outputBytes));
    const thrown = (error: QuickJSHandle, stage: "compile" | "run"): Failure => {
      const detail = error.consume((handle) => line(context, describe, handle));
      // The engine throws null where it has no memory left to make an error.
      if ((detail === "null" && isFull()) || detail.startsWith("InternalError: out of memory")) {
        return { outcome: "OutOfMemory", detail: `more than ${job.limits.memoryBytes} bytes` };
      }
      return { outcome: stage === "compile" ? "CompileError" : "RuntimeError", detail };
    };

    const evaluated = context.evalCode(job.program, "program.js", { type: "global" });
    if (evaluated.error) {
      const failure = thrown(evaluated.error, "run");
      return report(
        0,
        failure.outcome === "RuntimeError" && !compiles(context, job.program)
          ? { ...failure, outcome: "CompileError" }
          : failure,
      );
    }
    evaluated.value.dispose();

    if (!IDENTIFIER.test(job.entryPoint)) {
      return report(0, {
        outcome: "RuntimeError",
        detail: `${JSON.stringify(job.entryPoint)} is no function name`,
      });
    }
    const found = context.evalCode(
      `typeof ${job.entryPoint} === "function" ? ${job.entryPoint} : undefined`,
      "entry.js",
      { type: "global" },
    );
    if (found.error) return report(0, thrown(found.error, "run"));
    const target = keep(found.value);
    if (context.typeof(target) !== "function") {
      return report(0, { outcome: "RuntimeError", detail: `no function named ${job.entryPoint} is defined` });
    }

    for (const [index, { args, expected }] of job.cases.entries()) {
      progress.index = index;
      const input = context.newString(JSON.stringify(args));
      const result = context.callFunction(invoke, context.undefined, target, input, maxLength);
      input.dispose();
      if (result.error) return report(index, thrown(result.error, "run"));
      const answer = result.value.consume((handle) =>
        context.typeof(handle) === "string" ? context.getString(handle) : undefined,
      );
      if (answer === undefined) {
        return report(index, {
          outcome: "OutputLimit",
          detail: `answer larger than ${job.limits.outputBytes} bytes`,
        });
      }
      // The text was written by the guest, never by the program: JSON by construction.
      const value = JSON.parse(answer) as JsAnswer.JsAnswer;
      if (!JsAnswer.equals(expected, value)) {
        const detail = `expected ${JSON.stringify(expected).slice(0, 80)}, got ${JsAnswer.show(value)}`;
        return report(index, { outcome: "WrongAnswer", detail });
      }
    }
    return report(job.cases.length);
  };
  const decided = decide();
  for (const handle of handles) handle.dispose();
  return decided;
};

/** Whether the text is a program at all; asked only after it failed to run. */
const compiles = (context: QuickJSContext, program: string): boolean => {
  const result = context.evalCode(program, "program.js", { type: "global", compileOnly: true });
  if (result.error) {
    result.error.dispose();
    return false;
  }
  result.value.dispose();
  return true;
};

/** One line about a thrown value, from the guest's own `describe`; what it throws itself is not looked into. */
const line = (context: QuickJSContext, describe: QuickJSHandle, error: QuickJSHandle): string => {
  const described = context.callFunction(describe, context.undefined, error);
  if (described.error) {
    described.error.dispose();
    return "unreadable error";
  }
  return described.value.consume((handle) =>
    context.typeof(handle) === "string" ? context.getString(handle) : "unreadable error",
  );
};
