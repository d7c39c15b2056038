/** The life of containers: isolation rungs, recycling, and nothing left behind. */
import { hostname } from "node:os";
import { assert, describe, it } from "@effect/vitest";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Schedule from "effect/Schedule";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as DockerSlot from "../../src/sandbox/docker/DockerSlot.ts";
import * as Isolation from "../../src/sandbox/docker/Isolation.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxImage from "../../src/sandbox/docker/SandboxImage.ts";
import { call } from "./support/Tasks.ts";
import * as WithDocker from "./support/WithDocker.ts";

const docker = Docker.connect();
const task = call("python", [[[2], 4]]);
const program = "def f(x): return 2 * x";

const containers = (run: string) =>
  Effect.promise(() => docker.listContainers({ all: true, filters: { label: [`drydock.run=${run}`] } }));

const settings = Effect.map(SandboxImage.ensure("python"), (image) => ({
  docker,
  image,
  seccomp: SandboxImage.seccompProfile("python"),
}));
const [namespaces, filter] = Isolation.LADDER;

describe.skipIf(WithDocker.skip)("DockerSlot", () => {
  it.live(
    "the system call filter alone passes the self-test too",
    () =>
      Effect.gen(function* () {
        const { reason } = yield* Isolation.test(Languages.python, yield* settings, filter);
        assert.isNull(reason);
      }),
    300_000,
  );

  it.live(
    "the self-test notices a slot without the seccomp profile's rights",
    () =>
      Effect.gen(function* () {
        const base = yield* settings;
        const profile = JSON.parse(base.seccomp) as { syscalls: Array<{ names: Array<string> }> };
        for (const rule of profile.syscalls) rule.names = rule.names.filter((name) => name !== "mount");
        const seccomp = JSON.stringify(profile);
        const { reason } = yield* Isolation.test(Languages.python, { ...base, seccomp }, namespaces);
        assert.include(reason ?? "", "mount");
      }),
    60_000,
  );

  it.live(
    "a bad seccomp profile is a fault that leaves no container",
    () =>
      Effect.gen(function* () {
        const bad = {
          ...(yield* settings),
          seccomp: "{",
          isolation: { namespaces: true },
          memoryBytes: Languages.python.memoryBytes,
          runId: "bad-seccomp",
        };
        const fault = yield* Effect.flip(Effect.scoped(DockerSlot.open(bad)));
        assert.strictEqual(fault._tag, "SandboxFault");
        assert.lengthOf(yield* containers("bad-seccomp"), 0);
      }),
    60_000,
  );

  it.live(
    "without the runtime that was asked for there is no sandbox, and the reason says so",
    () =>
      Effect.gen(function* () {
        const none = yield* Effect.flip(SandboxDocker.make(Languages.python, { runtime: "nope" }));
        assert.strictEqual(none._tag, "SandboxUnavailable");
        assert.match(none.reason, /namespaces\+seccomp: .*nope.*container-per-run: .*nope/i);
      }).pipe(Effect.scoped),
    60_000,
  );

  it.live(
    "containers are replaced after their runs, and all are gone at the end",
    () =>
      Effect.gen(function* () {
        const seenIds = new Set<string>();
        yield* Effect.scoped(
          Effect.gen(function* () {
            const sandbox = yield* SandboxDocker.make(Languages.python, {
              slots: 1,
              runsPerSlot: 2,
              runId: "recycle",
            });
            for (let run = 0; run < 60 && seenIds.size < 4; run++) {
              assert.strictEqual((yield* sandbox.verify(task, program)).outcome, "Passed");
              for (const { Id } of yield* containers("recycle")) seenIds.add(Id);
            }
          }),
        );
        assert.strictEqual(seenIds.size, 4);
        assert.lengthOf(yield* containers("recycle"), 0);
      }),
    120_000,
  );

  it.live(
    "an interrupted verification ends at once, waits for no program, and leaves no slot of its own",
    () =>
      Effect.gen(function* () {
        const runId = "interrupt";
        const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 1, runId });
        assert.strictEqual((yield* sandbox.verify(task, program)).outcome, "Passed");
        const before = new Set((yield* containers(runId)).map(({ Id }) => Id));
        const slow = "import time\ndef f(x):\n    time.sleep(60)\n    return 4";
        const patient = call("python", [[[2], 4]], { ...Languages.python.defaultLimits, wallSeconds: 100 });
        const running = yield* Effect.forkChild(sandbox.verify(patient, slow));
        yield* Effect.repeat(sandbox.metrics, { until: ({ busy }) => busy === 1 });
        const [took] = yield* Effect.timed(Fiber.interrupt(running));
        console.log(`interrupted within ${Duration.toMillis(took).toFixed(1)} ms`);
        // Far less than the program takes; the machine may be busy.
        assert.isBelow(Duration.toSeconds(took), 5);
        assert.strictEqual((yield* sandbox.verify(task, program)).outcome, "Passed");
        const replaced = yield* Effect.repeat(
          Effect.map(containers(runId), (now) => now.filter(({ Id }) => before.has(Id)).length),
          { until: (left) => left < before.size, schedule: Schedule.spaced("50 millis") },
        );
        assert.strictEqual(replaced, before.size - 1);
        const { busy, queued } = yield* sandbox.metrics;
        assert.deepStrictEqual({ busy, queued }, { busy: 0, queued: 0 });
      }).pipe(Effect.scoped),
    120_000,
  );

  it.live(
    "sweeps what a dead process left, and nothing of a living one",
    () =>
      Effect.gen(function* () {
        const base = yield* settings;
        const labels = (pid: number, run: string) => ({
          [DockerSlot.OWNER_LABEL]: "python",
          "drydock.host": hostname(),
          "drydock.pid": String(pid),
          "drydock.run": run,
        });
        const create = (pid: number, run: string) =>
          Effect.promise(() =>
            docker.createContainer({
              Image: base.image,
              Cmd: ["/usr/bin/python3"],
              Labels: labels(pid, run),
            }),
          );
        // Process numbers end well below this.
        yield* create(2 ** 30, "sweep-dead");
        const living = yield* create(process.pid, "sweep-living");
        yield* DockerSlot.sweep(docker);
        assert.lengthOf(yield* containers("sweep-dead"), 0);
        assert.lengthOf(yield* containers("sweep-living"), 1);
        yield* Effect.promise(() => living.remove({ force: true }));
      }),
    60_000,
  );
});
