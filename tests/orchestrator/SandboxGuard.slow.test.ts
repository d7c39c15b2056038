/** The circuit breaker with real containers that somebody keeps killing. */
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Layer from "effect/Layer";
import * as Schedule from "effect/Schedule";
import * as Stream from "effect/Stream";
import type { RunEvent } from "../../src/domain/RunEvent.ts";
import * as Report from "../../src/orchestrator/Report.ts";
import * as RunControl from "../../src/orchestrator/RunControl.ts";
import * as SandboxGuard from "../../src/orchestrator/SandboxGuard.ts";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import { SafePoint } from "../../src/stages/SafePoint.ts";
import { Commands } from "../../src/store/Commands.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as RunStoreLive from "../../src/store/RunStoreLive.ts";
import { call } from "../sandbox/support/Tasks.ts";
import * as WithDocker from "../sandbox/support/WithDocker.ts";

const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-guard-"));
Fs.mkdirSync(Path.join(directory, "checkpoints"));
afterAll(() => Fs.rmSync(directory, { recursive: true, force: true }));

const services = Layer.mergeAll(
  SandboxGuard.layer.pipe(Layer.provide(SandboxDocker.layer(Languages.python, { slots: 2, runId: "guard" }))),
  RunControl.layer,
).pipe(Layer.provideMerge(Layer.mergeAll(RunStoreLive.layer({ directory }), Commands.layer)));

const killAll = Docker.ask(10, "kill", async () => {
  const docker = Docker.connect();
  const found = await docker.listContainers({ filters: { label: ["drydock.run=guard"] } });
  await Promise.allSettled(found.map(({ Id }) => docker.getContainer(Id).kill()));
});

/** Waits for the event of a kind, by the log's own head. */
const logged = Effect.fn(function* (tag: RunEvent["_tag"]) {
  const store = yield* RunStore;
  yield* store.heads.pipe(
    Stream.mapEffect(() => Report.allEvents),
    Stream.filter((events) => events.some(({ event }) => event._tag === tag)),
    Stream.runHead,
  );
});

const task = call("python", [[[1], 1]]);
const program = "import time\ndef f(x):\n    time.sleep(x)\n    return 1";

describe.skipIf(WithDocker.skip)("a sandbox that loses its containers", () => {
  it.live(
    "pauses the run, says why, and goes on when it is told to",
    () =>
      Effect.gen(function* () {
        const store = yield* RunStore;
        const sandbox = yield* Sandbox;
        const safePoint = yield* SafePoint;
        const { submit } = yield* Commands;
        let judged = 0;
        const next = safePoint.pass.pipe(
          Effect.andThen(Effect.exit(sandbox.verify(task, program))),
          Effect.tap(() => Effect.sync(() => void (judged += 1))),
        );
        const run = yield* Effect.forkChild(
          Effect.all([Effect.forever(next), Effect.forever(next)], { concurrency: 2 }),
        );
        const killing = yield* Effect.forkChild(
          Effect.repeat(Effect.ignore(killAll), Schedule.spaced("2 seconds")),
        );
        yield* logged("RunPaused");
        yield* Fiber.interrupt(killing);
        const { status, reason, remedy } = yield* store.state;
        assert.strictEqual(status, "paused");
        assert.match(reason ?? "", /sandbox failed on \d+ of the last minute's \d+ runs/);
        assert.include(remedy ?? "", "drydock sandbox doctor");

        // What was under way ends; then nothing runs.
        yield* Effect.repeat(sandbox.metrics, {
          until: ({ busy, queued }) => busy + queued === 0,
          schedule: Schedule.spaced("50 millis"),
        });
        const before = judged;
        assert.isUndefined(run.pollUnsafe());
        yield* submit({ command: { _tag: "Resume" }, from: "test" });
        yield* logged("RunUnpaused");
        yield* Effect.repeat(
          Effect.sync(() => judged),
          { until: (now) => now > before + 3, schedule: Schedule.spaced("50 millis") },
        );
        const after = yield* store.state;
        assert.deepStrictEqual([after.status, after.reason], ["running", null]);
        yield* Fiber.interrupt(run);
      }).pipe(Effect.provide(services)),
    180_000,
  );
});
