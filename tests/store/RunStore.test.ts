import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Stream from "effect/Stream";
import Libsql from "libsql";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as RunFold from "../../src/domain/RunFold.ts";
import * as RunReader from "../../src/store/RunReader.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as Fixture from "./Fixture.ts";

const { candidate, session, started, temporary, verdict } = Fixture;

const pause: RunEvent = { _tag: "RunPaused" };
const metrics = (step: number, loss: number): RunEvent => ({
  _tag: "Metrics",
  index: 0,
  training: "sft",
  step,
  values: { loss },
});

/** A store in a directory of its own. */
const inStore = <A, E>(body: Effect.Effect<A, E, RunStore>) =>
  Effect.scoped(Effect.flatMap(temporary, (directory) => session(directory, body)));

const foldIsFresh = Effect.gen(function* () {
  const store = yield* RunStore;
  const events = yield* store.read(0, 100_000);
  assert.deepStrictEqual(yield* store.state, RunFold.replay(events));
  assert.strictEqual(yield* store.head, events.length);
  return events;
});

const FORMAT_2 = new URL("format2.sql", import.meta.url);

describe("the log", () => {
  it.effect("numbers events from 1 without gaps, in the order of their commits", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        assert.strictEqual(yield* store.head, 0);
        assert.strictEqual(yield* store.append(started({ verifications: 3, generated: 9 }), pause), 2);
        yield* Effect.forEach(
          Array.from({ length: 50 }, (_, i) => i),
          (i) => store.append(metrics(i, i), metrics(i, -i)),
          { concurrency: "unbounded", discard: true },
        );
        const events = yield* foldIsFresh;
        assert.deepStrictEqual(
          events.map(({ seq }) => seq),
          Array.from({ length: 102 }, (_, i) => i + 1),
        );
        assert.deepStrictEqual(
          (yield* store.read(2, 2)).map(({ seq }) => seq),
          [3, 4],
        );
        assert.deepStrictEqual(yield* store.read(102, 10), []);
      }),
    ),
  );

  it.effect("keeps numbers that JSON has no word for", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.append(metrics(1, Number.NaN), metrics(2, Number.POSITIVE_INFINITY));
        const [a, b] = yield* foldIsFresh;
        assert.deepStrictEqual(a?.event, metrics(1, Number.NaN));
        assert.deepStrictEqual(b?.event, metrics(2, Number.POSITIVE_INFINITY));
      }),
    ),
  );

  it.effect("tells the head now and whenever it moves, the latest to a slow reader", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.append(pause);
        const first = yield* Deferred.make<void>();
        const go = yield* Deferred.make<void>();
        const seen: Array<number> = [];
        const reader = yield* store.heads.pipe(
          Stream.takeUntil((head) => head === 41),
          Stream.runForEach((head) =>
            Effect.gen(function* () {
              seen.push(head);
              yield* Deferred.succeed(first, undefined);
              yield* Deferred.await(go);
            }),
          ),
          Effect.forkChild,
        );
        yield* Deferred.await(first);
        yield* Effect.forEach(Array.from({ length: 40 }), () => store.append(pause), { discard: true });
        yield* Deferred.succeed(go, undefined);
        yield* Fiber.join(reader);
        assert.strictEqual(seen[0], 1);
        assert.strictEqual(seen.at(-1), 41);
        assert.isBelow(seen.length, 6, `conflated: ${seen.join(" ")}`);
      }),
    ),
  );

  it.effect("goes on where it was when opened again", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      yield* session(
        directory,
        Effect.flatMap(RunStore, (s) => s.append(started({ verifications: 5, generated: 5 }))),
        "create",
      );
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          assert.strictEqual(store.runId, Path.basename(directory));
          assert.strictEqual((yield* store.state).status, "running");
          assert.strictEqual(yield* store.append(pause), 2);
        }),
        "open",
      );
      const again = yield* Effect.flip(session(directory, RunStore, "create"));
      assert.include(again.reason, "holds a run already");
    }).pipe(Effect.scoped),
  );

  it.effect("refuses events that would part it from the tables", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        const error = yield* Effect.flip(
          store.append(pause, {
            _tag: "BudgetCommitted",
            reservation: "r1",
            unit: "verifications",
            amount: 1,
          }),
        );
        assert.include(error.reason, "BudgetCommitted is written by the store alone");
        assert.strictEqual(yield* store.head, 0);
      }),
    ),
  );
});

