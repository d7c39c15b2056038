/**
 * Sandbox for Python tasks: warm containers, each with a resident supervisor that forks a jailed process for each run.
 *
 * Opening it means: an engine that answers, the image (built where missing), leftovers swept, and the strongest rung
 * of the isolation ladder that passes the self-test on this machine. If none does, there is no sandbox: generated
 * code never runs on the bare host.
 */
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Pool from "effect/Pool";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import type { Limits, Task } from "../../domain/Task.ts";
import { SandboxFault, SandboxUnavailable, type Verdict } from "../../domain/Verdict.ts";
import { JUDGE_VERSION } from "../judge/PythonAnswer.ts";
import * as PythonVerdict from "../judge/PythonVerdict.ts";
import { Sandbox } from "../Sandbox.ts";
import * as Docker from "./Docker.ts";
import * as DockerSlot from "./DockerSlot.ts";
import * as SandboxImage from "./SandboxImage.ts";
import * as SelfTest from "./SelfTest.ts";

export interface Options {
  /** Containers, and so verifications at once. About twice the cores; default 2. */
  readonly slots?: number;
  /** Runs after which a container is replaced. Default 200. */
  readonly runsPerSlot?: number;
  /** Limits of tasks that name none, over DEFAULT_LIMITS. */
  readonly limits?: Partial<Limits>;
  /** OCI runtime to use instead of Docker's default. */
  readonly runtime?: string;
  /** Written into the containers' labels. */
  readonly runId?: string;
  /** Told each step while the image is built. */
  readonly onProgress?: (line: string) => void;
}

/** Limits of tasks that name none: for all of a program's tests together. */
export const DEFAULT_LIMITS: Limits = {
  cpuSeconds: 2,
  wallSeconds: 10,
  memoryBytes: 384 * 1024 * 1024,
  outputBytes: 64 * 1024,
};

/** A container's memory; a program may ask for less, not for more. */
const CONTAINER_BYTES = 512 * 1024 * 1024;
const MAX_PROGRAM_BYTES = 448 * 1024 * 1024;

/** From strong to weak. Plain fork in a shared container, with nothing round it, is no rung. */
const LADDER = [
  { name: "namespaces+seccomp", isolation: { namespaces: true }, runsPerSlot: undefined },
  { name: "seccomp", isolation: { namespaces: false }, runsPerSlot: undefined },
  { name: "seccomp+container-per-run", isolation: { namespaces: false }, runsPerSlot: 1 },
] as const;

export const layer = (options: Options = {}): Layer.Layer<Sandbox, SandboxUnavailable> =>
  Layer.effect(Sandbox, make(options));

/** The service; its containers live as long as the scope. */
export const make = Effect.fn("SandboxDocker.make")(function* (
  options: Options = {},
): Effect.fn.Return<Sandbox["Service"], SandboxUnavailable, Scope.Scope> {
  const { onProgress, runtime, runId } = options;
  const image = yield* SandboxImage.ensure("python", onProgress === undefined ? {} : { onProgress });
  const docker = Docker.connect();
  yield* Effect.ignore(DockerSlot.sweep(docker));
  const base = {
    docker,
    image,
    seccomp: SandboxImage.seccompProfile("python"),
    memoryBytes: CONTAINER_BYTES,
    ...(runtime === undefined ? {} : { runtime }),
    ...(runId === undefined ? {} : { runId }),
  };
  const rung = yield* chooseRung(base);
  const runsPerSlot = rung.runsPerSlot ?? options.runsPerSlot ?? 200;
  const parallelism = options.slots ?? 2;
  // An engine that restarts, or an image that somebody removed, is waited for and put right before a slot is a fault.
  const openSlot = SandboxImage.ensure("python").pipe(
    Effect.mapError((unavailable) => new SandboxFault({ reason: unavailable.reason })),
    Effect.andThen(DockerSlot.open({ ...base, isolation: rung.isolation })),
    Effect.retry({ schedule: Schedule.exponential("200 millis"), times: 6 }),
  );
  const pool = yield* Pool.make({ acquire: openSlot, size: parallelism });

  const attempt = (task: Task, program: string, limits: Limits) =>
    Effect.scoped(
      Effect.gen(function* () {
        const slot = yield* Pool.get(pool);
        return yield* Effect.onExit(slot.run(task, program, limits), (exit) =>
          exit._tag === "Success" && slot.runs() < runsPerSlot ? Effect.void : Pool.invalidate(pool, slot),
        );
      }),
    ).pipe(Effect.map((seen) => PythonVerdict.judge(task.tests, limits, seen)));

  const verify = Effect.fn("SandboxDocker.verify")(
    function* (task: Task, program: string): Effect.fn.Return<Verdict, SandboxFault | SandboxUnavailable> {
      if (task.language !== "python") {
        return yield* new SandboxUnavailable({
          language: task.language,
          reason: `the Docker sandbox runs Python; task ${task.id} is ${task.language}`,
          remedy: "use the QuickJS sandbox for JavaScript tasks",
        });
      }
      const asked = task.limits ?? { ...DEFAULT_LIMITS, ...options.limits };
      const limits = { ...asked, memoryBytes: Math.min(asked.memoryBytes, MAX_PROGRAM_BYTES) };
      const first = yield* Effect.option(attempt(task, program, limits));
      const judgement =
        Option.isSome(first) && isSettled(first.value) ? first.value : yield* attempt(task, program, limits);
      if (judgement.kind === "fault") {
        return yield* new SandboxFault({ reason: `${task.id}: ${judgement.reason}` });
      }
      return judgement.verdict;
    },
    Effect.tapErrorTag("SandboxFault", () => stillThere(docker)),
  );

  return Sandbox.of({ verify, parallelism, identity: `docker/${image}/${JUDGE_VERSION}/${rung.name}` });
});

/** Fails where the engine itself is gone: then no other program could be judged either. */
const stillThere = (docker: ReturnType<typeof Docker.connect>): Effect.Effect<void, SandboxUnavailable> =>
  Docker.ping(docker).pipe(
    Effect.mapError(
      ({ reason }) =>
        new SandboxUnavailable({
          language: "python",
          reason: `the Docker engine no longer answers (${reason})`,
          remedy: "start it again (`docker info` must answer), then `drydock resume` the run",
        }),
    ),
  );

/** Whether trying again would tell nothing new. */
const isSettled = (judgement: PythonVerdict.Judgement): boolean =>
  judgement.kind === "verdict" ? !judgement.starved : !judgement.retry;

type Rung = (typeof LADDER)[number];

const chooseRung = Effect.fnUntraced(function* (
  base: Omit<DockerSlot.Settings, "isolation">,
): Effect.fn.Return<Rung, SandboxUnavailable> {
  const reasons: Array<string> = [];
  for (const rung of LADDER) {
    const tried = yield* DockerSlot.open({ ...base, isolation: rung.isolation }).pipe(
      Effect.flatMap(SelfTest.run),
      Effect.scoped,
      Effect.result,
    );
    if (tried._tag === "Success") return rung;
    reasons.push(`${rung.name}: ${tried.failure.reason}`);
    yield* Effect.logWarning(`sandbox isolation "${rung.name}" does not hold here: ${tried.failure.reason}`);
  }
  return yield* new SandboxUnavailable({
    language: "python",
    reason: `no way to isolate programs passes the self-test here: ${reasons.join("; ")}`,
    remedy:
      "allow unprivileged user namespaces and custom seccomp profiles, or configure another container runtime",
  });
});
