/** What is left of a budget, at what rate, and for how long: by hand, and for any run. */
import { assert, describe, it } from "@effect/vitest";
import * as fc from "fast-check";
import { type Amounts, type Unit, units } from "../../src/domain/Budget.ts";
import * as Forecast from "../../src/domain/Forecast.ts";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as Fixture from "../store/Fixture.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const started = (limits: Amounts, stage: Amounts, hour = 0): RunEvent => ({
  ...Fixture.started(limits),
  stages: [
    { kind: "offline", label: "sft" },
    { kind: "online", label: "online", limits: stage },
  ],
  prices: { verification: 0, cpuSecond: 0, thousandTokens: 0, hour },
});
const begun = (index: number): RunEvent => ({
  _tag: "StageStarted",
  index,
  kind: index === 0 ? "offline" : "online",
  label: "",
  total: 1,
  unit: "verification",
});
let reservations = 0;
const spent = (unit: Unit, amount: number, stage = 1): ReadonlyArray<RunEvent> => {
  const of = { reservation: `r${++reservations}`, unit, amount, stage };
  return [
    { _tag: "BudgetReserved", ...of },
    { _tag: "BudgetCommitted", ...of },
  ];
};
/** The fold of events at these times. */
const stateOf = (...at: ReadonlyArray<readonly [millis: number, event: RunEvent]>) =>
  RunFold.replay(at.map(([time, event], i) => ({ seq: i + 1, at: time, event })));

describe("the forecast of a budget", () => {
  it("golden: half an hour offline, half an hour online, money by the hour", () => {
    // Two hours and 4 of money at 2 an hour; 100 verifications, 40 of them for the stage; 50 CPU seconds.
    const limits = {
      verifications: 100,
      generated: 1000,
      cpuSeconds: 50_000,
      wallSeconds: 2 * HOUR,
      money: 4e6,
    };
    const state = stateOf(
      [0, started(limits, { verifications: 40 }, 2)],
      [0, begun(0)],
      [HOUR / 2, begun(1)],
      ...[...spent("verifications", 20), ...spent("cpuSeconds", 10_000)].map(
        (event) => [HOUR / 2 + 20 * MINUTE, event] as const,
      ),
      [
        HOUR / 2 + 25 * MINUTE,
        { _tag: "BudgetReserved", reservation: "open", unit: "verifications", amount: 2, stage: 1 },
      ],
    );
    const { rows, first } = Forecast.of(state, HOUR);
    const row = (unit: Unit) => rows.find((found) => found.unit === unit);
    // 20 in half an hour; 40 - 20 - 2 = 18 are left to the stage, at 40 an hour: 27 minutes.
    assert.deepStrictEqual(row("verifications"), {
      unit: "verifications",
      limit: 100,
      spent: 20,
      reserved: 2,
      left: 78,
      ratePerHour: 40,
      secondsLeft: 27 * 60,
    });
    // 10 s in half an hour; 40 s are left: two hours.
    assert.deepInclude(row("cpuSeconds"), { spent: 10, left: 40, ratePerHour: 20, secondsLeft: 7200 });
    // An hour of two is gone, though the stage has taken half of one.
    assert.deepInclude(row("wallSeconds"), { spent: 3600, left: 3600, ratePerHour: 3600, secondsLeft: 3600 });
    // 2 of 4 are gone at 2 an hour.
    assert.deepInclude(row("money"), { spent: 2, left: 2, ratePerHour: 2, secondsLeft: 3600 });
    // Nothing is written yet: no rate, no end.
    assert.deepInclude(row("generated"), { spent: 0, left: 1000, ratePerHour: 0, secondsLeft: null });
    assert.isUndefined(row("generatedTokens"));
    assert.deepStrictEqual(first, { unit: "verifications", secondsLeft: 27 * 60 });
  });

  it("golden: says nothing of a rate where no online stage runs", () => {
    const state = stateOf([0, started({ verifications: 10, generated: 10 }, {})], [0, begun(0)]);
    const { rows, first } = Forecast.of(state, HOUR);
    assert.isNull(first);
    assert.isTrue(rows.every(({ ratePerHour, secondsLeft }) => ratePerHour === null && secondsLeft === null));
    assert.deepStrictEqual(
      rows.map(({ unit, spent: taken }) => [unit, taken]),
      [
        ["verifications", 0],
        ["generated", 0],
        ["wallSeconds", 3600],
      ],
    );
  });

  const amount = fc.integer({ min: 1, max: 1_000_000 });
  const spendable = units.filter((unit) => unit !== "wallSeconds");
  const limits = fc.record(Object.fromEntries(units.map((unit) => [unit, amount])), { requiredKeys: [] });
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: HOUR }), fc.constantFrom(...spendable), amount), {
    maxLength: 8,
  });
  const anyRun = fc.record({ run: limits, stage: limits, hour: fc.constantFrom(0, 1), steps, more: amount });

  it("is never negative or infinite, and the first to end is the least, for any run", () => {
    fc.assert(
      fc.property(anyRun, ({ run, stage, hour, steps: taken, more }) => {
        let time = 0;
        const events = taken.flatMap(([gone, unit, parts]) => {
          time += gone;
          return spent(unit, parts).map((event) => [time, event] as const);
        });
        const state = stateOf([0, started(run, stage, hour)], [0, begun(1)], ...events);
        const { rows, first } = Forecast.of(state, time + more);
        for (const row of rows) {
          for (const value of [
            row.limit,
            row.spent,
            row.reserved,
            row.left,
            row.ratePerHour,
            row.secondsLeft,
          ]) {
            if (value !== null) assert.isTrue(Number.isFinite(value) && value >= 0, JSON.stringify(row));
          }
          if (row.limit !== null) {
            const rest = Math.max(0, row.limit - row.spent - row.reserved);
            assert.closeTo(row.left ?? -1, rest, 1e-9 * row.limit, row.unit);
          }
        }
        const ends = rows.flatMap(({ secondsLeft }) => (secondsLeft === null ? [] : [secondsLeft]));
        assert.strictEqual(first?.secondsLeft ?? Infinity, Math.min(Infinity, ...ends));
        if (first !== null) {
          assert.strictEqual(rows.find(({ unit }) => unit === first.unit)?.secondsLeft, first.secondsLeft);
        }
      }),
    );
  });

  it("comes nearer as time passes, by as much, where time is what ends it", () => {
    fc.assert(
      fc.property(amount, amount, (a, b) => {
        const state = stateOf([0, started({ wallSeconds: 10 * HOUR }, {})], [0, begun(1)]);
        const left = (now: number) => Forecast.of(state, now).first?.secondsLeft ?? NaN;
        assert.closeTo(left(a) - left(a + b), b / 1000, 1e-6 * HOUR);
      }),
    );
  });
});