describe("the budget", () => {
  it.effect("is never exceeded by reservations made at once", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.append(started({ verifications: 17, generated: 100 }));
        const generated = yield* store.reserve({ generated: 60 });
        const all = Array.from({ length: 60 }, (_, slot) => candidate(0, slot));
        yield* store.addCandidates(all, generated);
        const results = yield* Effect.forEach(
          all,
          Effect.fnUntraced(
            function* (c) {
              const reservation = yield* store.reserveFor(c.stage, c.round, c.slot);
              yield* Effect.yieldNow;
              if (c.slot % 3 === 0) yield* store.recordFault(c, reservation, "gone");
              else yield* store.recordVerdict(c, reservation, verdict("WrongAnswer"));
              return "spent" as const;
            },
            Effect.catchTag("BudgetExhausted", (e) => Effect.succeed(e)),
          ),
          { concurrency: "unbounded" },
        );
        assert.strictEqual(results.filter((r) => r === "spent").length, 17);
        const refused = results.find((r) => r !== "spent");
        assert.deepInclude(refused, { unit: "verifications", limit: 17, taken: 17, wanted: 1 });
        assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 17, spent: 17, reserved: 0 });
        assert.deepStrictEqual(yield* store.budget("generated"), { limit: 100, spent: 60, reserved: 0 });
        yield* store.recordUnverified(0, 0);
        const after = yield* store.candidates(0);
        assert.strictEqual(after.filter(({ decision }) => decision === "unverified").length, 43);
        yield* foldIsFresh;
        const { counts, budgets } = yield* store.state;
        assert.deepInclude(counts, { generated: 60, unique: 60, verified: 11, faults: 6, passed: 0 });
        assert.deepStrictEqual(budgets.verifications, { limit: 17, spent: 17, reserved: 0 });
      }),
    ),
  );

  it.effect("gives back what is refunded, settles once, and keeps the limit above what is taken", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.setLimit("verifications", 4);
        const a = yield* store.reserve({ verifications: 3 });
        assert.strictEqual((yield* Effect.flip(store.reserve({ verifications: 2 })))._tag, "BudgetExhausted");
        const below = yield* Effect.flip(store.setLimit("verifications", 2));
        assert.deepInclude(below, { _tag: "BudgetExhausted", limit: 2, taken: 3 });
        yield* store.refund(a);
        assert.include((yield* Effect.flip(store.refund(a))).reason, "is not open");
        assert.include((yield* Effect.flip(store.refund("nonsense"))).reason, "is no reservation");
        assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 4, spent: 0, reserved: 0 });
        const before = yield* store.head;
        yield* store.setLimit("verifications", 4);
        assert.strictEqual(yield* store.head, before, "an unchanged limit is no event");
        yield* store.setLimit("verifications", 2);
        for (const amount of [0, -1, 1.5, Number.NaN]) {
          assert.strictEqual(
            (yield* Effect.flip(store.reserve({ verifications: amount })))._tag,
            "StoreError",
          );
        }
        yield* foldIsFresh;
      }),
    ),
  );

  it.effect("counts what a dead process left open as spent", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          yield* store.append(started({ verifications: 10, generated: 10 }));
          yield* store.addCandidates(
            [candidate(0, 0), candidate(0, 1)],
            yield* store.reserve({ generated: 2 }),
          );
          yield* store.reserveFor(0, 0, 0);
        }),
      );
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 10, spent: 1, reserved: 0 });
          assert.deepStrictEqual((yield* store.state).budgets.verifications, {
            limit: 10,
            spent: 1,
            reserved: 0,
          });
          assert.deepStrictEqual(
            (yield* store.candidates(0)).map(({ decision, outcome }) => [decision, outcome]),
            [
              ["pending", null],
              ["open", null],
            ],
          );
          // Reserved once already: the same candidate cannot be paid for again.
          const error = yield* Effect.flip(store.reserveFor(0, 0, 0));
          assert.strictEqual(error._tag, "StoreError");
          assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 10, spent: 1, reserved: 0 });
          yield* foldIsFresh;
        }),
      );
    }).pipe(Effect.scoped),
  );

  it.effect("is guarded by the database itself", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          yield* store.append(started({ verifications: 2, generated: 2 }));
          yield* store.refund(yield* store.reserve({ verifications: 1 }));
        }),
      );
      const db = new Libsql(Path.join(directory, "run.db"));
      const refused = (sql: string, why: RegExp): void => {
        let message = "it was let through";
        try {
          db.exec(sql);
        } catch (error) {
          message = error instanceof Error ? error.message : String(error);
        }
        assert.match(message, why, sql);
      };
      db.exec("INSERT INTO reservations (stage, state) VALUES (0, 'reserved')");
      const hold = (unit: string, amount: number): string =>
        `INSERT INTO amounts (reservation, unit, amount) VALUES (2, '${unit}', ${amount})`;
      refused(hold("verifications", 3), /above the limit/);
      refused(hold("verifications", 0), /CHECK/);
      refused(hold("wallSeconds", 1), /CHECK/);
      refused("INSERT INTO reservations (stage, state) VALUES (0, 'committed')", /begin as/);
      refused("UPDATE budgets SET spent = 3 WHERE unit = 'verifications'", /CHECK/);
      refused("UPDATE reservations SET state = 'committed' WHERE id = 1", /settled once/);
      refused("DELETE FROM reservations", /never deleted/);
      refused("DELETE FROM budgets", /never deleted/);
      refused("DELETE FROM events", /never deleted/);
      refused("UPDATE events SET at = 0", /never changed/);
      refused("INSERT INTO events (seq, at, event) VALUES (99, 0, '{}')", /must follow/);
      refused(
        `INSERT INTO verdicts (key, verdict, origin) VALUES ('k', '{"outcome":"TimedOut"}', 'x')`,
        /CHECK/,
      );
      // A stage's own limit, in its own account.
      db.exec("INSERT INTO budgets (stage, unit, ceiling) VALUES (0, 'cpuSeconds', 5)");
      refused(hold("cpuSeconds", 6), /above the limit/);
      db.exec(hold("cpuSeconds", 5));
      db.exec(hold("verifications", 2));
      refused("UPDATE budgets SET ceiling = 4 WHERE stage = 0 AND unit = 'cpuSeconds'", /CHECK/);
      refused("UPDATE amounts SET amount = 1 WHERE reservation = 2", /of an open reservation/);
      refused("UPDATE amounts SET spent = 6 WHERE reservation = 2 AND unit = 'cpuSeconds'", /CHECK/);
      refused("DELETE FROM amounts", /never deleted/);
      db.exec("UPDATE amounts SET spent = 1 WHERE reservation = 2 AND unit = 'cpuSeconds'");
      db.exec("UPDATE reservations SET state = 'committed' WHERE id = 2");
      assert.deepStrictEqual(
        db.prepare("SELECT spent, reserved FROM budgets WHERE unit = 'cpuSeconds' ORDER BY stage").all(),
        [
          { spent: 1, reserved: 0 },
          { spent: 1, reserved: 0 },
        ],
      );
      refused("UPDATE amounts SET spent = 0 WHERE reservation = 2", /of an open reservation/);
      refused(hold("generated", 1), /of an open reservation/);
      // Time that is up ends reservations of the run and of the stage alike.
      db.exec("UPDATE budgets SET ceiling = 10, elapsed = 10 WHERE stage = -1 AND unit = 'wallSeconds'");
      refused("INSERT INTO reservations (stage, state) VALUES (0, 'reserved')", /the time is over/);
      refused("UPDATE budgets SET spent = 0 WHERE unit = 'verifications'", /stays spent/);
      db.close();
    }).pipe(Effect.scoped),
  );
});

