/** A guard on offline stages: what a run does that goes wrong there, and that a resumed one does the same. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type { LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import type * as Report from "../../src/orchestrator/Report.ts";
import * as Stopped from "./Stopped.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-offline-monitors-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

const of = <T extends RunEvent["_tag"]>(events: ReadonlyArray<LoggedEvent>, tag: T) =>
  events.flatMap(({ event }) => (event._tag === tag ? [event as Extract<RunEvent, { _tag: T }>] : []));

/** A good stage, and one at a learning rate 30 times too high, a critic along with it. */
const stages = (guard: Stopped.Change, last: Stopped.Change = {}) => ({
  evaluation: { samples: 4 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 60, learningRate: 0.01 },
    { kind: "evaluate", label: "before" },
    {
      kind: "offline",
      label: "wrong",
      training: "sft",
      steps: 14,
      learningRate: 0.3,
      schedule: "constant",
      also: [{ training: "cql", learningRate: 0.003 }],
      ...guard,
    },
    { kind: "evaluate", label: "after" },
    { kind: "offline", label: "last", training: "sft", steps: 4, learningRate: 0.01, ...last },
  ],
  checkpointEverySteps: 3,
});

/** The monitors alone: the guard on the best checkpoint would let it happen. */
const validation = { samples: 2, maxDrop: 1, everySteps: 4 };

const passAt1 = ({ evaluations }: Report.Report, stage: string, temperature = 1): number =>
  evaluations.find((e) => e.stage === stage && e.temperature === temperature)?.passAt1 ?? Number.NaN;

/** Learning rates of the watched stage's steps. */
const rates = (events: ReadonlyArray<LoggedEvent>, training: string) =>
  of(events, "Metrics")
    .filter((event) => event.index === 2 && event.training === training)
    .map(({ values }) => values["learning_rate"]);

/** Events of steps up to one of the watched stage's: 60 of the stage before it, two a step. */
const metricsAfter = (step: number): number => 60 + 2 * step;

const folder = (name: string): string => Path.join(root, name);

let memo: Effect.Success<ReturnType<typeof Stopped.whole>> | undefined;
const watched = stages({ validation });
const watchedRun = Effect.gen(function* () {
  memo ??= yield* Stopped.whole(folder("watched"), watched);
  return memo;
});

