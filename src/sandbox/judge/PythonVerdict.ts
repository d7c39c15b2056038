/**
 * The verdict of a Python run, made outside its container from what the supervisor saw.
 *
 * Exit codes and printed words never make a pass: it takes the expected answers, or the checker's word that every
 * assert held. How the program's process ended only says which failure it was.
 */
import * as Schema from "effect/Schema";
import { type Limits, type Tests, testCount } from "../../domain/Task.ts";
import { Outcome, type Verdict } from "../../domain/Verdict.ts";
import type { Seen } from "../docker/Protocol.ts";
import * as PythonAnswer from "./PythonAnswer.ts";

export type Judgement =
  | {
      readonly kind: "verdict";
      readonly verdict: Verdict;
      /** Ended by the wall clock with little CPU time used: the machine may have been busy, so try once more. */
      readonly starved: boolean;
    }
  /** Not judged. `retry` where another slot may do better. */
  | { readonly kind: "fault"; readonly reason: string; readonly retry: boolean };

interface Failure {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly starved?: boolean;
}
const SIGKILL = 9;
const SIGSYS = 31;

export const judge = (tests: Tests, limits: Limits, seen: Seen): Judgement => {
  const total = testCount(tests);
  const conclude = (passed: number, failure: Failure | undefined): Judgement => ({
    kind: "verdict",
    starved: failure?.starved ?? false,
    verdict: {
      outcome: failure?.outcome ?? "Passed",
      testsPassed: passed,
      testsTotal: total,
      ...(failure !== undefined && passed < total ? { firstFailing: passed } : {}),
      cpuSeconds: seen.cpuSeconds,
      wallSeconds: seen.wallSeconds,
      ...(failure !== undefined ? { detail: failure.detail.slice(0, 300) } : {}),
    },
  });
  const gone = (passed: number): Judgement => {
    const why = ending(limits, seen);
    return why === undefined
      ? {
          kind: "fault",
          reason: `the program's process was killed from outside (${seen.errors})`,
          retry: true,
        }
      : conclude(passed, why);
  };
  const parsed = parseFrames(Buffer.from(seen.answers, "base64"));
  if (parsed === undefined || (parsed.rest > 0 && seen.killed === null && "exit" in seen.ended)) {
    return conclude(0, malformed("broken frames"));
  }
  const { messages } = parsed;
  return tests.kind === "call"
    ? judgeCalls(tests.cases, messages, seen, conclude, gone)
    : judgeChecker(total, messages, seen, conclude, gone);
};

type Conclude = (passed: number, failure: Failure | undefined) => Judgement;
type Gone = (passed: number) => Judgement;

/** Call style: the program's own answers, compared here. */
const judgeCalls = (
  cases: Extract<Tests, { kind: "call" }>["cases"],
  messages: ReadonlyArray<unknown>,
  seen: Seen,
  conclude: Conclude,
  gone: Gone,
): Judgement => {
  const [hello, ...answers] = messages;
  if (hello === undefined) return gone(0);
  if (!isRecord(hello)) return conclude(0, malformed("no hello"));
  if (hello["ready"] !== true) {
    const error = raised(String(hello["e"]));
    return conclude(0, hello["stage"] === "compile" ? { ...error, outcome: "CompileError" } : error);
  }
  for (const [index, { expected }] of cases.entries()) {
    const answer = answers[index];
    if (answer === undefined) return gone(index);
    if (!isRecord(answer)) return conclude(index, malformed("an answer that is no object"));
    if (typeof answer["e"] === "string") return conclude(index, raised(answer["e"]));
    if (!("r" in answer)) return conclude(index, malformed("neither answer nor error"));
    if (!PythonAnswer.equals(expected, answer["r"])) {
      const detail = `expected ${JSON.stringify(expected).slice(0, 80)}, got ${PythonAnswer.show(answer["r"])}`;
      return conclude(index, { outcome: "WrongAnswer", detail });
    }
  }
  if (answers.length > cases.length) return conclude(cases.length, malformed("more answers than calls"));
  return conclude(cases.length, seen.killed === "output" ? outputLimit : undefined);
};

