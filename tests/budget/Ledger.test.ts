import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Ledger from "../../src/budget/Ledger.ts";
import type { Entry } from "../../src/budget/Ledger.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "../store/Fixture.ts";

/** Steps name reservations by their order, so that the model and the database can be given the same. */
type Step =
  | { readonly kind: "reserve"; readonly amount: number }
  | { readonly kind: "commit" | "refund"; readonly nth: number }
  | { readonly kind: "limit"; readonly limit: number }
  | { readonly kind: "crash" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("reserve" as const), amount: fc.integer({ min: -1, max: 6 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("commit" as const), nth: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("refund" as const), nth: fc.nat(12) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("limit" as const), limit: fc.integer({ min: -1, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);

const entryOf = (s: Step, ids: ReadonlyArray<string>, next: string): Entry | null => {
  switch (s.kind) {
    case "reserve":
      return { ...s, id: next };
    case "commit":
    case "refund": {
      const id = ids[s.nth];
      return id === undefined ? null : { kind: s.kind, id };
    }
    default:
      return s;
  }
};

const SEED = Number(process.env["DRYDOCK_TEST_SEED"] ?? 20260103);

/** Gives the same steps to the model and to a database; every list of steps is one life of a process. */
const agrees = (limit: number, lives: ReadonlyArray<ReadonlyArray<Step>>) =>
  Effect.gen(function* () {
    const directory = yield* Fixture.temporary;
    let ledger = Ledger.empty(limit);
    const ids: Array<string> = [];
    const check = (note: string) =>
      Effect.flatMap(RunStore, (store) =>
        Effect.gen(function* () {
          const expected = {
            limit: ledger.limit,
            spent: ledger.spent,
            reserved: Ledger.reserved(ledger),
          };
          assert.deepStrictEqual(yield* store.budget("verifications"), expected, note);
          assert.deepStrictEqual((yield* store.state).budgets.verifications, expected, note);
        }),
      );
    for (const [life, steps] of lives.entries()) {
      yield* Fixture.session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          if (life === 0) yield* store.append(Fixture.started({ verifications: limit, generated: 0 }));
          yield* check(`life ${life} begins`);
          for (const s of steps) {
            if (s.kind === "crash" || s.kind === "commit") continue;
            const entry = entryOf(s, ids, `r${ids.length + 1}`);
            if (entry === null) continue;
            const after = Ledger.apply(ledger, entry);
            const done =
              entry.kind === "reserve"
                ? Effect.map(store.reserve("verifications", entry.amount), (id) => void ids.push(id))
                : entry.kind === "limit"
                  ? store.setLimit("verifications", entry.limit)
                  : entry.kind === "refund"
                    ? store.refund(entry.id)
                    : Effect.void;
            const exit = yield* Effect.exit(done);
            assert.strictEqual(exit._tag === "Success", typeof after !== "string", JSON.stringify(entry));
            if (typeof after !== "string") ledger = after;
            yield* check(JSON.stringify(entry));
          }
        }),
      );
      // The session ended with what it had open: to the next one it is a crash.
      const crashed = Ledger.apply(ledger, { kind: "crash" });
      assert(typeof crashed !== "string");
      ledger = crashed;
    }
  }).pipe(Effect.scoped);

describe("Ledger", () => {
  it("never takes more than the limit, whatever is asked of it", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.array(step, { maxLength: 60 }), (limit, steps) => {
        let ledger = Ledger.empty(limit);
        const ids: Array<string> = [];
        for (const [i, s] of steps.entries()) {
          const entry = entryOf(s, ids, `r${i}`);
          if (entry === null) continue;
          const before = ledger;
          const after = Ledger.apply(ledger, entry);
          if (typeof after === "string") continue;
          ledger = after;
          if (entry.kind === "reserve") ids.push(entry.id);
          assert.isAtLeast(Ledger.free(ledger), 0);
          assert.isAtLeast(ledger.spent, before.spent, "what is spent stays spent");
        }
      }),
    );
  });

  it("refuses what cannot be", () => {
    const ledger = Ledger.empty(3);
    const one = Ledger.apply(ledger, { kind: "reserve", id: "a", amount: 2 });
    assert(typeof one !== "string");
    assert.strictEqual(Ledger.apply(one, { kind: "reserve", id: "b", amount: 2 }), "exhausted");
    assert.strictEqual(Ledger.apply(one, { kind: "reserve", id: "a", amount: 1 }), "taken-id");
    assert.strictEqual(Ledger.apply(one, { kind: "reserve", id: "b", amount: 0 }), "bad-amount");
    assert.strictEqual(Ledger.apply(one, { kind: "limit", limit: 1 }), "below-taken");
    assert.strictEqual(Ledger.apply(one, { kind: "commit", id: "b" }), "not-open");
  });

  // The database has its own implementation: both must agree at every step, over crashes too.
  it.effect(`agrees with the database (seed ${SEED})`, () =>
    Effect.forEach(
      fc.sample(
        fc.tuple(fc.nat(15), fc.array(fc.array(step, { maxLength: 12 }), { minLength: 1, maxLength: 3 })),
        { numRuns: 15, seed: SEED },
      ),
      ([limit, lives]) => agrees(limit, lives),
      { discard: true },
    ),
  );
});
