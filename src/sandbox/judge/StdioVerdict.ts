/**
 * The verdict of stdio tests: what the program printed for each input, compared here with what it should have.
 *
 * The supervisor runs the inputs in batches, knows no expected output, and writes one frame a test itself, so a program
 * cannot forge how it ended. A test is passed by the expected output of a process that ended well (exit code 0).
 */
import * as Schema from "effect/Schema";
import { type Limits, type StdioTests, testCount } from "../../domain/Task.ts";
import type { Seen } from "../docker/Protocol.ts";
import * as Ending from "./Ending.ts";
import * as Frames from "./Frames.ts";
import { conclude, type Failure, fault, type Judgement } from "./Judgement.ts";
import * as StdioAnswer from "./StdioAnswer.ts";
import * as TestOrder from "./TestOrder.ts";

/** Tests of each batch, in the order of the run: most wrong programs fail the first, most others one of the next. */
export const batches = (tests: StdioTests): ReadonlyArray<number> => {
  const total = testCount(tests);
  if (tests.counts === true) return [total];
  return [Math.min(1, total), Math.min(4, total - 1), total - 5].filter((size) => size > 0);
};

/** What became of one test, as the supervisor wrote it. */
const TestFrame = Schema.Struct({
  out: Schema.String,
  exit: Schema.optionalKey(Schema.Int),
  signal: Schema.optionalKey(Schema.Int),
  /** Seconds. */
  cpu: Schema.Number,
  killed: Schema.NullOr(Schema.Literals(["cpu", "wall", "output"])),
  oom: Schema.Boolean,
});
type TestFrame = typeof TestFrame.Type;
const isTestFrames = Schema.is(Schema.Array(TestFrame));

/** Two batches of one run as one. */
export const merge = (before: Seen, after: Seen): Seen => ({
  ...after,
  answers: Buffer.concat([before.answers, after.answers].map((text) => Buffer.from(text, "base64"))).toString(
    "base64",
  ),
  cpuSeconds: before.cpuSeconds + after.cpuSeconds,
  wallSeconds: before.wallSeconds + after.wallSeconds,
  memoryBytes: Math.max(before.memoryBytes, after.memoryBytes),
});

/** Whether the batches run so far (merged) decide nothing yet, so that the next one is to be run. */
export const undecided = (tests: StdioTests, limits: Limits, seen: Seen): boolean => {
  const frames = framesOf(seen);
  const failures = frames === undefined ? undefined : results(tests, limits, seen, frames);
  return failures?.every((failure) => failure === undefined) === true;
};

/** `tests`: the task's; they were run in the order of `TestOrder`. */
export const judge = (tests: StdioTests, limits: Limits, seen: Seen): Judgement => {
  const total = testCount(tests);
  const order = TestOrder.order(tests);
  const frames = framesOf(seen);
  if (frames === undefined || frames.length > total) {
    return fault("the supervisor sent no readable test results", true);
  }
  const failures = results(tests, limits, seen, frames);
  if (failures === undefined) {
    return fault(`the program's process was killed from outside (${seen.errors})`, true);
  }
  const place = failures.findIndex((failure) => failure !== undefined);
  if (place === -1) {
    return frames.length < total
      ? fault(`the supervisor ran ${frames.length} of ${total} tests (${seen.errors})`, true)
      : conclude({ total, passed: total, run: total }, seen);
  }
  const failure = failures[place];
  const passed = tests.counts === true ? failures.filter((f) => f === undefined).length : place;
  const failing =
    tests.counts === true
      ? order.filter((_, at) => at >= failures.length || failures[at] !== undefined).sort((a, b) => a - b)
      : undefined;
  const result = { total, passed, failure, firstFailing: order[place], failing, output: frames[place]?.out };
  return conclude({ ...result, run: frames.length }, seen);
};

const framesOf = (seen: Seen): ReadonlyArray<TestFrame> | undefined => {
  const parsed = Frames.parse(seen.answers);
  return parsed !== undefined && parsed.rest === 0 && isTestFrames(parsed.messages)
    ? parsed.messages
    : undefined;
};

/** Why each test that was run failed, in the order of the run; undefined where one was ended from outside. */
const results = (
  tests: StdioTests,
  limits: Limits,
  seen: Seen,
  frames: ReadonlyArray<TestFrame>,
): ReadonlyArray<Failure | undefined> | undefined => {
  const matches = StdioAnswer.judges[tests.comparison];
  const order = TestOrder.order(tests);
  const failures: Array<Failure | undefined> = [];
  for (const [place, frame] of frames.entries()) {
    if (frame.exit === 0 && frame.killed === null && !frame.oom) {
      const expected = tests.cases[order[place] ?? 0]?.output ?? "";
      failures.push(matches(frame.out, expected) ? undefined : wrong(frame.out, expected));
    } else {
      // The error stream is that of the batch, and so of its last test.
      const failure = crash(limits, frame, place === frames.length - 1 ? seen.errors : "");
      if (failure === undefined) return undefined;
      failures.push(failure);
    }
  }
  return failures;
};

const crash = (limits: Limits, frame: TestFrame, errors: string): Failure | undefined => {
  const { exit, signal = 0, killed, oom: oomKilled, cpu: cpuSeconds } = frame;
  const ended = exit === undefined ? { signal } : { exit };
  const why = Ending.failure(limits, { ended, killed, oomKilled, cpuSeconds, errors });
  if (exit === undefined || why?.outcome !== "RuntimeError") return why;
  const line = Ending.lastLine(errors);
  if (exit === 1 && /^(Syntax|Indentation|Tab)Error\b/.test(line))
    return { outcome: "CompileError", detail: line };
  return line === "" ? { ...why, detail: `exited with code ${exit}` } : Ending.raised(line);
};

const wrong = (out: string, expected: string): Failure => ({
  outcome: "WrongAnswer",
  detail: `expected ${clip(expected)}, printed ${clip(out)}`,
});

const clip = (text: string): string => JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`);
