import { assert, describe, it } from "@effect/vitest";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as SandboxMetrics from "../../src/domain/SandboxMetrics.ts";

const one: SandboxMetrics.SandboxMetrics = {
  ...SandboxMetrics.none,
  busy: 2,
  attempts: 10,
  faults: 1,
  outcomes: { Passed: 6, WrongAnswer: 3 },
};

describe("sandbox metrics", () => {
  it("of several sandboxes are their sums", () => {
    const other = { ...SandboxMetrics.none, busy: 1, outcomes: { Passed: 1, TimedOut: 2 } };
    const both = SandboxMetrics.add(one, other);
    assert.deepInclude(both, { busy: 3, attempts: 10, faults: 1 });
    assert.deepStrictEqual(both.outcomes, { Passed: 7, WrongAnswer: 3, TimedOut: 2 });
    assert.deepStrictEqual(SandboxMetrics.add(one, SandboxMetrics.none), one);
    assert.strictEqual(SandboxMetrics.verdicts(both), 12);
  });

  it("say what there was, and nothing of what there was none of", () => {
    assert.strictEqual(
      SandboxMetrics.describe(one),
      "9 verdicts (Passed 6, WrongAnswer 3), 1 faults of 10 runs",
    );
  });

  it("and the reason of a pause are part of a run's state; it goes with the pause", () => {
    const events: ReadonlyArray<RunEvent> = [
      { _tag: "SandboxMeasured", index: 0, round: 0, metrics: one },
      { _tag: "SandboxTripped", attempts: 10, faults: 9, reason: "why", remedy: "what" },
      { _tag: "RunPaused" },
    ];
    const logged = events.map((event, i) => ({ seq: i + 1, at: i, event }));
    const paused = RunFold.replay(logged);
    assert.deepInclude(paused, { sandboxMetrics: one, status: "paused", reason: "why", remedy: "what" });
    const on = RunFold.replay([{ seq: 4, at: 4, event: { _tag: "RunUnpaused" } }], paused);
    assert.deepInclude(on, { status: "running", reason: null, remedy: null });
  });
});
