import { assert, describe, it } from "@effect/vitest";
import * as Schema from "effect/Schema";
import * as fc from "fast-check";
import { type LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as RunState from "../../src/domain/RunState.ts";

/** Any events at all, from the schema itself: a new kind of event is covered without a change here. */
const anyEvents = Schema.Array(RunEvent);

const log = (...events: ReadonlyArray<RunEvent>): ReadonlyArray<LoggedEvent> =>
  events.map((event, i) => ({ seq: i + 1, at: 1000 * (i + 1), event }));

const freeze = <A>(value: A): A => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
};

const started: RunEvent = {
  _tag: "RunStarted",
  runId: "id",
  name: "name",
  seed: 7,
  formatVersion: 1,
  backend: "native",
  sandbox: "quickjs",
  stages: [
    { kind: "evaluate", label: "base" },
    { kind: "offline", label: "sft" },
    { kind: "online", label: "online" },
  ],
  limits: { verifications: 300, generated: 6000 },
  labelsOffline: 12,
};
const stage = (index: number, kind: string): RunEvent => ({
  _tag: "StageStarted",
  index,
  kind,
  label: kind,
  total: 100,
  unit: "step",
});
const evaluation = (index: number, passAt1: number, temperature = 1): RunEvent => ({
  _tag: "EvaluationFinished",
  index,
  result: {
    stage: "base",
    temperature,
    passAt1,
    passAt10: null,
    tasks: 10,
    samplesPerTask: 1,
    interval: [0, 1],
    tilt: 0,
    verifications: 10,
    cacheHits: 0,
  },
});

