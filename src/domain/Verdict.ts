/**
 * A verdict: what running a program against a task's tests showed.
 *
 * A `SandboxFault` is not a verdict: the program was not judged, and no reward may be made of it.
 */
import * as Schema from "effect/Schema";

export const Outcome = Schema.Literals([
  "Passed",
  "WrongAnswer",
  "RuntimeError",
  "TimedOut",
  "OutOfMemory",
  "OutputLimit",
  "CompileError",
  "Forbidden",
  "Malformed",
]);
export type Outcome = typeof Outcome.Type;

/** Length of a verdict's `output`. */
export const OUTPUT_CHARACTERS = 2048;

export const Verdict = Schema.Struct({
  outcome: Outcome,
  testsPassed: Schema.Int,
  testsTotal: Schema.Int,
  /** Index of the first failing test in the task's own numbering, where one failed. */
  firstFailing: Schema.optionalKey(Schema.Int),
  /** Tests that were begun, where the sandbox can tell: 0 where the program does not compile or load. */
  testsRun: Schema.optionalKey(Schema.Int),
  /** Every test that was not passed, ascending, in the same numbering; where all were to be run (`counts`). */
  failing: Schema.optionalKey(Schema.Array(Schema.Int)),
  cpuSeconds: Schema.Number,
  wallSeconds: Schema.Number,
  /** Runs that it took, where one before told nothing of the program; the other figures are of the last. */
  attempts: Schema.optionalKey(Schema.Int),
  /** The most memory that the program held, in bytes, where the sandbox can tell. */
  memoryBytes: Schema.optionalKey(Schema.Int),
  /** The beginning of what the program printed, OUTPUT_CHARACTERS at most; of stdio tests, of the first that failed. */
  output: Schema.optionalKey(Schema.String),
  /** One line for a person: the error's type and message, truncated. */
  detail: Schema.optionalKey(Schema.String),
});
export type Verdict = typeof Verdict.Type;

export const passed = (verdict: Verdict): boolean => verdict.outcome === "Passed";

/** Outcomes that may differ from run to run; never cached. */
export const isTimingDependent = (outcome: Outcome): boolean =>
  outcome === "TimedOut" || outcome === "OutOfMemory";

/** The sandbox failed, not the program. Retried once on another slot, then dropped and counted. */
export class SandboxFault extends Schema.TaggedError<SandboxFault>()("SandboxFault", {
  reason: Schema.String,
}) {}

/** No sandbox for this language on this machine; `remedy` says what to do. */
export class SandboxUnavailable extends Schema.TaggedError<SandboxUnavailable>()("SandboxUnavailable", {
  language: Schema.String,
  reason: Schema.String,
  remedy: Schema.String,
}) {}