describe("candidates and the cache", () => {
  it.effect("keep a verdict for exact repeats, never one that depends on timing", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.append(started({ verifications: 10, generated: 10 }));
        const [a, slow, repeat] = [candidate(0, 0, "a"), candidate(0, 1, "slow"), candidate(0, 2, "a")];
        yield* store.addCandidates([a, slow, repeat], yield* store.reserve({ generated: 3 }));
        assert.deepStrictEqual((yield* store.state).counts.unique, 2);
        yield* store.recordVerdict(a, yield* store.reserveFor(0, 0, 0), verdict("Passed"));
        yield* store.recordVerdict(slow, yield* store.reserveFor(0, 0, 1), verdict("TimedOut"));
        assert.deepStrictEqual(yield* store.cacheGet(a.cacheKey), {
          verdict: verdict("Passed"),
          origin: "policy:1",
        });
        assert.strictEqual(yield* store.cacheGet(slow.cacheKey), null);
        yield* store.recordCached(repeat, verdict("Passed"), "repeat");
        yield* store.cachePut([
          { key: a.cacheKey, verdict: verdict("WrongAnswer"), origin: "dataset" },
          { key: "memory", verdict: verdict("OutOfMemory"), origin: "dataset" },
          {
            key: "other",
            verdict: { ...verdict("RuntimeError"), detail: "x is not defined" },
            origin: "dataset",
          },
        ]);
        const kept = yield* store.cacheGet(a.cacheKey);
        assert.strictEqual(kept?.verdict.outcome, "Passed", "the first verdict stays");
        assert.strictEqual(yield* store.cacheGet("memory"), null);
        assert.strictEqual((yield* store.cacheGet("other"))?.verdict.detail, "x is not defined");
        const stored = yield* store.candidates(0, 0);
        assert.deepStrictEqual(
          stored.map(({ decision, outcome }) => [decision, outcome]),
          [
            ["verified", "Passed"],
            ["verified", "TimedOut"],
            ["cached", "Passed"],
          ],
        );
        assert.deepStrictEqual(stored[0], {
          ...a,
          decision: "verified",
          outcome: "Passed",
          cpuSeconds: verdict("Passed").cpuSeconds,
        });
        assert.deepInclude((yield* store.state).counts, { verified: 2, cacheHits: 1, passed: 2 });
        assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 10, spent: 2, reserved: 0 });
      }),
    ),
  );

  it.effect("leave what is there when a round is added again", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.append(started({ verifications: 10, generated: 10 }));
        yield* store.addCandidates([candidate(0, 0)], yield* store.reserve({ generated: 1 }));
        yield* store.recordVerdict(candidate(0, 0), yield* store.reserveFor(0, 0, 0), verdict("Passed"));
        yield* store.addCandidates([candidate(0, 0, "another")], yield* store.reserve({ generated: 1 }));
        const [only, ...others] = yield* store.candidates(0);
        assert.strictEqual(others.length, 0);
        assert.strictEqual(only?.program, "program 0/0");
        assert.strictEqual((yield* store.state).counts.generated, 1);
        assert.strictEqual((yield* store.budget("generated")).spent, 2, "it was generated all the same");
      }),
    ),
  );

  it.effect("a fault whose reservation was refunded before costs nothing", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.append(started({ verifications: 2, generated: 10 }));
        yield* store.addCandidates(
          [candidate(0, 0), candidate(0, 1)],
          yield* store.reserve({ generated: 2 }),
        );
        const a = yield* store.reserveFor(0, 0, 0);
        yield* store.refund(a);
        yield* store.recordFault(candidate(0, 0), a, "no container started");
        yield* store.recordFault(candidate(0, 1), yield* store.reserveFor(0, 0, 1), "lost half-way");
        assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 2, spent: 1, reserved: 0 });
        assert.strictEqual((yield* store.state).counts.faults, 2);
      }),
    ),
  );
});

