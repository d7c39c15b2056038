import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import type { Limits, StdioTests, Tests } from "../../src/domain/Task.ts";
import type { Verdict } from "../../src/domain/Verdict.ts";
import * as AttachStream from "../../src/sandbox/docker/AttachStream.ts";
import type { Seen } from "../../src/sandbox/docker/Protocol.ts";
import type { Rules } from "../../src/sandbox/judge/CallAnswer.ts";
import * as PythonAnswer from "../../src/sandbox/judge/PythonAnswer.ts";
import * as SlotVerdict from "../../src/sandbox/judge/SlotVerdict.ts";
import * as StdioVerdict from "../../src/sandbox/judge/StdioVerdict.ts";
import * as TestOrder from "../../src/sandbox/judge/TestOrder.ts";

const rules: Rules = { equals: PythonAnswer.equals, show: PythonAnswer.show };

const limits: Limits = { cpuSeconds: 2, wallSeconds: 10, memoryBytes: 1 << 28, outputBytes: 1 << 16 };
const calls: Tests = {
  kind: "call",
  visible: 0,
  cases: [
    { args: [1], expected: 1 },
    { args: [2], expected: 2 },
  ],
};
const checked: Tests = { kind: "assert", setup: "", asserts: ["assert f(1) == 1", "assert f(2) == 2"] };

const seen = (messages: ReadonlyArray<unknown>, more: Partial<Seen> = {}): Seen => ({
  id: 1,
  answers: Buffer.concat(messages.map(AttachStream.frame)).toString("base64"),
  ended: { exit: 0 },
  killed: null,
  oomKilled: false,
  cpuSeconds: 0.1,
  wallSeconds: 0.2,
  errors: "",
  memoryBytes: 1 << 20,
  output: "",
  ...more,
});

const outcome = (tests: Tests, what: Seen): string => {
  const judged = SlotVerdict.judge(rules, tests, limits, what);
  return judged.kind === "fault"
    ? judged.retry
      ? "fault"
      : "fault, final"
    : `${judged.verdict.outcome} ${judged.verdict.testsPassed}${judged.starved ? " starved" : ""}`;
};

const hello = { ready: true };
const said = (passed: number, word: string, detail = "") => [{ passed, outcome: word, detail }];

