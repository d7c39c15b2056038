/** Answers without a sandbox run: other runs' verdicts, asked for once a round, and what each answer rests on. */
import * as Path from "node:path";
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as SandboxQuickJs from "../../src/sandbox/quickjs/SandboxQuickJs.ts";
import * as FreeAnswers from "../../src/stages/FreeAnswers.ts";
import { passing, SafePoint, StopRequested } from "../../src/stages/SafePoint.ts";
import { headsOf, verifyRound } from "../../src/stages/VerifyRound.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import { RunStore, type StoredCandidate } from "../../src/store/RunStore.ts";
import * as SharedVerdicts from "../../src/store/SharedVerdicts.ts";
import * as Fixture from "../store/Fixture.ts";
import * as StageFixture from "./Fixture.ts";

const PROGRAMS = 8;
const tasks = new Map(Array.from({ length: PROGRAMS }, (_, i) => [`t${i}`, StageFixture.task(i)]));
const plain = StageFixture.context({ offline: [] });
const contextOf = (use: "all" | "evaluations"): typeof plain => ({
  ...plain,
  config: {
    ...plain.config,
    sandbox: { ...plain.config.sandbox, sharedVerdicts: { use, entries: 100 } },
  },
});

/** Asks and verifies as a round does; stops before the n-th reservation. */
const round = Effect.fnUntraced(function* (use: "all" | "evaluations", stopAt = Number.POSITIVE_INFINITY) {
  const store = yield* RunStore;
  const candidates = yield* store.candidates(0, 0);
  yield* FreeAnswers.readShared(contextOf(use), { index: 0, round: 0 }, headsOf(candidates));
  const choice = { slots: candidates.map(({ slot }) => slot), most: Number.POSITIVE_INFINITY };
  let passes = 0;
  const pass = Effect.suspend(() =>
    ++passes >= stopAt ? Effect.fail(new StopRequested({ reason: "test" })) : Effect.void,
  );
  yield* verifyRound(tasks, candidates, choice).pipe(Effect.provideService(SafePoint, passing(pass)));
});

const begin = StageFixture.begin({ programs: PROGRAMS, verifications: PROGRAMS });

const answers = Effect.gen(function* () {
  return (yield* Report.allEvents).flatMap(({ event }) =>
    event._tag === "VerdictRecorded" ? [`${event.slot} ${event.outcome} ${event.by ?? "paid"}`] : [],
  );
});

/** With a shared cache of its own. */
const withShared = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Fixture.temporary, (directory) =>
    Effect.provide(body, SharedVerdicts.layer({ file: Path.join(directory, "verdicts.db"), entries: 100 })),
  );
const known = (...slots: ReadonlyArray<number>) =>
  Effect.flatMap(SharedVerdicts.SharedVerdicts, ({ put }) =>
    put(slots.map((slot) => ({ key: `key-${slot}`, verdict: Fixture.verdict("WrongAnswer") }))),
  );
const quickJs = Effect.provide(
  Layer.effect(
    Sandbox,
    Effect.map(Sandbox, (inner) => Sandbox.of({ ...inner, parallelism: 1 })),
  ).pipe(Layer.provide(SandboxQuickJs.layer({ workers: 1 }))),
);