describe("checkpoints", () => {
  const save = (id: string, done: number, keep = false, text = id) =>
    Effect.flatMap(RunStore, (store) =>
      store.saveCheckpoint({ id, stage: 1, done, state: { done }, keep }, (directory) =>
        Effect.sync(() => Fs.writeFileSync(Path.join(directory, "weights"), text)),
      ),
    );

  it.effect("keep the last two and the kept ones", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        assert.strictEqual(yield* store.latestCheckpoint, null);
        yield* save("kept", 0, true);
        for (const n of [1, 2, 3, 4]) yield* save(`step-${n}`, n);
        const names = Fs.readdirSync(Path.join(store.directory, "checkpoints")).sort();
        assert.deepStrictEqual(names, ["kept", "step-3", "step-4"]);
        const latest = yield* store.latestCheckpoint;
        assert.deepInclude(latest, { id: "step-4", stage: 1, done: 4, state: { done: 4 } });
        assert.strictEqual((yield* store.checkpoint("kept")).done, 0);
        assert.include(
          (yield* Effect.flip(store.checkpoint("step-1"))).reason,
          `checkpoint "step-1" is not in`,
        );
        assert.strictEqual((yield* store.state).checkpoint?.id, "step-4");
      }),
    ),
  );

  it.effect("replace one of the same name, as a resumed run saves it again", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* save("a", 1, true, "first");
        yield* save("b", 2, true);
        const again = yield* save("a", 3, true, "second");
        assert.strictEqual(Fs.readFileSync(Path.join(again.directory, "weights"), "utf8"), "second");
        assert.deepStrictEqual(yield* store.latestCheckpoint, again);
        assert.strictEqual(Fs.readdirSync(Path.join(store.directory, "checkpoints")).length, 2);
      }),
    ),
  );

  it.effect("leave nothing behind where writing fails or is cut short", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          yield* save("good", 1);
          const record = { id: "bad", stage: 1, done: 2, state: null, keep: false };
          const error = yield* Effect.flip(
            store.saveCheckpoint(record, (at) => {
              Fs.writeFileSync(Path.join(at, "weights"), "half");
              return Effect.fail("no room" as const);
            }),
          );
          assert.strictEqual(error, "no room");
          const writing = yield* Deferred.make<void>();
          const cut = yield* Effect.forkChild(
            store.saveCheckpoint(record, () =>
              Effect.andThen(Deferred.succeed(writing, undefined), Effect.never),
            ),
          );
          yield* Deferred.await(writing);
          yield* Fiber.interrupt(cut);
          assert.deepStrictEqual(Fs.readdirSync(Path.join(directory, "checkpoints")), ["good"]);
          assert.strictEqual((yield* store.latestCheckpoint)?.id, "good");
          assert.include(
            (yield* Effect.flip(store.saveCheckpoint({ ...record, id: "../x" }, () => Effect.void))).reason,
            "cannot name a checkpoint",
          );
        }),
      );
      // What a killed process leaves: a temporary directory, and one renamed but not recorded.
      Fs.mkdirSync(Path.join(directory, "checkpoints/.tmp-x"));
      Fs.mkdirSync(Path.join(directory, "checkpoints/unrecorded"));
      yield* session(
        directory,
        Effect.sync(() =>
          assert.deepStrictEqual(Fs.readdirSync(Path.join(directory, "checkpoints")), ["good"]),
        ),
      );
    }).pipe(Effect.scoped),
  );
});

