import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as TestClock from "effect/testing/TestClock";
import { none } from "../../src/domain/SandboxMetrics.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import * as SandboxGuard from "../../src/orchestrator/SandboxGuard.ts";
import { SandboxFault } from "../../src/domain/Verdict.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as Tally from "../../src/sandbox/Tally.ts";
import { Commands } from "../../src/store/Commands.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import { call } from "../sandbox/support/Tasks.ts";

const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-guard-"));
afterAll(() => Fs.rmSync(root, { recursive: true, force: true }));
let next = 0;

/** A sandbox that passes every program but "fault". */
const sandbox = Layer.sync(Sandbox, () => {
  const tally = Tally.make();
  const verdict = {
    outcome: "Passed",
    testsPassed: 1,
    testsTotal: 1,
    cpuSeconds: 0,
    wallSeconds: 0,
  } as const;
  const fault = new SandboxFault({ reason: "gone" });
  return Sandbox.of({
    verify: (_, program) =>
      tally.verification(
        tally.attempt(program === "fault" ? Effect.fail(fault) : Effect.succeed(verdict), () => false),
      ),
    parallelism: 1,
    identity: "test",
    metrics: Effect.sync(() => ({ ...none, ...tally.counts() })),
  });
});

const services = () => {
  const directory = Path.join(root, `run-${next++}`);
  Fs.mkdirSync(Path.join(directory, "checkpoints"), { recursive: true });
  return SandboxGuard.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(sandbox, RunStoreLive.layer({ directory }), Commands.layer)),
  );
};

const task = call("javascript", []);
const programs = (n: number, program: string) =>
  Sandbox.use(({ verify }) =>
    Effect.forEach(Array.from({ length: n }), () => Effect.ignore(verify(task, program)), { discard: true }),
  );
const trips = Effect.map(Report.allEvents, (events) =>
  events.flatMap(({ event }) => (event._tag === "SandboxTripped" ? [event] : [])),
);

describe("the circuit breaker over the sandboxes", () => {
  it.effect("pauses the run above a fifth of faults in ten runs or more, and says why", () =>
    Effect.gen(function* () {
      yield* programs(9, "fault");
      assert.deepStrictEqual(yield* trips, []);
      yield* programs(1, "good");
      const [trip] = yield* trips;
      assert.deepInclude(trip, { attempts: 10, faults: 9 });
      assert.include(trip?.reason, "9 of the last minute's 10 runs");
      assert.include(trip?.remedy, "drydock sandbox doctor");
      const { command, from } = yield* (yield* Commands).take;
      assert.deepStrictEqual(command, { _tag: "Pause" });
      assert.include(from, "circuit breaker");
    }).pipe(Effect.provide(services())),
  );

  it.effect("bears a fifth, however long", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 50; i++) {
        yield* programs(4, "good");
        yield* programs(1, "fault");
        yield* TestClock.adjust("1 second");
      }
      assert.deepStrictEqual(yield* trips, []);
    }).pipe(Effect.provide(services())),
  );

  it.effect("forgets after a minute, and starts anew after a trip", () =>
    Effect.gen(function* () {
      yield* programs(8, "fault");
      yield* TestClock.adjust("61 seconds");
      yield* programs(40, "good");
      assert.deepStrictEqual(yield* trips, []);
      yield* programs(11, "fault");
      assert.lengthOf(yield* trips, 1);
      yield* programs(9, "fault");
      assert.lengthOf(yield* trips, 1);
      yield* programs(1, "fault");
      assert.lengthOf(yield* trips, 2);
    }).pipe(Effect.provide(services())),
  );
});