describe("SlotVerdict", () => {
  it("says how many tests were begun, and nothing where that cannot be told", () => {
    const begun = (tests: Tests, what: Seen): number | undefined => {
      const judged = SlotVerdict.judge(rules, tests, limits, what);
      return judged.kind === "fault" ? -1 : judged.verdict.testsRun;
    };
    // Calls are all asked, whatever was answered; a program that ended while it was asked began that one.
    assert.strictEqual(begun(calls, seen([hello, { r: 7 }, { r: 2 }])), 2);
    assert.strictEqual(begun(calls, seen([hello], { ended: { exit: 1 }, errors: "NameError: x" })), 1);
    assert.strictEqual(begun(calls, seen([{ ready: false, e: "NameError: x" }])), 0);
    // A checker stops at the first failure.
    assert.strictEqual(begun(checked, seen(said(0, "WrongAnswer"))), 1);
    assert.strictEqual(begun(checked, seen(said(1, "WrongAnswer"))), 2);
    assert.strictEqual(begun(checked, seen(said(1, "RuntimeError", "NameError: x"))), 2);
    assert.strictEqual(begun(checked, seen(said(2, "Passed"))), 2);
    assert.strictEqual(begun(checked, seen(said(0, "CompileError", "SyntaxError: x"))), 0);
    assert.strictEqual(begun(checked, seen(said(0, "RuntimeError", "NameError: x"))), undefined);
  });

  it("passes only on the expected answers or the checker's word", () => {
    assert.strictEqual(outcome(calls, seen([hello, { r: 1 }, { r: 2 }])), "Passed 2");
    assert.strictEqual(outcome(checked, seen(said(2, "Passed"))), "Passed 2");
    assert.strictEqual(outcome(calls, seen([])), "RuntimeError 0");
    assert.strictEqual(outcome(calls, seen([hello, { r: 1 }])), "RuntimeError 1");
    assert.strictEqual(outcome(calls, seen([hello, { r: 1 }, { r: 3 }])), "WrongAnswer 1");
    assert.strictEqual(outcome(calls, seen([hello, { r: 1 }, { r: 2 }, { r: 2 }])), "Malformed 2");
    assert.strictEqual(outcome(checked, seen([])), "fault");
    assert.strictEqual(outcome(checked, seen(said(1, "Passed"))), "fault, final");
    assert.strictEqual(outcome(checked, seen([...said(2, "Passed"), ...said(2, "Passed")])), "fault");
  });

  it("a wrong answer comes before a later time-out", () => {
    const late = { killed: "cpu", ended: { signal: 9 } } as const;
    assert.strictEqual(outcome(calls, seen([hello, { r: 7 }], late)), "WrongAnswer 0");
    assert.strictEqual(outcome(calls, seen([hello, { r: 1 }], late)), "TimedOut 1");
  });

  it("tells the ways to end apart", () => {
    for (const [tests, start] of [
      [calls, [hello]],
      [checked, said(0, "Gone")],
    ] as const) {
      const after = (more: Partial<Seen>) => outcome(tests, seen(start, more));
      assert.strictEqual(after({ ended: { exit: 0 } }), "RuntimeError 0");
      assert.strictEqual(after({ ended: { signal: 11 } }), "RuntimeError 0");
      assert.strictEqual(after({ ended: { signal: 31 } }), "Forbidden 0");
      assert.strictEqual(after({ ended: { signal: 9 }, oomKilled: true }), "OutOfMemory 0");
      assert.strictEqual(after({ ended: { signal: 9 }, killed: "cpu" }), "TimedOut 0");
      assert.strictEqual(after({ ended: { signal: 9 }, killed: "wall", cpuSeconds: 1.5 }), "TimedOut 0");
      assert.strictEqual(after({ ended: { signal: 9 }, killed: "wall" }), "TimedOut 0 starved");
      assert.strictEqual(after({ ended: { signal: 9 }, killed: "output" }), "OutputLimit 0");
      assert.strictEqual(after({ ended: { signal: 9 } }), "fault");
    }
  });

  it("blames a test that fails by itself on the dataset", () => {
    assert.strictEqual(outcome(checked, seen(said(0, "BadTest", "NameError"))), "fault, final");
  });

  it("reads errors of the program", () => {
    assert.strictEqual(outcome(calls, seen([{ stage: "compile", e: "SyntaxError: x" }])), "CompileError 0");
    assert.strictEqual(outcome(calls, seen([{ stage: "load", e: "NameError: x" }])), "RuntimeError 0");
    assert.strictEqual(outcome(calls, seen([hello, { e: "MemoryError: " }])), "OutOfMemory 0");
    assert.strictEqual(outcome(checked, seen(said(1, "RuntimeError", "MemoryError: "))), "OutOfMemory 1");
    assert.strictEqual(outcome(calls, seen([[], 5])), "Malformed 0");
  });
});

/** A verdict that must be one. */
const verdict = (tests: Tests, what: Seen): Verdict => {
  const judged = SlotVerdict.judge(rules, tests, limits, what);
  return judged.kind === "verdict" ? judged.verdict : assert.fail(judged.reason);
};