/** The checker's one message. The checker is ours, so this is decoded rather than doubted. */
const CheckerVerdict = Schema.Struct({
  passed: Schema.Int,
  outcome: Schema.Union([Outcome, Schema.Literals(["Gone", "BadTest"])]),
  detail: Schema.String,
});
const isCheckerVerdict = Schema.is(CheckerVerdict);

/** Assert style: what the checker said, and why the program's process is gone where it only knows that it is. */
const judgeChecker = (
  total: number,
  messages: ReadonlyArray<unknown>,
  seen: Seen,
  conclude: Conclude,
  gone: Gone,
): Judgement => {
  const said = messages[0];
  if (said === undefined) {
    if (seen.killed !== null || seen.oomKilled) return gone(0);
    return { kind: "fault", reason: `the checker said nothing (${seen.errors})`, retry: true };
  }
  if (messages.length !== 1 || !isCheckerVerdict(said)) {
    return { kind: "fault", reason: "the checker sent no verdict", retry: true };
  }
  const { passed, outcome, detail } = said;
  if (outcome === "BadTest") {
    return { kind: "fault", reason: `the task's tests fail by themselves: ${detail}`, retry: false };
  }
  if (outcome === "Gone") return gone(passed);
  if (outcome === "RuntimeError") return conclude(passed, raised(detail));
  if (outcome !== "Passed") return conclude(passed, { outcome, detail });
  if (passed !== total) return { kind: "fault", reason: "the checker miscounted", retry: false };
  return conclude(passed, seen.killed === "output" ? outputLimit : undefined);
};

/** Why the program's process ended before it answered; undefined where it was not the program's doing. */
const ending = (limits: Limits, seen: Seen): Failure | undefined => {
  if (seen.killed === "output") return outputLimit;
  if (seen.oomKilled) return { outcome: "OutOfMemory", detail: "killed for memory" };
  if ("exit" in seen.ended) {
    return { outcome: "RuntimeError", detail: `exited with code ${seen.ended.exit} before it answered` };
  }
  const { signal } = seen.ended;
  if (signal === SIGSYS) return { outcome: "Forbidden", detail: "made a forbidden system call" };
  if (signal !== SIGKILL) return { outcome: "RuntimeError", detail: `ended by signal ${signal}` };
  // Without the supervisor: the kernel's backstop, which is later.
  if (seen.killed === "cpu" || seen.cpuSeconds >= limits.cpuSeconds)
    return { outcome: "TimedOut", detail: "cpu time limit" };
  if (seen.killed !== "wall") return undefined;
  const starved = seen.cpuSeconds < limits.cpuSeconds / 2;
  return { outcome: "TimedOut", detail: "wall time limit", starved };
};

const outputLimit: Failure = { outcome: "OutputLimit", detail: "printed or answered too much" };
const malformed = (detail: string): Failure => ({ outcome: "Malformed", detail });
const raised = (detail: string): Failure => ({
  outcome: /^MemoryError\b/.test(detail) ? "OutOfMemory" : "RuntimeError",
  detail,
});

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The JSON of each whole frame, and how many bytes of a cut-off one are left; undefined where a frame is not JSON. */
export const parseFrames = (
  bytes: Buffer,
): { readonly messages: ReadonlyArray<unknown>; readonly rest: number } | undefined => {
  const messages: Array<unknown> = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const size = bytes.readUInt32BE(at);
    if (at + 4 + size > bytes.length) break;
    try {
      messages.push(JSON.parse(bytes.toString("utf8", at + 4, at + 4 + size)));
    } catch {
      return undefined;
    }
    at += 4 + size;
  }
  return { messages, rest: bytes.length - at };
};
