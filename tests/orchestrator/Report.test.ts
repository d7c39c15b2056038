import { assert, describe, it } from "@effect/vitest";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as Elapsed from "../../src/domain/Elapsed.ts";

const at = (seconds: number, event: RunEvent) => ({ seconds, event });
const progress: RunEvent = { _tag: "StageProgress", index: 0, done: 1, total: 9 };
const settled: RunEvent = { _tag: "BudgetCommitted", reservation: "r1", unit: "verifications", amount: 1 };
const verdict: RunEvent = {
  _tag: "VerdictRecorded",
  index: 0,
  round: 0,
  slot: 0,
  taskId: "t",
  outcome: "Passed",
  testsPassed: 1,
  testsTotal: 1,
  cached: false,
};
const resumed: RunEvent = { _tag: "RunResumed", checkpoint: null };

describe("the seconds of a run", () => {
  it("leave out the time in which no process ran it", () => {
    const log = [
      at(0, progress),
      at(10, settled),
      at(10, verdict),
      at(20, { _tag: "RunStopped", reason: "asked" }),
      at(1000, resumed),
      at(1005, progress),
      // Killed here; an hour later the next process finds a reservation left open.
      at(5000, settled),
      at(5003, resumed),
      at(5010, settled),
      at(5010, verdict),
    ].map(({ seconds, event }, i) => ({ seq: i + 1, at: seconds * 1000, event }));
    assert.strictEqual(Elapsed.activeSeconds(log), 20 + 5 + 7);
  });
});