describe("SlotVerdict: counts and order", () => {
  const counted = { ...calls, counts: true };

  it("counts every call where asked to", () => {
    const some = verdict(counted, seen([hello, { r: 9 }, { r: 2 }]));
    assert.deepInclude(some, { outcome: "WrongAnswer", testsPassed: 1, testsTotal: 2, firstFailing: 0 });
    const raised = verdict(counted, seen([hello, { e: "ValueError: x" }, { r: 2 }]));
    assert.deepInclude(raised, { outcome: "RuntimeError", testsPassed: 1, firstFailing: 0 });
    const gone = verdict(counted, seen([hello, { r: 1 }], { ended: { signal: 9 }, killed: "cpu" }));
    assert.deepInclude(gone, { outcome: "TimedOut", testsPassed: 1, firstFailing: 1 });
    assert.deepStrictEqual([some.failing, raised.failing, gone.failing], [[0], [0], [1]]);
    const broken = verdict(counted, seen([{ stage: "load", e: "NameError: x" }]));
    assert.deepStrictEqual(broken.failing, [0, 1]);
    // Where the run stops at the first failure, no more than that one is known.
    assert.isUndefined(verdict(calls, seen([hello, { r: 9 }])).failing);
  });

  it("counts every assert where asked to", () => {
    const word = { passed: 1, outcome: "WrongAnswer", detail: "assert f(1) == 1", first: 0 };
    const some = verdict({ ...checked, counts: true }, seen([word]));
    assert.deepInclude(some, { outcome: "WrongAnswer", testsPassed: 1, firstFailing: 0 });
    const five: Tests = { ...checked, asserts: ["a", "b", "c", "d", "e"], counts: true };
    const gone = { passed: 2, outcome: "Gone", detail: "", first: 1, failed: [1] };
    const ended = verdict(five, seen([gone], { ended: { signal: 9 }, killed: "cpu" }));
    assert.deepInclude(ended, { outcome: "TimedOut", firstFailing: 1, failing: [1, 3, 4] });
  });

  it("runs visible stdio tests first and then the short ones, and leaves others as they are", () => {
    const inputs = ["visible, and long", "333", "1", "22", "4"];
    const tests: StdioTests = {
      kind: "stdio",
      comparison: "exact",
      visible: 1,
      cases: inputs.map((input) => ({ input, output: "" })),
    };
    assert.deepStrictEqual(TestOrder.order(tests), [0, 2, 4, 3, 1]);
    assert.deepStrictEqual(
      TestOrder.arrange(tests).cases.map(({ input }) => input),
      ["visible, and long", "1", "4", "22", "333"],
    );
    for (const others of [calls, checked]) {
      assert.deepStrictEqual(TestOrder.order(others), [0, 1]);
      assert.strictEqual(TestOrder.arrange(others), others);
    }
  });

  it("carries memory and the beginning of the output", () => {
    const full = verdict(
      calls,
      seen([hello, { r: 1 }, { r: 2 }], { output: "x".repeat(3000), memoryBytes: 77 }),
    );
    assert.strictEqual(full.output?.length, 2048);
    assert.strictEqual(full.memoryBytes, 77);
    assert.notProperty(full, "firstFailing");
  });

  it("takes no answer that is nested deeper than plain data", () => {
    const deep = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`) as unknown;
    const text = JSON.stringify({ r: 0 }).replace("0", `${"[".repeat(5000)}${"]".repeat(5000)}`);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(text.length);
    assert.isDefined(deep);
    const answers = Buffer.concat([AttachStream.frame(hello), size, Buffer.from(text)]).toString("base64");
    assert.strictEqual(outcome(calls, seen([], { answers })), "Malformed 0");
  });
});

const lines: StdioTests = {
  kind: "stdio",
  comparison: "exact",
  visible: 0,
  cases: ["333", "1", "22"].map((input) => ({ input, output: `${input}!` })),
};
const ran = (out: string, more: object = {}) => ({
  out,
  exit: 0,
  cpu: 0.1,
  killed: null,
  oom: false,
  ...more,
});

describe("StdioVerdict", () => {
  it("passes on what was printed for every input", () => {
    assert.strictEqual(outcome(lines, seen([ran("1!\n"), ran("22!"), ran("333! \n\n")])), "Passed 3");
    const wrong = verdict(lines, seen([ran("1!"), ran("no"), ran("333!")]));
    assert.deepInclude(wrong, { outcome: "WrongAnswer", testsPassed: 1, firstFailing: 2, output: "no" });
    assert.strictEqual(wrong.detail, 'expected "22!", printed "no"');
    assert.strictEqual(
      outcome({ ...lines, counts: true }, seen([ran("1!"), ran("no"), ran("333!")])),
      "WrongAnswer 2",
    );
    const counted = { ...lines, counts: true };
    const { failing, firstFailing } = verdict(counted, seen([ran("no"), ran("22!"), ran("no")]));
    assert.deepStrictEqual([failing, firstFailing], [[0, 1], 1]);
    // What was not run, as the answers grew too large, is not passed.
    assert.deepStrictEqual(verdict(counted, seen([ran("no")])).failing, [0, 1, 2]);
  });

  it("tells the ways to end apart", () => {
    const { exit: _, ...noExit } = ran("");
    const end = (last: object, more: Partial<Seen> = {}) =>
      outcome(lines, seen([ran("1!"), { ...noExit, ...last }], more));
    assert.strictEqual(end({ exit: 1 }), "RuntimeError 1");
    assert.strictEqual(end({ exit: 1 }, { errors: "Traceback\nMemoryError\n" }), "OutOfMemory 1");
    assert.strictEqual(
      end({ exit: 1 }, { errors: "  File x\nSyntaxError: invalid syntax\n" }),
      "CompileError 1",
    );
    assert.strictEqual(end({ signal: 11 }), "RuntimeError 1");
    assert.strictEqual(end({ signal: 6 }, { errors: "  what():  std::bad_alloc\n" }), "OutOfMemory 1");
    assert.strictEqual(end({ signal: 31 }), "Forbidden 1");
    assert.strictEqual(end({ signal: 9, oom: true }), "OutOfMemory 1");
    assert.strictEqual(end({ signal: 9, killed: "cpu" }), "TimedOut 1");
    assert.strictEqual(end({ signal: 9, killed: "wall" }), "TimedOut 1 starved");
    assert.strictEqual(end({ signal: 9, killed: "wall", cpu: 1.5 }), "TimedOut 1");
    assert.strictEqual(end({ signal: 9, killed: "output" }), "OutputLimit 1");
    assert.strictEqual(end({ signal: 9 }), "fault");
    // The right output of a program that crashed behind it is no pass, and one that was killed neither.
    assert.strictEqual(end({ exit: 3, out: "22!" }), "RuntimeError 1");
    assert.strictEqual(end({ exit: 0, out: "22!", killed: "output" }), "OutputLimit 1");
  });

  it("is a fault where tests are missing, too many or unreadable", () => {
    assert.strictEqual(outcome(lines, seen([ran("1!")])), "fault");
    assert.strictEqual(outcome(lines, seen(Array.from({ length: 4 }, () => ran("1!")))), "fault");
    assert.strictEqual(outcome(lines, seen([{ out: 5 }])), "fault");
    assert.strictEqual(outcome(lines, seen([], { answers: "////" })), "fault");
  });

  it("goes from batch to batch as long as all is well", () => {
    const many: StdioTests = {
      ...lines,
      cases: Array.from({ length: 9 }, () => ({ input: "", output: "" })),
    };
    assert.deepStrictEqual(StdioVerdict.batches(many), [1, 4, 4]);
    assert.deepStrictEqual(StdioVerdict.batches({ ...many, counts: true }), [9]);
    assert.deepStrictEqual(StdioVerdict.batches(lines), [1, 2]);
    const first = seen([ran("1!")], { cpuSeconds: 1, wallSeconds: 2, memoryBytes: 50 });
    assert.isTrue(StdioVerdict.undecided(lines, limits, first));
    assert.isFalse(StdioVerdict.undecided(lines, limits, seen([ran("2!")])));
    const rest = seen([ran("22!"), ran("333!")], { cpuSeconds: 1, wallSeconds: 2, memoryBytes: 40 });
    const whole = verdict(lines, StdioVerdict.merge(first, rest));
    assert.deepInclude(whole, { outcome: "Passed", cpuSeconds: 2, wallSeconds: 4, memoryBytes: 50 });
  });
});

describe("any judge", () => {
  it("is total over whatever bytes come, and passes nothing by chance", () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((raw) => Buffer.from(raw).toString("base64"));
    const frames = fc
      .array(fc.oneof(fc.jsonValue(), fc.constant(hello), fc.record({ r: fc.jsonValue() })), { maxLength: 4 })
      .map((messages) => seen(messages).answers);
    const end = fc.record({
      answers: fc.oneof(bytes, frames),
      ended: fc.oneof(fc.record({ exit: fc.nat(255) }), fc.record({ signal: fc.nat(40) })),
      killed: fc.constantFrom(null, "cpu", "wall", "output"),
      oomKilled: fc.boolean(),
    });
    const unlike = { ...calls, cases: [{ args: [], expected: "no chance" }] };
    const counts = true;
    for (const tests of [unlike, { ...unlike, counts }, checked, lines, { ...lines, visible: 3, counts }]) {
      fc.assert(
        fc.property(end, (more) => {
          const judged = SlotVerdict.judge(rules, tests, limits, seen([], more));
          if (judged.kind === "fault") return;
          const { outcome: word, testsPassed, testsTotal, firstFailing, failing = [] } = judged.verdict;
          assert.notStrictEqual(word, "Passed");
          if (!("counts" in tests)) return;
          assert.strictEqual(testsPassed + failing.length, testsTotal);
          assert.strictEqual(failing[0], firstFailing);
        }),
      );
    }
  });
});