describe("RunState", () => {
  it.prop(
    "is total and pure: any log folds, and nothing that went in is changed",
    [anyEvents],
    ([events]) => {
      const logged = freeze(log(...events));
      let state = freeze(RunState.initial);
      for (const event of logged) state = freeze(RunFold.evolve(state, event));
      assert.strictEqual(state.lastSeq, events.length);
      assert.deepStrictEqual(state, RunFold.replay(logged));
    },
  );

  it.prop(
    "is the same whole or in pieces: a client may come in anywhere with the state so far",
    [anyEvents],
    ([events]) => {
      const logged = log(...events);
      const whole = RunFold.replay(logged);
      for (let cut = 0; cut <= logged.length; cut++) {
        assert.deepStrictEqual(
          RunFold.replay(logged.slice(cut), RunFold.replay(logged.slice(0, cut))),
          whole,
        );
      }
    },
  );

  it("is plain data", () => {
    const state = RunFold.replay(log(started, stage(0, "evaluate"), evaluation(0, 0.5)));
    assert.deepStrictEqual(JSON.parse(JSON.stringify(state)), state);
  });

  it("sums the budget: nothing is lost between reserved, spent and given back", () => {
    const move = fc.record({
      to: fc.constantFrom("BudgetCommitted" as const, "BudgetRefunded" as const, null),
      amount: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(move), (moves) => {
        const events = moves.flatMap(({ to, amount }, i): Array<RunEvent> => {
          const facts = { reservation: `r${i}`, unit: "verifications" as const, amount };
          return [{ _tag: "BudgetReserved", ...facts }, ...(to === null ? [] : [{ _tag: to, ...facts }])];
        });
        const sum = (to: string | null): number =>
          moves.filter((m) => m.to === to).reduce((total, { amount }) => total + amount, 0);
        const { verifications, generated } = RunFold.replay(log(started, ...events)).budgets;
        assert.deepStrictEqual(verifications, {
          limit: 300,
          spent: sum("BudgetCommitted"),
          reserved: sum(null),
        });
        assert.deepStrictEqual(generated, { limit: 6000, spent: 0, reserved: 0 });
      }),
    );
  });

  it("follows a run from start to end", () => {
    const state = RunFold.replay(
      log(
        started,
        stage(0, "evaluate"),
        evaluation(0, 0.25),
        evaluation(0, 0.4, 0),
        { _tag: "StageFinished", index: 0, seconds: 3 },
        stage(1, "offline"),
        { _tag: "Metrics", index: 1, training: "sft", step: 1, values: { loss: 2 } },
        { _tag: "Metrics", index: 1, training: "sft", step: 2, values: { loss: 1 } },
        { _tag: "StageProgress", index: 1, done: 2, total: 100 },
        { _tag: "PolicyPublished", version: 1, checkpoint: "c" },
        { _tag: "TiltChosen", beta: 2, tried: [] },
        { _tag: "RunPaused" },
      ),
    );
    assert.strictEqual(state.status, "paused");
    assert.deepStrictEqual(
      state.stages.map(({ status, done }) => [status, done]),
      [
        ["done", 0],
        ["running", 2],
        ["waiting", 0],
      ],
    );
    assert.deepStrictEqual(state.metrics["sft"], { index: 1, step: 2, values: { loss: 1 } });
    assert.strictEqual(state.evaluations.length, 2);
    assert.deepInclude(state, {
      stage: 1,
      policyVersion: 1,
      tilt: 2,
      startedAt: 1000,
      endedAt: null,
      labelsOffline: 12,
    });
    const end = RunFold.replay([{ seq: 13, at: 20_000, event: { _tag: "RunFinished", seconds: 19 } }], state);
    assert.deepInclude(end, { status: "finished", endedAt: 20_000, lastSeq: 13 });
  });

  it("goes back to the checkpoint of a resumed run, and keeps evaluations that were made", () => {
    const state = RunFold.replay(
      log(
        started,
        stage(0, "evaluate"),
        evaluation(0, 0.25),
        { _tag: "StageFinished", index: 0, seconds: 3 },
        { _tag: "CheckpointSaved", id: "start", stage: 0, done: 0 },
        stage(1, "offline"),
        { _tag: "StageProgress", index: 1, done: 40, total: 100 },
        { _tag: "RunFailed", reason: "the disk is full", remedy: "free space" },
        { _tag: "RunResumed", checkpoint: "start" },
      ),
    );
    assert.deepInclude(state, { status: "running", reason: null, endedAt: null, resumes: 1 });
    assert.deepStrictEqual(
      state.stages.map(({ status, done }) => [status, done]),
      [
        ["done", 0],
        ["waiting", 0],
        ["waiting", 0],
      ],
    );
    const again = RunFold.replay([{ seq: 10, at: 1, event: evaluation(0, 0.3) }], state);
    assert.deepStrictEqual(
      again.evaluations.map(({ result }) => result.passAt1),
      [0.3],
      "measured again: replaced, not doubled",
    );
  });

  it("sums what was spared and what verdicts changed, a round once", () => {
    const verdict = (more: object): RunEvent => ({
      _tag: "VerdictRecorded",
      index: 2,
      round: 0,
      slot: 0,
      taskId: "t",
      outcome: "WrongAnswer",
      testsPassed: 0,
      testsTotal: 10,
      cached: false,
      ...more,
    });
    const round: RunEvent = {
      _tag: "RoundFinished",
      index: 2,
      round: 0,
      verified: 3,
      cacheHits: 3,
      passed: 1,
      unverified: 0,
      solvedTasks: 9,
      sameOutcome: 2,
      unusable: 2,
      unchanged: 1,
    };
    const { savings } = RunFold.replay(
      log(
        started,
        verdict({ testsRun: 1 }),
        verdict({ testsRun: 10, outcome: "Passed" }),
        // It did not compile, and of the other nothing is known: neither could have run a test.
        verdict({ testsRun: 0 }),
        verdict({}),
        verdict({ cached: true, by: "repeat" }),
        verdict({ cached: true, by: "shared" }),
        // Of a log from before answers were told apart.
        verdict({ cached: true }),
        round,
        round,
      ),
    );
    assert.deepStrictEqual(savings, {
      free: { repeat: 1, equal: 0, syntax: 0, shared: 1 },
      tests: 20,
      testsRun: 11,
      verdicts: 3,
      sameOutcome: 2,
      unusable: 2,
      unchanged: 1,
    });
  });

  it("counts a round that a resumed run finishes again once", () => {
    const round: RunEvent = {
      _tag: "RoundFinished",
      index: 2,
      round: 0,
      verified: 3,
      cacheHits: 1,
      passed: 1,
      unverified: 4,
      solvedTasks: 9,
    };
    const back: RunEvent = {
      _tag: "RolledBack",
      index: 2,
      round: 0,
      from: 0.1,
      to: 0.3,
      checkpoint: "start",
    };
    const resumed: RunEvent = { _tag: "RunResumed", checkpoint: null };
    const once = RunFold.replay(log(started, round, back));
    assert.deepStrictEqual([once.counts.unverified, once.rollbacks], [4, 1]);
    const again = RunFold.replay(log(started, round, back, resumed, round, back));
    assert.deepStrictEqual([again.counts.unverified, again.rollbacks], [4, 1]);
    const next = RunFold.replay(log(started, round, back, { ...round, round: 1 }, { ...back, round: 1 }));
    assert.deepStrictEqual([next.counts.unverified, next.rollbacks], [8, 2]);
  });
});
