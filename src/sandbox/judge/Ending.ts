/** Why a program's process ended before it had answered, told from how it ended. */
import type { Limits } from "../../domain/Task.ts";
import type { Seen } from "../docker/Protocol.ts";
import type { Failure } from "./Judgement.ts";

/** How a process ended. `errors`: the end of what it wrote to its error stream. */
export type Ended = Pick<Seen, "ended" | "killed" | "oomKilled" | "cpuSeconds" | "errors">;

const SIGKILL = 9;
const SIGSYS = 31;

/** How programs of each language say that an allocation failed. */
const NO_MEMORY = /^MemoryError\b|\bstd::bad_alloc\b|JavaScript heap out of memory/m;

export const outputLimit: Failure = { outcome: "OutputLimit", detail: "printed or answered too much" };

/** An error that the program raised, by its type and message. */
export const raised = (detail: string): Failure => ({
  outcome: NO_MEMORY.test(detail) ? "OutOfMemory" : "RuntimeError",
  detail,
});

/** Undefined where the end was not the program's doing. */
export const failure = (limits: Limits, seen: Ended): Failure | undefined => {
  if (seen.killed === "output") return outputLimit;
  if (seen.oomKilled) return { outcome: "OutOfMemory", detail: "killed for memory" };
  if ("exit" in seen.ended) {
    return { outcome: "RuntimeError", detail: `exited with code ${seen.ended.exit} before it answered` };
  }
  const { signal } = seen.ended;
  if (signal === SIGSYS) return { outcome: "Forbidden", detail: "made a forbidden system call" };
  if (signal !== SIGKILL) {
    const outcome = NO_MEMORY.test(seen.errors) ? "OutOfMemory" : "RuntimeError";
    return { outcome, detail: `ended by signal ${signal}${said(seen.errors)}` };
  }
  // Without the supervisor: the kernel's backstop, which is later.
  if (seen.killed === "cpu" || seen.cpuSeconds >= limits.cpuSeconds)
    return { outcome: "TimedOut", detail: "cpu time limit" };
  if (seen.killed !== "wall") return undefined;
  const starved = seen.cpuSeconds < limits.cpuSeconds / 2;
  return { outcome: "TimedOut", detail: "wall time limit", starved };
};

/** The last line of an error stream, where an interpreter names the error. */
export const lastLine = (errors: string): string => errors.trimEnd().split("\n").at(-1)?.trim() ?? "";

const said = (errors: string): string => (lastLine(errors) === "" ? "" : `: ${lastLine(errors)}`);
