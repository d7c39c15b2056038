/**
 * The sandbox: runs one program against one task's tests and says what that showed.
 *
 * A `Verdict` is about the program. A `SandboxFault` is about the sandbox: the program was not judged.
 * A `SandboxUnavailable` says that this machine has no sandbox for the task's language, and what to do.
 * Implementations: `quickjs/SandboxQuickJs`, `docker/SandboxDocker`, and `SandboxFor`, which picks by language.
 */
import * as Context from "effect/Context";
import type * as Effect from "effect/Effect";
import type { SandboxMetrics } from "../domain/SandboxMetrics.ts";
import type { Task } from "../domain/Task.ts";
import type { SandboxFault, SandboxUnavailable, Verdict } from "../domain/Verdict.ts";

export type SandboxError = SandboxFault | SandboxUnavailable;

export class Sandbox extends Context.Service<
  Sandbox,
  {
    /** Runs one program against one task's tests. */
    readonly verify: (task: Task, program: string) => Effect.Effect<Verdict, SandboxError>;
    /** How many verifications run at once. */
    readonly parallelism: number;
    /**
     * What the verdicts depend on besides task and program (engine, image content hash, judge version,
     * isolation): recorded in every run, and part of the verdict cache's key.
     */
    readonly identity: string;
    /** How it is doing; to be read at any time. */
    readonly metrics: Effect.Effect<SandboxMetrics>;
  }
>()("drydock/sandbox/Sandbox") {}
