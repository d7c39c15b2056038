import { assert, describe, it } from "@effect/vitest";
import * as TestClock from "effect/testing/TestClock";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Ledger from "../../src/budget/Ledger.ts";
import type { Entry } from "../../src/budget/Ledger.ts";
import { type Amounts, entries, noAccounts, type Prices, type Unit, units } from "../../src/domain/Budget.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "../store/Fixture.ts";

/** Steps name reservations by their order, so that the model and the database can be given the same. */
type Step =
  | { readonly kind: "reserve"; readonly stage: number; readonly amounts: Amounts }
  | { readonly kind: "commit"; readonly nth: number; readonly actual: Amounts }
  | { readonly kind: "refund"; readonly nth: number }
  | { readonly kind: "limit"; readonly stage: number; readonly unit: Unit; readonly limit: number | null }
  | { readonly kind: "elapse"; readonly millis: number };

const STAGES = [Ledger.RUN, 0, 1];
const stage = fc.constantFrom(...STAGES);
const amounts = (min: number) =>
  fc.record(
    {
      verifications: fc.integer({ min, max: 3 }),
      generated: fc.integer({ min, max: 4 }),
      generatedTokens: fc.integer({ min, max: 6 }),
      cpuSeconds: fc.integer({ min, max: 6 }),
      money: fc.integer({ min, max: 6 }),
    },
    { requiredKeys: [] },
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("reserve" as const), stage, amounts: amounts(1) }) },
  // What cannot be: none of a unit, less than none, or time itself.
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reserve" as const),
      stage,
      amounts: fc.constantFrom<Amounts>(
        { verifications: 0 },
        { cpuSeconds: -1 },
        { verifications: 1, wallSeconds: 1 },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("commit" as const), nth: fc.nat(12), actual: amounts(0) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("refund" as const), nth: fc.nat(12) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("limit" as const),
      stage,
      unit: fc.constantFrom(...units),
      limit: fc.option(fc.integer({ min: -1, max: 30 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("elapse" as const), millis: fc.nat(9) }) },
);

const limits = fc.record(
  Object.fromEntries(units.map((unit) => [unit, fc.nat(25)])) as Record<Unit, fc.Arbitrary<number>>,
  { requiredKeys: ["verifications", "generated"] },
);

/** The model's entry for a step; null where there is no such reservation yet. */
const entryOf = (s: Step, ids: ReadonlyArray<string>, next: string, running: number): Entry | null => {
  switch (s.kind) {
    case "reserve":
      return { ...s, id: next };
    case "commit":
    case "refund": {
      const id = ids[s.nth];
      return id === undefined ? null : { ...s, id };
    }
    case "elapse":
      return { ...s, stage: running };
    default:
      return s;
  }
};

const SEED = Number(process.env["DRYDOCK_TEST_SEED"] ?? 20260103);
/** Millionths: a millisecond costs two. */
const prices: Prices = { verification: 0, cpuSecond: 0, thousandTokens: 0, hour: 7.2 };

const begun = (of: Amounts): Ledger.Ledger =>
  entries(of).reduce((ledger, [unit, limit]) => {
    const after = Ledger.apply(ledger, { kind: "limit", stage: Ledger.RUN, unit, limit });
    assert(typeof after !== "string");
    return after;
  }, Ledger.empty(prices));

/** Gives the same steps to the model and to a database; every list of steps is one life of a process. */
const agrees = (of: Amounts, lives: ReadonlyArray<ReadonlyArray<Step>>) =>
  Effect.gen(function* () {
    const directory = yield* Fixture.temporary;
    let ledger = begun(of);
    const ids: Array<string> = [];
    const check = (note: string) =>
      Effect.flatMap(RunStore, (store) =>
        Effect.gen(function* () {
          for (const scope of STAGES) {
            const { stage: found } = yield* store.accounts(scope);
            const expected = Object.fromEntries(
              units.map((unit) => {
                const { limit, spent, reserved, elapsed } = Ledger.account(ledger, scope, unit);
                return [unit, { limit, spent: spent + elapsed, reserved }];
              }),
            );
            assert.deepEqual({ ...found }, expected, `${note}, scope ${scope}`);
          }
        }),
      );
    for (const [life, steps] of lives.entries()) {
      yield* Fixture.session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          if (life === 0) {
            yield* store.append(
              { ...Fixture.started(of), prices },
              { _tag: "StageStarted", index: 0, kind: "online", label: "online", total: 1, unit: "program" },
            );
          } else yield* store.append({ _tag: "RunResumed", checkpoint: null });
          yield* check(`life ${life} begins`);
          for (const s of steps) {
            const entry = entryOf(s, ids, `r${ids.length + 1}`, 0);
            if (entry === null) continue;
            const always = entry.kind === "limit" && entry.limit === null && entry.stage === Ledger.RUN;
            if (always && (entry.unit === "verifications" || entry.unit === "generated")) continue;
            const after = Ledger.apply(ledger, entry);
            const done = (): Effect.Effect<void, unknown> => {
              switch (entry.kind) {
                case "reserve":
                  return Effect.map(store.reserve(entry.amounts, entry.stage), (id) => void ids.push(id));
                case "commit":
                  return store.commit(entry.id, entry.actual);
                case "refund":
                  return store.refund(entry.id);
                case "limit":
                  return store.setLimit(entry.unit, entry.limit, entry.stage);
                case "elapse":
                  return TestClock.adjust(entry.millis);
                case "crash":
                  return Effect.void;
              }
            };
            const exit = yield* Effect.exit(done());
            assert.strictEqual(exit._tag === "Success", typeof after !== "string", JSON.stringify(entry));
            if (typeof after !== "string") ledger = after;
            yield* check(JSON.stringify(entry));
          }
          // What time took is known up to an event that can only be of a process at work.
          yield* store.append({ _tag: "StageProgress", index: 0, done: 0, total: 1 });
          const { budgets, stageBudgets } = yield* store.state;
          const { run, stage: ofStage } = yield* store.accounts(0);
          assert.deepEqual(budgets, run, "the fold of the log is the ledger");
          assert.deepEqual(stageBudgets["0"] ?? noAccounts, ofStage);
        }),
      );
      // The session ended with what it had open: to the next one it is a crash. No time passes for a dead process.
      yield* TestClock.adjust(1000);
      const crashed = Ledger.apply(ledger, { kind: "crash" });
      assert(typeof crashed !== "string");
      ledger = crashed;
    }
  }).pipe(Effect.scoped);

