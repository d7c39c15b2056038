import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import * as Stream from "effect/Stream";
import type { Unit } from "../../src/domain/Budget.ts";
import type { RunCommand } from "../../src/domain/RunCommand.ts";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import * as RunControl from "../../src/orchestrator/RunControl.ts";
import { SafePoint } from "../../src/stages/SafePoint.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-control-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));
let next = 0;

const services = () => {
  const directory = Path.join(root, `run-${next++}`);
  Fs.mkdirSync(Path.join(directory, "checkpoints"), { recursive: true });
  return RunControl.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(RunStoreLive.layer({ directory }), Commands.layer)),
  );
};

const started: RunEvent = {
  _tag: "RunStarted",
  runId: "r",
  name: "r",
  seed: 1,
  formatVersion: 1,
  backend: "none",
  sandbox: "none",
  stages: [],
  limits: { verifications: 10, generated: 10 },
  labelsOffline: 0,
};

/** Waits for the event of a kind, by the log's own head. */
const logged = Effect.fn(function* (tag: RunEvent["_tag"]) {
  const store = yield* RunStore;
  return yield* store.heads.pipe(
    Stream.mapEffect(() => Report.allEvents),
    Stream.map((events) => events.find(({ event }) => event._tag === tag)),
    Stream.filter((found) => found !== undefined),
    Stream.runHead,
  );
});

/** What comes of a command: null, or why it is refused. */
const told = Effect.fnUntraced(function* (command: RunCommand) {
  const { submit } = yield* Commands;
  const outcome = yield* Deferred.make<string | null>();
  yield* submit({ command, from: "test", outcome });
  return yield* Deferred.await(outcome);
});

