/**
 * Whole runs against each limit, of the run and of a stage: the stage ends in order, the log names the unit, and no limit
 * is passed at any event of the log; but for time, which nothing can hold back.
 */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { type Accounts, type Unit, units } from "../../src/domain/Budget.ts";
import type { LoggedEvent, RunEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import { initial } from "../../src/domain/RunState.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Stopped from "./Stopped.ts";
import * as TinyRun from "./TinyRun.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-limits-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));

/** Programs take hardly any CPU time and not the same twice: here each is said to have taken 40 ms of its 50. */
const SECONDS = 0.04;
const sandbox = Layer.effect(
  Sandbox,
  Effect.map(Sandbox, (inner) =>
    Sandbox.of({
      ...inner,
      verify: (task, program) =>
        Effect.map(inner.verify(task, program), (verdict) => ({ ...verdict, cpuSeconds: SECONDS })),
    }),
  ),
).pipe(Layer.provide(TinyRun.sandbox));

/** Limits that end a stage within a few rounds of eight programs; all others are far away. */
const LIMITS = {
  verifications: 11,
  generated: 21,
  generatedTokens: 450,
  cpuSeconds: 0.5,
  wallSeconds: 2,
  money: 0.12,
} satisfies { readonly [U in Unit]: number };

const online = (label: string, more: object = {}) => ({
  kind: "online",
  label,
  programsPerRound: 8,
  temperature: 1.5,
  updates: [{ training: "sft", steps: 1, learningRate: 0.003 }],
  validation: null,
  ...more,
});

const change = (budget: object, stages: ReadonlyArray<object>): Stopped.Change => ({
  budget: {
    verifications: 1000,
    generated: 1000,
    prices: { verification: 0.01, cpuSecond: 0, thousandTokens: 0.1, hour: 0 },
    ...budget,
  },
  sandbox: { cpuSeconds: 0.05 },
  evaluation: { samples: 1, greedy: false },
  stages: [...stages, { kind: "evaluate", label: "end" }],
});

const of = <T extends RunEvent["_tag"]>(events: ReadonlyArray<LoggedEvent>, tag: T) =>
  events.flatMap(({ event }) => (event._tag === tag ? [event as Extract<RunEvent, { _tag: T }>] : []));

/** At every event of the log, of the run and of every stage. */
const holds = (events: ReadonlyArray<LoggedEvent>): void => {
  let state = initial;
  for (const logged of events) {
    state = RunFold.evolve(state, logged);
    const { event } = logged;
    const reserving = event._tag === "BudgetReserved" ? String(event.stage) : null;
    const all = [["", state.budgets] as const, ...Object.entries(state.stageBudgets)];
    for (const [stage, accounts] of all) {
      for (const unit of units) {
        const { limit, spent, reserved } = accounts[unit];
        if (limit === null) continue;
        if (unit !== "wallSeconds") {
          assert.isAtMost(spent + reserved, limit, `${unit} at event ${logged.seq}`);
        } else if (reserving !== null && (stage === "" || stage === reserving)) {
          // What time takes passes the limit; nothing is begun after it.
          assert.isBelow(spent, limit, `time is over, and event ${logged.seq} reserves`);
        }
      }
    }
  }
};

/** What an account leaves is less than the next thing would take, or no time at all. */
const isSpent = (unit: Unit, accounts: Accounts | undefined): void => {
  const { limit, spent, reserved } = accounts?.[unit] ?? { limit: null, spent: 0, reserved: 0 };
  const left = (limit ?? Number.POSITIVE_INFINITY) - spent;
  assert.strictEqual(reserved, 0, unit);
  const next = { verifications: 1, generated: 8, generatedTokens: 8 * 24, cpuSeconds: 100, wallSeconds: 0 };
  assert.isAtMost(left, unit === "money" ? 12_400 : next[unit], unit);
};

describe("a run that comes to a limit", () => {
  // That of verifications is met by most other tests of whole runs.
  for (const unit of units.slice(1)) {
    it.live(
      `${unit} of the run: its stage ends in order, and the log says why`,
      () =>
        Effect.gen(function* () {
          const { events, report, state } = yield* Stopped.whole(
            Path.join(root, unit),
            change({ [unit]: LIMITS[unit] }, [online("online")]),
            sandbox,
          );
          holds(events);
          assert.deepStrictEqual(of(events, "BudgetExhausted"), [
            { _tag: "BudgetExhausted", index: 0, unit },
          ]);
          isSpent(unit, state.budgets);
          // It has trained on what it paid for; the stage after it and the report are there.
          if (unit !== "wallSeconds") {
            // On a slow machine the time may be over before anything is written.
            assert.isAbove(of(events, "VerdictRecorded").length, 0);
            assert.isTrue(of(events, "Metrics").some(({ training }) => training === "sft"));
          }
          assert.deepStrictEqual(
            of(events, "StageFinished").map(({ index }) => index),
            [0, 1],
          );
          assert.isTrue(of(events, "CheckpointSaved").some(({ id }) => id === "stage-0-end"));
          assert.strictEqual(state.status, "finished");
          assert.strictEqual(report.evaluations.length, 1);
          assert.strictEqual(report.budget[unit]?.limit, LIMITS[unit]);
        }),
      120_000,
    );
  }

  for (const [unit, budget] of [
    ["wallSeconds", { wallSeconds: 2 }],
    ["money", { money: 2, prices: { verification: 0, cpuSecond: 0, thousandTokens: 0, hour: 3600 } }],
  ] as const) {
    it.live(
      `${unit} in an offline stage: it makes no further step, and what it learnt is kept`,
      () =>
        Effect.gen(function* () {
          const steps = 1_000_000;
          const offline = { kind: "offline", label: "sft", training: "sft", steps, learningRate: 0.003 };
          const { events, report, state } = yield* Stopped.whole(
            Path.join(root, `offline-${unit}`),
            change(budget, [offline]),
            sandbox,
          );
          assert.deepStrictEqual(of(events, "BudgetExhausted"), [
            { _tag: "BudgetExhausted", index: 0, unit },
          ]);
          const made = of(events, "Metrics").length;
          assert.isBelow(made, steps);
          assert.strictEqual(state.stages[0]?.done ?? 0, made);
          assert.isTrue(of(events, "CheckpointSaved").some(({ id }) => id === "stage-0-end"));
          assert.strictEqual(state.status, "finished");
          assert.strictEqual(report.evaluations.length, 1);
        }),
      120_000,
    );
  }

  it.live(
    "of a stage: each ends by its own, and leaves the run's to the next",
    () =>
      Effect.gen(function* () {
        const own = (unit: Unit) =>
          unit === "verifications" ? { verifications: LIMITS[unit] } : { budget: { [unit]: LIMITS[unit] } };
        const { events, report, state } = yield* Stopped.whole(
          Path.join(root, "stages"),
          change(
            {},
            units.map((unit) => online(unit, own(unit))),
          ),
          sandbox,
        );
        holds(events);
        assert.deepStrictEqual(
          of(events, "BudgetExhausted").map(({ index, unit }) => [index, unit]),
          units.map((unit, index) => [index, unit]),
        );
        for (const [index, unit] of units.entries()) isSpent(unit, state.stageBudgets[index]);
        assert.strictEqual(state.status, "finished");
        assert.deepStrictEqual(
          report.stages.map(({ label }) => label),
          [...units, "end"],
        );
        // What the stages spent is what the run spent.
        for (const unit of ["verifications", "generated", "generatedTokens", "cpuSeconds"] as const) {
          const sum = Object.values(state.stageBudgets).reduce(
            (total, accounts) => total + accounts[unit].spent,
            0,
          );
          assert.strictEqual(sum, state.budgets[unit].spent, unit);
        }
      }),
    180_000,
  );
});