describe("Ledger", () => {
  it("never takes more than a limit, whatever is asked of it", () => {
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60 }), (of, steps) => {
        let ledger = begun(of);
        const ids: Array<string> = [];
        for (const [i, s] of steps.entries()) {
          const entry = entryOf(s, ids, `r${i}`, 0);
          if (entry === null) continue;
          const before = ledger;
          const after = Ledger.apply(ledger, entry);
          if (typeof after === "string") continue;
          ledger = after;
          if (entry.kind === "reserve") ids.push(entry.id);
          for (const scope of STAGES) {
            for (const unit of units) {
              const account = Ledger.account(ledger, scope, unit);
              const { limit, spent, reserved } = account;
              if (limit !== null) assert.isAtMost(spent + reserved, limit);
              assert.isAtLeast(spent, Ledger.account(before, scope, unit).spent, "what is spent stays spent");
              if (entry.kind === "reserve" && entry.stage === scope)
                assert.isAtLeast(Ledger.free(account), 0);
            }
          }
        }
      }),
    );
  });

  it("refuses what cannot be", () => {
    const ledger = begun({ verifications: 3 });
    const reserve = (id: string, verifications: number): Entry => ({
      kind: "reserve",
      id,
      stage: 0,
      amounts: { verifications },
    });
    const one = Ledger.apply(ledger, reserve("a", 2));
    assert(typeof one !== "string");
    assert.strictEqual(Ledger.apply(one, reserve("b", 2)), "exhausted");
    assert.strictEqual(Ledger.apply(one, reserve("a", 1)), "taken-id");
    assert.strictEqual(Ledger.apply(one, reserve("b", 0)), "bad-amount");
    const lower: Entry = { kind: "limit", stage: Ledger.RUN, unit: "verifications", limit: 1 };
    assert.strictEqual(Ledger.apply(one, lower), "below-taken");
    assert.strictEqual(Ledger.apply(one, { kind: "commit", id: "b", actual: {} }), "not-open");
  });

  it("gives the rest of a reservation back, and counts no more than it held", () => {
    const held = Ledger.apply(begun({ cpuSeconds: 10 }), {
      kind: "reserve",
      id: "a",
      stage: 0,
      amounts: { verifications: 1, cpuSeconds: 8 },
    });
    assert(typeof held !== "string");
    for (const [actual, spent] of [
      [{ cpuSeconds: 3 }, 3],
      [{ cpuSeconds: 99 }, 8],
      [{}, 8],
    ] as const) {
      const after = Ledger.apply(held, { kind: "commit", id: "a", actual });
      assert(typeof after !== "string");
      for (const scope of [Ledger.RUN, 0]) {
        assert.deepInclude(Ledger.account(after, scope, "cpuSeconds"), { spent, reserved: 0 });
        assert.deepInclude(Ledger.account(after, scope, "verifications"), { spent: 1, reserved: 0 });
      }
    }
  });

  // The database has its own implementation: both must agree at every step, over crashes too.
  it.effect(`agrees with the database (seed ${SEED})`, () =>
    Effect.forEach(
      fc.sample(
        fc.tuple(limits, fc.array(fc.array(step, { maxLength: 14 }), { minLength: 1, maxLength: 3 })),
        { numRuns: 20, seed: SEED },
      ),
      ([of, lives]) => agrees(of, lives),
      { discard: true },
    ),
  );
});
