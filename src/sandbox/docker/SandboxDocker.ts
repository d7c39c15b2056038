/**
 * Sandbox of a language that runs in Docker: warm containers, each with a resident supervisor that forks a jailed
 * process for each run.
 *
 * Opening it means: an engine that answers, the image (built where missing), leftovers swept, and the strongest rung
 * of the isolation ladder that passes the self-test on this machine. If none does, there is no sandbox: generated
 * code never runs on the bare host.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import type * as Scope from "effect/Scope";
import type { Limits, Task } from "../../domain/Task.ts";
import { SandboxFault, SandboxUnavailable, type Verdict } from "../../domain/Verdict.ts";
import { Sandbox, type SandboxError } from "../Sandbox.ts";
import * as Tally from "../Tally.ts";
import * as CompileCache from "./CompileCache.ts";
import * as Docker from "./Docker.ts";
import * as DockerSlot from "./DockerSlot.ts";
import * as Isolation from "./Isolation.ts";
import type { Judgement } from "../judge/Judgement.ts";
import * as Judged from "./Judged.ts";
import { type DockerLanguage, SUPERVISOR_BYTES } from "./Languages.ts";
import * as SandboxImage from "./SandboxImage.ts";
import * as SlotPool from "./SlotPool.ts";

export interface Options {
  /** Run slots that may be busy at once, and so verifications. About twice the cores; default 2. */
  readonly slots?: number;
  /** The same for compilations, where the language is compiled. Default 1. */
  readonly compileSlots?: number;
  /** Bytes of compiled programs that are kept. Default 128 MiB. */
  readonly compileCacheBytes?: number;
  /** Runs after which a container is replaced. Default 200. */
  readonly runsPerSlot?: number;
  /** Limits of tasks that name none, over the language's own. */
  readonly limits?: Partial<Limits>;
  /** OCI runtime to use instead of Docker's default. */
  readonly runtime?: string;
  /** Written into the containers' labels. */
  readonly runId?: string;
  /** Told each step while the image is built. */
  readonly onProgress?: (line: string) => void;
}

export const layer = (row: DockerLanguage, options: Options = {}): Layer.Layer<Sandbox, SandboxUnavailable> =>
  Layer.effect(Sandbox, make(row, options));

/** The service; its containers live as long as the scope. */
export const make = Effect.fn("SandboxDocker.make")(function* (
  row: DockerLanguage,
  options: Options = {},
): Effect.fn.Return<Sandbox["Service"], SandboxUnavailable, Scope.Scope> {
  const { onProgress, runtime, runId, runsPerSlot = 200 } = options;
  const image = yield* SandboxImage.ensure(row.image, onProgress === undefined ? {} : { onProgress });
  const docker = Docker.connect();
  yield* Effect.ignore(DockerSlot.sweep(docker));
  const base: Isolation.Base = {
    docker,
    image,
    seccomp: SandboxImage.seccompProfile(row.image),
    leftovers: new Set(),
    ...(runtime === undefined ? {} : { runtime }),
    ...(runId === undefined ? {} : { runId }),
  };
  const rung = yield* Isolation.choose(row, base);
  const parallelism = options.slots ?? 2;
  const runSlots = yield* SlotPool.make({
    open: Isolation.openSlot(row, base, rung, row.memoryBytes),
    size: parallelism,
    runsPerSlot: rung.runsPerSlot ?? runsPerSlot,
  });
  const compile = yield* compiler(row, base, rung, options);

  /**
   * Whether a run leaves a slot that no other program may have. Limits and refused calls are the supervisor's daily
   * work: the jail of the run, with everything in it, is gone. An interrupted run is not; faults are signs of trouble.
   * Where programs share their container's namespaces, one that tried what is forbidden is not followed by another.
   */
  const odd = (exit: Exit.Exit<Judgement, unknown>): boolean => {
    if (Exit.isFailure(exit)) return true;
    if (exit.value.kind === "fault") return exit.value.retry;
    return !rung.namespaces && exit.value.verdict.outcome === "Forbidden";
  };
  const slots: Judged.Slots = {
    run: (use) => runSlots.use((slot) => use(slot.run), odd),
    compile: compile.get,
  };
  const tally = Tally.make();

  const verify = Effect.fn("SandboxDocker.verify")(
    function* (task: Task, program: string): Effect.fn.Return<Verdict, SandboxError> {
      if (task.language !== row.language) {
        return yield* new SandboxUnavailable({
          language: task.language,
          reason: `this Docker sandbox runs ${row.language}; task ${task.id} is ${task.language}`,
          remedy: `use the sandbox for ${task.language}`,
        });
      }
      const asked = task.limits ?? { ...row.defaultLimits, ...options.limits };
      const most = row.memoryBytes - SUPERVISOR_BYTES;
      const limits = { ...asked, memoryBytes: Math.min(asked.memoryBytes, most) };
      const attempt = tally.attempt(Judged.judged(row, slots, task, program, limits), isTrouble);
      const first = yield* attempt.pipe(
        Effect.asSome,
        Effect.catchTag("SandboxFault", () => Effect.succeedNone),
      );
      const again = Option.isNone(first) || !isSettled(first.value);
      const judgement = again ? yield* Effect.andThen(tally.retried, attempt) : first.value;
      if (judgement.kind === "fault") {
        return yield* new SandboxFault({ reason: `${task.id}: ${judgement.reason}` });
      }
      return { ...judgement.verdict, ...(again ? { attempts: 2 } : {}) };
    },
    tally.verification,
    Effect.tapErrorTag("SandboxFault", () => Isolation.stillThere(row, base)),
  );

  const under = runtime === undefined ? "" : `/${runtime}`;
  const identity = `docker/${image}/${row.judge.version}/${rung.name}${under}`;
  const metrics = Effect.sync(() => {
    const { hits, misses } = compile.figures();
    return { ...runSlots.figures(), ...tally.counts(), compileHits: hits, compileMisses: misses };
  });
  return Sandbox.of({ verify, parallelism, identity, metrics });
});

/** Compile slots with their cache; what no language without a compiler ever asks. */
const compiler = Effect.fnUntraced(function* (
  row: DockerLanguage,
  base: Isolation.Base,
  rung: Isolation.Rung,
  { compileSlots = 1, compileCacheBytes = 128 * 1024 * 1024, runsPerSlot = 200 }: Options,
): Effect.fn.Return<Pick<CompileCache.CompileCache, "get" | "figures">, never, Scope.Scope> {
  const { compile } = row;
  if (compile === undefined) {
    const fault = new SandboxFault({ reason: `${row.language} is not compiled` });
    return { get: () => Effect.fail(fault), figures: () => ({ hits: 0, misses: 0, entries: 0, bytes: 0 }) };
  }
  const pool = yield* SlotPool.make({
    open: Isolation.openSlot(row, base, rung, compile.memoryBytes),
    size: compileSlots,
    spare: 0,
    runsPerSlot: rung.runsPerSlot ?? runsPerSlot,
  });
  const once = (source: string, flags: ReadonlyArray<string>) =>
    pool.use(
      (slot) => slot.compile({ kind: "compile", source, flags, limits: compile.limits }),
      Exit.isFailure,
    );
  return yield* CompileCache.make({ image: base.image, maxBytes: compileCacheBytes, compile: once });
});

/** A judgement that says the sandbox failed, rather than the program or the task. */
const isTrouble = (judgement: Judgement): boolean => judgement.kind === "fault" && judgement.retry;

/** Whether trying again would tell nothing new. */
const isSettled = (judgement: Judgement): boolean =>
  judgement.kind === "verdict" ? !judgement.starved : !judgement.retry;