describe("other runs' verdicts", () => {
  it.live("answer training programs where that is asked for, and learn what was paid for", () =>
    Effect.gen(function* () {
      yield* known(1, 4);
      yield* StageFixture.inStore(
        yield* Fixture.temporary,
        Effect.gen(function* () {
          yield* begin;
          yield* round("all");
          const said = (yield* answers).sort();
          const ofSlot = (slot: number) =>
            [1, 4].includes(slot) ? `${slot} WrongAnswer shared` : `${slot} Passed paid`;
          assert.deepStrictEqual(
            said,
            Array.from({ length: PROGRAMS }, (_, slot) => ofSlot(slot)),
          );
          const store = yield* RunStore;
          assert.strictEqual((yield* store.budget("verifications")).spent, PROGRAMS - 2);
          const { free, tests, testsRun } = (yield* store.state).savings;
          assert.deepStrictEqual(free, { repeat: 0, equal: 0, syntax: 0, shared: 2 });
          assert.deepStrictEqual([tests, testsRun], [PROGRAMS - 2, PROGRAMS - 2]);
          assert.deepStrictEqual(yield* store.cacheGet("key-4"), {
            verdict: Fixture.verdict("WrongAnswer"),
            origin: "shared",
          });
        }),
      );
      const shared = yield* SharedVerdicts.SharedVerdicts;
      const all = Array.from({ length: PROGRAMS }, (_, slot) => `key-${slot}`);
      assert.strictEqual((yield* shared.get(all)).size, PROGRAMS);
    }).pipe(withShared, quickJs, Effect.scoped),
  );

  it.live("are not asked for by default, and still learn", () =>
    Effect.gen(function* () {
      yield* known(1);
      yield* StageFixture.inStore(
        yield* Fixture.temporary,
        begin.pipe(
          Effect.andThen(round("evaluations")),
          Effect.andThen(answers),
          Effect.tap((said) => Effect.sync(() => assert.isTrue(said.every((line) => line.endsWith("paid"))))),
        ),
      );
      assert.strictEqual((yield* (yield* SharedVerdicts.SharedVerdicts).get(["key-0"])).size, 1);
    }).pipe(withShared, quickJs, Effect.scoped),
  );

  it.live("are asked for once: a round that is taken up again decides as it would have", () =>
    Effect.gen(function* () {
      const straight = yield* StageFixture.inStore(
        yield* Fixture.temporary,
        known(1).pipe(Effect.andThen(begin), Effect.andThen(round("all")), Effect.andThen(answers)),
      ).pipe(withShared);
      for (const stopAt of [1, 3, 7]) {
        const directory = yield* Fixture.temporary;
        const resumed = yield* Effect.gen(function* () {
          yield* known(1);
          const stopped = begin.pipe(Effect.andThen(Effect.flip(round("all", stopAt))));
          assert.strictEqual((yield* StageFixture.inStore(directory, stopped))._tag, "StopRequested");
          // Another run found all the others out meanwhile, and says the opposite of what this one will see.
          yield* known(0, 1, 2, 3, 4, 5, 6, 7);
          return yield* StageFixture.inStore(directory, Effect.andThen(round("all"), answers));
        }).pipe(withShared);
        assert.deepStrictEqual([...resumed].sort(), [...straight].sort(), `stopped before ${stopAt}`);
      }
    }).pipe(quickJs, Effect.scoped),
  );
});

describe("what an answer rests on", () => {
  const stored = (
    slot: number,
    program: string,
    outcome: StoredCandidate["outcome"] = null,
  ): StoredCandidate => ({
    ...Fixture.candidate(0, slot, program),
    taskId: "t0",
    cacheKey: "key",
    decision: "open",
    outcome,
    cpuSeconds: null,
  });
  const group = [stored(0, "f = 1"), stored(1, "f = 1"), stored(2, "f  =  1"), stored(3, "f  =  1")];

  it("the first of its kind on where the verdict is from, the others on that one", () => {
    assert.deepStrictEqual(FreeAnswers.restOn(group, "shared", null), [
      "shared",
      "repeat",
      "equal",
      "repeat",
    ]);
    assert.deepStrictEqual(FreeAnswers.restOn(group, "syntax", null).slice(0, 2), ["syntax", "repeat"]);
    assert.deepStrictEqual(FreeAnswers.restOn(group, null, null).slice(1), ["repeat", "equal", "repeat"]);
  });

  it("on an earlier program where one was judged, whatever found its verdict", () => {
    const before = [stored(0, "f  =  1", "Passed"), stored(1, "unjudged")];
    const judged = FreeAnswers.judgedBefore(plain, tasks, before);
    assert.deepStrictEqual(FreeAnswers.restOn(group, "shared", judged), [
      "equal",
      "repeat",
      "repeat",
      "repeat",
    ]);
    assert.deepStrictEqual(
      FreeAnswers.restOn([stored(0, "unjudged")], "syntax", FreeAnswers.judgedBefore(plain, tasks, [])),
      ["syntax"],
    );
    const labelled = FreeAnswers.judgedBefore(StageFixture.context({ offline: ["key of f = 1"] }), tasks, []);
    assert.deepStrictEqual(FreeAnswers.restOn(group.slice(0, 1), "dataset", labelled), ["repeat"]);
  });
});