describe("an offline stage that goes wrong", () => {
  it.live(
    "unwatched ends worse than it began; watched it trips monitors, rolls back at half the rates, and does not",
    () =>
      Effect.gen(function* () {
        const unwatched = yield* Stopped.whole(folder("unwatched"), stages({}));
        assert.isAbove(passAt1(unwatched.report, "before"), 0.2);
        assert.isBelow(passAt1(unwatched.report, "after"), passAt1(unwatched.report, "before") - 0.2);
        assert.strictEqual(of(unwatched.events, "MonitorsMeasured").length, 0);

        const { report, events, state } = yield* watchedRun;
        for (const temperature of [0, 1])
          assert.isAtLeast(passAt1(report, "after", temperature), passAt1(report, "before", temperature));
        // At the start, every four steps, and at the end.
        assert.deepEqual(
          of(events, "ValidationMeasured").map(({ round, step }) => [round, step]),
          [
            [-1, 0],
            [0, 4],
            [1, 8],
            [2, 12],
            [3, 14],
          ],
        );
        const [first] = of(events, "AlarmRaised").filter(({ monitor }) => monitor === "syntax_valid");
        assert.deepInclude(first, { index: 2, round: 0, step: 4, action: "rollback", limit: 0.05 });
        assert.deepInclude(of(events, "RolledBack")[0], { round: 0, step: 4, checkpoint: "stage-0-end" });
        assert.strictEqual(report.rollbacks, of(events, "RolledBack").length);
        assert.deepEqual(report.alarms, state.alarms);
        // The rates of both trainings are halved from there; the next stage has its own.
        assert.deepEqual(rates(events, "sft").slice(0, 8), [...Array(4).fill(0.3), ...Array(4).fill(0.15)]);
        assert.deepEqual(rates(events, "cql").slice(3, 5), [0.003, 0.0015]);
        const last = of(events, "Metrics").filter(({ index }) => index === 4);
        assert.strictEqual(last[0]?.values["learning_rate"], 0.01);
        // The policy at the start is its own reference, and the critic that goes along is probed.
        const [start, later] = of(events, "MonitorsMeasured");
        assert.closeTo(start?.values["kl"] ?? Number.NaN, 0, 1e-6);
        assert.isAbove(later?.values["kl"] ?? 0, 0.5);
        for (const name of ["td_offline", "q_minus_return_offline", "cql_diff", "entropy", "length", "brier"])
          assert.isTrue(Number.isFinite(start?.values[name]), name);
        assert.isUndefined(start?.values["q_minus_return_online"]);
        // That critic knew nothing at the start, which only its TD error is compared with.
        const critical = of(events, "AlarmRaised").filter(({ monitor }) =>
          /q_minus|cql_diff|ece|brier/.test(monitor),
        );
        assert.isTrue(critical.every(({ from, round }) => round > 0 && from !== null));
        // Nothing of it is counted against the budget.
        assert.strictEqual(report.budget.verifications.spent, 0);
      }),
    240_000,
  );

  for (const [how, stop] of [
    ["stopped", Stopped.interrupted],
    ["cut off", Stopped.cutOff],
  ] as const) {
    for (const [where, tag, count] of [
      ["before the first step", "ValidationMeasured", 1],
      ["between two measurements", "Metrics", metricsAfter(6)],
      ["as it begins to measure", "Metrics", metricsAfter(4)],
      ["after it measured", "AlarmRaised", 1],
      ["as it restores", "RolledBack", 1],
      ["as it begins to measure at its end", "Metrics", metricsAfter(14)],
    ] as const) {
      it.live(
        `${how} ${where} and resumed equals uninterrupted`,
        () =>
          Effect.gen(function* () {
            const straight = yield* watchedRun;
            const name = `${how}-${where}`.replaceAll(" ", "-");
            const resumed = yield* stop(folder(name), tag, count, watched);
            assert.deepEqual(resumed.report.alarms, straight.report.alarms);
            assert.strictEqual(resumed.report.rollbacks, straight.report.rollbacks);
            for (const stage of ["before", "after"])
              assert.strictEqual(passAt1(resumed.report, stage), passAt1(straight.report, stage));
            assert.isTrue(
              Stopped.weights(resumed.directory).equals(Stopped.weights(straight.directory)),
              "final weights differ",
            );
          }),
        240_000,
      );
    }
  }

  it.live(
    "ends where an alarm says so, and stays ended when resumed",
    () =>
      Effect.gen(function* () {
        const change = stages({ validation, monitors: { syntax_valid: { action: "stop" } } });
        const { events, report } = yield* Stopped.interrupted(folder("stop"), "AlarmRaised", 1, change);
        assert.strictEqual(rates(events, "sft").length, 4);
        assert.strictEqual(of(events, "RolledBack").at(-1)?.checkpoint, "stage-0-end");
        assert.strictEqual(passAt1(report, "after"), passAt1(report, "before"));
        assert.strictEqual(of(events, "Metrics").filter(({ index }) => index === 4).length, 4);
      }),
    240_000,
  );
});

describe("an offline stage that goes well", () => {
  it.live(
    "gives the same watched and unwatched",
    () =>
      Effect.gen(function* () {
        const well = (guard: Stopped.Change) => {
          const [good] = stages({}).stages;
          return { stages: [{ ...good, ...guard }], checkpointEverySteps: 7 };
        };
        const unwatched = yield* Stopped.whole(folder("well-unwatched"), well({}));
        const guard = { validation: { samples: 1, maxDrop: 1, everySteps: 20 } };
        const { directory, events } = yield* Stopped.whole(folder("well-watched"), well(guard));
        assert.strictEqual(of(events, "RolledBack").length, 0);
        assert.strictEqual(of(events, "ValidationMeasured").length, 4);
        assert.isTrue(
          Stopped.weights(directory).equals(Stopped.weights(unwatched.directory)),
          "final weights differ",
        );
        // What the guard gave at each checkpoint is what `drydock select` reads.
        assert.isTrue(Fs.existsSync(Path.join(directory, "validation", "00-sft.jsonl")));
      }),
    240_000,
  );
});