describe("a run directory", () => {
  it.effect("of a newer version is refused and left alone", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      yield* session(
        directory,
        Effect.flatMap(RunStore, (s) => s.append(pause)),
      );
      const file = Path.join(directory, "run.db");
      const db = new Libsql(file);
      db.exec("PRAGMA user_version = 99");
      db.close();
      const error = yield* Effect.flip(session(directory, RunStore));
      assert.include(error.reason, "was written by a newer Drydock (run format 99; this one reads up to 3)");
      assert.include(error.remedy, "update Drydock");
      assert.isFalse(Fs.existsSync(Path.join(directory, "lock")));
    }).pipe(Effect.scoped),
  );

  it.effect("of the format before remote generators is taken over with its candidates", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      const db = new Libsql(Path.join(directory, "run.db"));
      db.exec(Fs.readFileSync(FORMAT_2, "utf8"));
      db.exec("ALTER TABLE candidates DROP COLUMN origin");
      db.exec("PRAGMA user_version = 1");
      db.close();
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          yield* store.addCandidates([candidate(1, 0)], yield* store.reserve({ generated: 1 }));
          const found = yield* store.candidates(0);
          assert.deepStrictEqual(
            found.map(({ round, slot, policyVersion, origin }) => [round, slot, policyVersion, origin]),
            [
              [0, 0, 1, undefined],
              [0, 1, 1, undefined],
              [0, 2, 1, undefined],
              [0, 3, 1, undefined],
              [1, 0, 1, undefined],
            ],
          );
        }),
      );
    }).pipe(Effect.scoped),
  );

  it.effect("of the format with two units is taken over with its ledger, and goes on", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      const file = Path.join(directory, "run.db");
      const old = new Libsql(file);
      old.exec(Fs.readFileSync(FORMAT_2, "utf8"));
      old.close();
      // Read from outside it is as it was.
      const before = yield* Effect.scoped(Effect.flatMap(RunReader.open(directory), ({ state }) => state));
      assert.deepStrictEqual(before.budgets.verifications, { limit: 5, spent: 2, reserved: 1 });
      yield* session(
        directory,
        Effect.gen(function* () {
          const store = yield* RunStore;
          // What was open when its process died is spent.
          assert.deepStrictEqual(yield* store.budget("verifications"), { limit: 5, spent: 3, reserved: 0 });
          assert.deepStrictEqual(yield* store.budget("generated"), { limit: 10, spent: 6, reserved: 0 });
          assert.deepStrictEqual((yield* store.budget("cpuSeconds")).limit, null);
          const { budgets } = yield* store.state;
          assert.deepStrictEqual(budgets.verifications, yield* store.budget("verifications"));
          const found = yield* store.candidates(0, 0);
          assert.deepStrictEqual(
            found.map(({ decision }) => decision),
            ["verified", "fault", "fault", "pending"],
          );
          // A settled reservation stays settled, and new ones have new ids.
          assert.include((yield* Effect.flip(store.refund("r2"))).reason, "is not open");
          yield* store.setLimit("cpuSeconds", 1000);
          const id = yield* store.reserve({ verifications: 1, cpuSeconds: 900 }, 0);
          assert.strictEqual(id, "r7");
          yield* store.commit(id, { cpuSeconds: 200 });
          assert.deepStrictEqual(yield* store.budget("cpuSeconds"), { limit: 1000, spent: 200, reserved: 0 });
          yield* store.reserve({ verifications: 1 });
          assert.strictEqual(
            (yield* Effect.flip(store.reserve({ verifications: 1 })))._tag,
            "BudgetExhausted",
          );
        }),
        "open",
      );
      const db = new Libsql(file);
      assert.deepStrictEqual(db.prepare("PRAGMA foreign_key_check").all(), []);
      assert.deepStrictEqual(db.prepare("SELECT name FROM sqlite_master WHERE name LIKE 'old%'").all(), []);
      db.close();
    }).pipe(Effect.scoped),
  );

  it.effect("without a run, or with something else in its place, is refused", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      const none = yield* Effect.flip(session(directory, RunStore, "open"));
      assert.include(none.reason, "there is no run database at");
      assert.deepStrictEqual(Fs.readdirSync(directory), []);
      Fs.writeFileSync(Path.join(directory, "run.db"), "not a database. ".repeat(100));
      const damaged = yield* Effect.flip(session(directory, RunStore));
      assert.include(damaged.remedy, "the file is damaged or no run database");
      const absent = yield* Effect.flip(session(Path.join(directory, "nowhere"), RunStore));
      assert.strictEqual(absent._tag, "StoreError");
    }).pipe(Effect.scoped),
  );

  it.effect("is held by one store at a time", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      yield* session(
        directory,
        Effect.gen(function* () {
          const error = yield* Effect.flip(session(directory, Effect.asVoid(RunStore)));
          assert.include(error.reason, `this run is being run by process ${process.pid}`);
        }),
      );
      assert.isFalse(Fs.existsSync(Path.join(directory, "lock")));
    }).pipe(Effect.scoped),
  );

  it.effect("takes over a lock whose process is gone, not one that it cannot see", () =>
    Effect.gen(function* () {
      const directory = yield* temporary;
      const lock = Path.join(directory, "lock");
      yield* session(directory, Effect.asVoid(RunStore));
      const me = {
        pid: process.pid,
        started: "1",
        boot: "another boot",
        host: Os.hostname(),
        namespace: null,
      };
      for (const gone of [JSON.stringify(me), JSON.stringify({ ...me, pid: 4_000_000 }), "", "{"]) {
        Fs.writeFileSync(lock, gone);
        yield* session(directory, Effect.asVoid(RunStore));
        assert.isFalse(Fs.existsSync(lock), gone);
      }
      Fs.writeFileSync(lock, JSON.stringify({ ...me, host: "elsewhere" }));
      const error = yield* Effect.flip(session(directory, RunStore));
      assert.include(error.reason, `held by process ${process.pid} on host or container "elsewhere"`);
      assert.include(error.remedy, `remove ${lock}`);
    }).pipe(Effect.scoped),
  );

  it.effect("is rid of files that a dead process left unfinished", () =>
    Effect.gen(function* () {
      const directory = yield* Fixture.temporary;
      const leftovers = [".tmp-1-report.json", "evaluations/.tmp-1-00-base.jsonl"];
      Fs.mkdirSync(Path.join(directory, "evaluations"));
      for (const name of leftovers) Fs.writeFileSync(Path.join(directory, name), "half");
      Fs.writeFileSync(Path.join(directory, "evaluations", "00-base.jsonl"), "whole");
      yield* Fixture.session(directory, RunStore);
      for (const name of leftovers) assert.isFalse(Fs.existsSync(Path.join(directory, name)), name);
      assert.isTrue(Fs.existsSync(Path.join(directory, "evaluations", "00-base.jsonl")));
    }).pipe(Effect.scoped),
  );

  it.effect("takes files whole, and none outside of it", () =>
    inStore(
      Effect.gen(function* () {
        const store = yield* RunStore;
        yield* store.writeFile("evaluations/00-base.jsonl", "{}\n");
        yield* store.writeFile("report.json", "{}");
        yield* store.writeFile("report.json", `{"a":1}`);
        assert.strictEqual(Fs.readFileSync(Path.join(store.directory, "report.json"), "utf8"), `{"a":1}`);
        assert.deepStrictEqual(Fs.readdirSync(Path.join(store.directory, "evaluations")), ["00-base.jsonl"]);
        assert.include((yield* Effect.flip(store.writeFile("../x", ""))).reason, "outside the run directory");
      }),
    ),
  );
});