describe("commands of a run", () => {
  it.live("a pause holds the next safe point until it is taken back", () =>
    Effect.gen(function* () {
      const { submit } = yield* Commands;
      const safePoint = yield* SafePoint;
      yield* safePoint.pass;
      yield* submit({ command: { _tag: "Pause" }, from: "test" });
      yield* logged("RunPaused");
      const waiting = yield* Effect.forkChild(safePoint.pass);
      yield* Effect.yieldNow;
      assert.isUndefined(waiting.pollUnsafe());
      yield* submit({ command: { _tag: "Resume" }, from: "test" });
      yield* logged("RunUnpaused");
      yield* safePoint.pass;
    }).pipe(Effect.provide(services())),
  );

  it.live("a stop fails every safe point from then on, paused or not", () =>
    Effect.gen(function* () {
      const { submit } = yield* Commands;
      const safePoint = yield* SafePoint;
      yield* submit({ command: { _tag: "Pause" }, from: "test" });
      yield* logged("RunPaused");
      const waiting = yield* Effect.forkChild(Effect.flip(safePoint.pass));
      yield* submit({ command: { _tag: "Stop" }, from: "test" });
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "StopRequested");
      assert.strictEqual((yield* Effect.flip(safePoint.pass))._tag, "StopRequested");
    }).pipe(Effect.provide(services())),
  );

  it.live("a pause after a stop does not hold the run", () =>
    Effect.gen(function* () {
      const { submit } = yield* Commands;
      const store = yield* RunStore;
      yield* submit({ command: { _tag: "Stop" }, from: "test" });
      yield* submit({ command: { _tag: "Pause" }, from: "test" });
      // Commands are taken in order: once the limit has changed, the pause was handled.
      yield* submit({ command: { _tag: "SetBudget", unit: "generated", limit: 5 }, from: "test" });
      yield* logged("BudgetLimitChanged");
      const pass = (yield* SafePoint).pass.pipe(Effect.flip, Effect.timeout("2 seconds"));
      assert.strictEqual((yield* pass)._tag, "StopRequested");
      assert.notStrictEqual((yield* store.state).status, "paused");
    }).pipe(Effect.provide(services())),
  );

  it.live("a limit below what is spent is refused in the log, and the run goes on", () =>
    Effect.gen(function* () {
      const store = yield* RunStore;
      const { submit } = yield* Commands;
      yield* store.append(started);
      yield* store.reserve({ generated: 4 });
      yield* submit({ command: { _tag: "SetBudget", unit: "generated", limit: 3 }, from: "test" });
      yield* logged("CommandRefused");
      assert.strictEqual((yield* store.budget("generated")).limit, 10);
      yield* submit({ command: { _tag: "SetBudget", unit: "generated", limit: 5 }, from: "test" });
      yield* logged("BudgetLimitChanged");
      assert.strictEqual((yield* store.budget("generated")).limit, 5);
      yield* (yield* SafePoint).pass;
    }).pipe(Effect.provide(services())),
  );

  it.live("once a pause is answered nothing is reserved until it is taken back, whoever is on the way", () =>
    Effect.gen(function* () {
      const store = yield* RunStore;
      const { submit } = yield* Commands;
      const safePoint = yield* SafePoint;
      yield* store.append({ ...started, limits: { verifications: 100_000, generated: 10 } });
      const answered = Effect.fnUntraced(function* (command: RunCommand) {
        const outcome = yield* Deferred.make<string | null>();
        yield* submit({ command, from: "ann@desk/1", outcome });
        assert.isNull(yield* Deferred.await(outcome));
        return (yield* store.budget("verifications")).reserved;
      });
      const spend = yield* Effect.forkChild(
        Effect.forEach(
          [1, 2, 3, 4],
          () =>
            Effect.forever(
              Effect.andThen(safePoint.reserving(store.reserve({ verifications: 1 })), Effect.yieldNow),
            ),
          { concurrency: "unbounded", discard: true },
        ),
      );
      for (let i = 0; i < 3; i++) {
        const before = yield* answered({ _tag: "Pause" });
        yield* Effect.repeat(Effect.yieldNow, { times: 8 });
        assert.strictEqual((yield* store.budget("verifications")).reserved, before);
        yield* answered({ _tag: "Resume" });
        yield* Effect.repeat(Effect.yieldNow, { times: 8 });
        assert.isAbove((yield* store.budget("verifications")).reserved, before);
      }
      yield* Fiber.interrupt(spend);
      const received = (yield* Report.allEvents).flatMap(({ event }) =>
        event._tag === "CommandReceived" ? [event.from] : [],
      );
      assert.deepStrictEqual(new Set(received), new Set(["ann@desk/1"]));
    }).pipe(Effect.provide(services())),
  );

  it.live("a limit is raised by so many units; what has none cannot be", () =>
    Effect.gen(function* () {
      const store = yield* RunStore;
      yield* store.append({ ...started, limits: { verifications: 10, generated: 10, cpuSeconds: 1500 } });
      const answer = (unit: Unit, amount: number) => told({ _tag: "AddBudget", unit, amount });
      assert.isNull(yield* answer("cpuSeconds", 2.5));
      assert.strictEqual((yield* store.budget("cpuSeconds")).limit, 4000);
      assert.isNull(yield* answer("verifications", -3));
      assert.strictEqual((yield* store.budget("verifications")).limit, 7);
      assert.match((yield* answer("money", 1)) ?? "", /there is no limit of money to add to; set one/);
      assert.match((yield* answer("verifications", -8)) ?? "", /a limit of -1 verifications/);
    }).pipe(Effect.provide(services())),
  );

  it.live("a limit of one stage alone holds for what is reserved next", () =>
    Effect.gen(function* () {
      const store = yield* RunStore;
      const stages = [
        { kind: "online", label: "first" },
        { kind: "online", label: "second" },
        { kind: "evaluate", label: "end" },
      ];
      yield* store.append({ ...started, stages }, { _tag: "StageFinished", index: 0, seconds: 1 });
      const change = (stage: string, limit: number) =>
        told({ _tag: "SetBudget", unit: "verifications", limit, stage });
      assert.isNull(yield* change("second", 2));
      yield* store.reserve({ verifications: 2 }, 1);
      const refused = yield* Effect.flip(store.reserve({ verifications: 1 }, 1));
      assert.deepInclude(refused, { _tag: "BudgetExhausted", stage: 1, limit: 2 });
      assert.isNull(yield* told({ _tag: "AddBudget", unit: "verifications", amount: 1, stage: "second" }));
      yield* store.reserve({ verifications: 1 }, 1);
      assert.deepStrictEqual((yield* store.accounts(1)).stage.verifications.limit, 3);
      assert.strictEqual((yield* store.budget("verifications")).limit, 10, "the run's is as it was");
      assert.match((yield* change("second", 2)) ?? "", /^3 verifications are spent or reserved already/);
      assert.match((yield* change("first", 5)) ?? "", /the stage "first" is over/);
      assert.match((yield* change("end", 5)) ?? "", /no online stage "end"; use one of "first", "second"/);
      const add = { _tag: "AddBudget", unit: "money", amount: 1, stage: "second" } as const;
      assert.match((yield* told(add)) ?? "", /no limit of money to add to; .*--stage second/);
    }).pipe(Effect.provide(services())),
  );
});
