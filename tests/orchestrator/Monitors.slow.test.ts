import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as TinyRun from "./TinyRun.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-monitors-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

/** Learning rates 30 times too high, no warm-up, no offline data; the guard alone would let it happen. */
const wrong = (monitors: Readonly<Record<string, unknown>>, rounds = 3) => ({
  evaluation: { samples: 4 },
  budget: { verifications: 30, generated: 100 },
  stages: [
    { kind: "offline", label: "sft", training: "sft", steps: 60, learningRate: 0.01 },
    { kind: "offline", label: "cql", training: "cql", steps: 6, learningRate: 0.01 },
    { kind: "evaluate", label: "offline" },
    {
      kind: "online",
      label: "online",
      rounds,
      programsPerRound: 8,
      temperature: 1,
      offlineFraction: 0,
      updates: [
        { training: "sft", steps: 6, learningRate: 0.3 },
        { training: "cql", steps: 3, learningRate: 0.3 },
      ],
      validation: { samples: 2, maxDrop: 1 },
      monitors,
    },
    { kind: "evaluate", label: "online" },
  ],
});

const outcome = Effect.gen(function* () {
  const events = (yield* Report.allEvents).map(({ event }) => event);
  return { events, state: yield* (yield* RunStore).state };
});

const whole = Effect.fn(function* (name: string, change: Readonly<Record<string, unknown>>) {
  const config = yield* TinyRun.configure(Path.join(root, name), change);
  const { directory } = yield* TinyRun.create(config);
  return yield* Effect.gen(function* () {
    const report = yield* TinyRun.go(config);
    return { directory, report, ...(yield* outcome) };
  }).pipe(Effect.provide(TinyRun.services(directory)));
});

/** Stops like Ctrl-C after the first alarm, and resumes to the end. */
const interrupted = Effect.fn(function* (name: string, change: Readonly<Record<string, unknown>>) {
  const config = yield* TinyRun.configure(Path.join(root, name), change);
  const { directory } = yield* TinyRun.create(config);
  const stopped = yield* Effect.gen(function* () {
    const store = yield* RunStore;
    const commands = yield* Commands;
    yield* store.heads.pipe(
      Stream.mapEffect(() => store.state),
      Stream.filter(({ alarms }) => alarms.length > 0),
      Stream.take(1),
      Stream.runDrain,
      Effect.andThen(commands.submit({ command: { _tag: "Stop" }, from: "test" })),
      Effect.forkScoped,
    );
    return yield* Effect.flip(TinyRun.go(config));
  }).pipe(Effect.provide(TinyRun.services(directory)), Effect.scoped);
  assert.strictEqual(stopped._tag, "StopRequested");
  return yield* Effect.gen(function* () {
    const report = yield* TinyRun.go(config);
    return { directory, report, ...(yield* outcome) };
  }).pipe(Effect.provide(TinyRun.services(directory)));
});

const tagged = <T extends RunEvent["_tag"]>(events: ReadonlyArray<RunEvent>, tag: T) =>
  events.filter((event): event is Extract<RunEvent, { readonly _tag: T }> => event._tag === tag);

/** A value of each step of the online stage, by step. */
const series = (events: ReadonlyArray<RunEvent>, training: string, name: string): ReadonlyArray<number> =>
  tagged(events, "Metrics")
    .filter((event) => event.training === training && event.index === 3)
    .map(({ values }) => values[name]);

const passAt1 = ({ evaluations }: Report.Report, stage: string, temperature = 1): number =>
  evaluations.find((e) => e.stage === stage && e.temperature === temperature)?.passAt1 ?? Number.NaN;

const weights = (directory: string): Buffer =>
  Fs.readFileSync(Path.join(directory, "policy", "model.safetensors"));

describe("a run that goes wrong", () => {
  it.live(
    "trips monitors, rolls back at half the learning rate, and ends no worse than it began; resumed too",
    () =>
      Effect.gen(function* () {
        const change = wrong({});
        const { directory, report, events, state } = yield* whole("rollback", change);
        const alarms = tagged(events, "AlarmRaised");
        const first = alarms.filter(({ round }) => round === 0);
        assert.include(
          first.map(({ monitor }) => monitor),
          "syntax_valid",
        );
        assert.deepInclude(
          first.find(({ monitor }) => monitor === "syntax_valid"),
          {
            action: "rollback",
            limit: 0.05,
          },
        );
        assert.strictEqual(tagged(events, "RolledBack")[0].round, 0);
        // The rates after the first roll-back are half of those before it.
        assert.deepStrictEqual(
          [...new Set(series(events, "sft", "learning_rate").slice(0, 12))],
          [0.3, 0.15],
        );
        assert.isAbove(passAt1(report, "offline"), 0.2);
        for (const temperature of [0, 1])
          assert.isAtLeast(passAt1(report, "online", temperature), passAt1(report, "offline", temperature));
        assert.deepStrictEqual(report.alarms, state.alarms);
        assert.strictEqual(report.alarms.length, alarms.length);
        // Before the first round the policy is its own reference.
        const measured = tagged(events, "MonitorsMeasured");
        assert.strictEqual(measured[0].round, -1);
        assert.closeTo(measured[0].values["kl"], 0, 1e-6);
        assert.isAbove(measured[1].values["kl"], 0.5);
        for (const name of [
          "td_offline",
          "q_minus_return_offline",
          "cql_diff",
          "entropy",
          "length",
          "brier",
          "ece",
        ])
          assert.isTrue(Number.isFinite(measured[0].values[name]), name);

        const resumed = yield* interrupted("resumed", change);
        assert.isTrue(weights(resumed.directory).equals(weights(directory)));
        assert.deepStrictEqual(resumed.report.evaluations, report.evaluations);
        assert.deepStrictEqual(resumed.report.alarms, report.alarms);
      }),
    240_000,
  );

  it.live(
    "ends the stage where an alarm says so, goes on with the stages after it, and stays ended when resumed",
    () =>
      Effect.gen(function* () {
        const change = wrong({ syntax_valid: { action: "stop" } });
        const { events, report, directory } = yield* interrupted("stop", change);
        assert.strictEqual(tagged(events, "RoundFinished").at(-1)?.round, 0);
        assert.strictEqual(tagged(events, "RolledBack")[0].checkpoint, "stage-1-end");
        assert.isTrue(Fs.existsSync(Path.join(directory, "policy", "model.safetensors")));
        assert.strictEqual(passAt1(report, "online"), passAt1(report, "offline"));
      }),
    240_000,
  );

  it.live(
    "raises the share of offline data",
    () =>
      Effect.gen(function* () {
        const monitors = {
          pass_at_1: null,
          syntax_valid: null,
          td_offline: null,
          kl: { limit: 0, action: "raise-offline" },
        };
        const { events } = yield* whole("raise", wrong(monitors, 3));
        assert.strictEqual(tagged(events, "RolledBack").length, 0);
        const shares = [...new Set(series(events, "sft", "offline_fraction"))];
        assert.deepStrictEqual(shares, [0, 0.25, 0.5]);
      }),
    240_000,
  );
});
