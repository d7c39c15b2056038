/**
 * The verdict of a run in a slot, made outside its container from what the supervisor saw. The same for every language.
 *
 * Exit codes and printed words never make a pass of call and assert tests: it takes the expected answers, or the
 * checker's word that every assert held. How the program's process ended only says which failure it was.
 */
import * as Schema from "effect/Schema";
import { type AssertTests, type CallTests, type Limits, type Tests, testCount } from "../../domain/Task.ts";
import { Outcome } from "../../domain/Verdict.ts";
import type { Seen } from "../docker/Protocol.ts";
import * as CallAnswer from "./CallAnswer.ts";
import * as Ending from "./Ending.ts";
import * as Frames from "./Frames.ts";
import { conclude, type Failure, fault, type Judgement, range } from "./Judgement.ts";
import * as StdioVerdict from "./StdioVerdict.ts";

/** `tests`: the task's; calls and asserts were run in its order, stdio tests in that of `TestOrder`. */
export const judge = (rules: CallAnswer.Rules, tests: Tests, limits: Limits, seen: Seen): Judgement => {
  if (tests.kind === "stdio") return StdioVerdict.judge(tests, limits, seen);
  const parsed = Frames.parse(seen.answers);
  if (parsed === undefined || (parsed.rest > 0 && seen.killed === null && "exit" in seen.ended)) {
    return stopped(tests, seen, 0, malformed("broken frames"));
  }
  return tests.kind === "call"
    ? judgeCalls(rules, tests, limits, parsed.messages, seen)
    : judgeChecker(tests, limits, parsed.messages, seen);
};

/** A run that ended at test `passed`, all before it passed; behind the last one where all did. `run`: tests begun. */
const stopped = (
  tests: Tests,
  seen: Seen,
  passed: number,
  failure: Failure | undefined,
  run?: number,
): Judgement => {
  const total = testCount(tests);
  const firstFailing = failure !== undefined && passed < total ? passed : undefined;
  const failing = tests.counts === true ? range(passed, total) : undefined;
  return conclude({ total, passed, failure, firstFailing, failing, output: seen.output, run }, seen);
};

const killedFromOutside = (seen: Seen): Judgement =>
  fault(`the program's process was killed from outside (${seen.errors})`, true);

/** Call style: the program's own answers, compared here. */
const judgeCalls = (
  rules: CallAnswer.Rules,
  tests: CallTests,
  limits: Limits,
  messages: ReadonlyArray<unknown>,
  seen: Seen,
): Judgement => {
  const [hello, ...answers] = messages;
  const gone = Ending.failure(limits, seen);
  if (hello === undefined) {
    return gone === undefined ? killedFromOutside(seen) : stopped(tests, seen, 0, gone);
  }
  if (!Frames.isRecord(hello)) return stopped(tests, seen, 0, malformed("no hello"));
  if (hello["ready"] !== true) {
    const said = hello["e"];
    const error = Ending.raised(typeof said === "string" ? said : "an error that is no text");
    const failure: Failure = hello["stage"] === "compile" ? { ...error, outcome: "CompileError" } : error;
    return stopped(tests, seen, 0, failure, 0);
  }
  const accepts = CallAnswer.judge(rules, tests);
  const total = testCount(tests);
  let passed = 0;
  let first: { readonly firstFailing: number; readonly failure: Failure } | undefined;
  const failed: Array<number> = [];
  for (let index = 0; index < total && (first === undefined || tests.counts === true); index++) {
    const answer = answers[index];
    if (answer === undefined && gone === undefined) return killedFromOutside(seen);
    const failure = answer === undefined ? gone : answerFailure(accepts, index, answer);
    if (failure === undefined) passed += 1;
    else {
      failed.push(index);
      first ??= { firstFailing: index, failure };
    }
  }
  // All calls are asked, whatever is answered: the program's process knows of no failure.
  const run = Math.min(total, answers.length + (gone === undefined ? 0 : 1));
  const failing = tests.counts === true ? failed : undefined;
  if (first !== undefined) {
    return conclude({ total, passed, ...first, failing, output: seen.output, run }, seen);
  }
  const more = answers.length > total ? malformed("more answers than calls") : undefined;
  return stopped(
    tests,
    seen,
    passed,
    more ?? (seen.killed === "output" ? Ending.outputLimit : undefined),
    run,
  );
};

/** What is wrong with the answer to the task's test `index`. */
const answerFailure = (accepts: CallAnswer.Judge, index: number, answer: unknown): Failure | undefined => {
  if (!Frames.isRecord(answer)) return malformed("an answer that is no object");
  if (typeof answer["e"] === "string") return Ending.raised(answer["e"]);
  if (!("r" in answer)) return malformed("neither answer nor error");
  const detail = accepts(index, answer["r"]);
  return detail === undefined ? undefined : { outcome: "WrongAnswer", detail };
};

/** The checker's one message. The checker is ours, so this is decoded rather than doubted. */
const CheckerVerdict = Schema.Struct({
  passed: Schema.Int,
  outcome: Schema.Union([Outcome, Schema.Literals(["Gone", "BadTest"])]),
  detail: Schema.String,
  /** The first assert that did not hold, where all were run and counted, and all of them, as far as it came. */
  first: Schema.optionalKey(Schema.Int),
  failed: Schema.optionalKey(Schema.Array(Schema.Int)),
});
const isCheckerVerdict = Schema.is(CheckerVerdict);

/** Assert style: what the checker said, and why the program's process is gone where it only knows that it is. */
const judgeChecker = (
  tests: AssertTests,
  limits: Limits,
  messages: ReadonlyArray<unknown>,
  seen: Seen,
): Judgement => {
  const total = testCount(tests);
  const gone = Ending.failure(limits, seen);
  const [said] = messages;
  if (said === undefined) {
    if (gone !== undefined && (seen.killed !== null || seen.oomKilled)) return stopped(tests, seen, 0, gone);
    return fault(`the checker said nothing (${seen.errors})`, true);
  }
  if (messages.length !== 1 || !isCheckerVerdict(said)) return fault("the checker sent no verdict", true);
  const { passed, outcome, detail, first, failed = [] } = said;
  const ended = (failure: Failure): Judgement => {
    const firstFailing = first ?? (passed < total ? passed : undefined);
    // Those that it did not come to are the last ones.
    const failing = tests.counts === true ? [...failed, ...range(passed + failed.length, total)] : undefined;
    const run = tests.counts === true ? undefined : begunOf(said, total);
    return conclude({ total, passed, failure, firstFailing, failing, output: seen.output, run }, seen);
  };
  if (outcome === "BadTest") return fault(`the task's tests fail by themselves: ${detail}`, false);
  if (outcome === "Gone") return gone === undefined ? killedFromOutside(seen) : ended(gone);
  if (outcome === "RuntimeError") return ended(Ending.raised(detail));
  if (outcome !== "Passed") return ended({ outcome, detail });
  if (passed !== total) return fault("the checker miscounted", false);
  return stopped(tests, seen, passed, seen.killed === "output" ? Ending.outputLimit : undefined, passed);
};

/** Tests that a checker began, which stops at the first failure; undefined where the program may have ended before. */
const begunOf = ({ passed, outcome }: typeof CheckerVerdict.Type, total: number): number | undefined => {
  if (outcome === "CompileError") return 0;
  if (passed === 0 && (outcome === "RuntimeError" || outcome === "Gone")) return undefined;
  return Math.min(total, passed + 1);
};

const malformed = (detail: string): Failure => ({ outcome: "Malformed", detail });
