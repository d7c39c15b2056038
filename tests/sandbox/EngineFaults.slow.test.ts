/** What a Docker engine can do to the sandbox, with real engines: nothing hangs, no program is lost, nothing stays. */
import { spawn } from "node:child_process";
import * as Fs from "node:fs";
import { assert, describe, it } from "@effect/vitest";
import * as Duration from "effect/Duration";
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Schedule from "effect/Schedule";
import type * as Scope from "effect/Scope";
import type { Limits } from "../../src/domain/Task.ts";
import * as Docker from "../../src/sandbox/docker/Docker.ts";
import * as Languages from "../../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxImage from "../../src/sandbox/docker/SandboxImage.ts";
import type { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as OwnEngine from "./support/OwnEngine.ts";
import { call } from "./support/Tasks.ts";
import * as WithDocker from "./support/WithDocker.ts";

const limits: Limits = { cpuSeconds: 2, wallSeconds: 20, memoryBytes: 1 << 28, outputBytes: 4096 };
const sleeping = call("python", [[[1.5], "done"]], limits);
const program = "import time\ndef f(x):\n    time.sleep(x)\n    return 'done'";
const quick = call("python", [[[2], 4]], limits);

const containers = (run: string) =>
  Docker.ask(10, "list", () =>
    Docker.connect().listContainers({ all: true, filters: { label: [`drydock.run=${run}`] } }),
  );
const until = <A, E>(read: Effect.Effect<A, E>, holds: (value: A) => boolean) =>
  Effect.repeat(read, { until: holds, schedule: Schedule.spaced("100 millis") });

/** Programs of which some run while `trouble` happens: all are judged rightly, and so is one afterwards. */
const survives = Effect.fnUntraced(function* <E>(
  sandbox: Sandbox["Service"],
  trouble: Effect.Effect<unknown, E>,
) {
  const runs = yield* Effect.forkChild(
    Effect.forEach([1, 2, 3, 4], () => sandbox.verify(sleeping, program), { concurrency: 4 }),
  );
  yield* until(sandbox.metrics, ({ busy }) => busy === 2);
  const [took, verdicts] = yield* Effect.timed(Effect.andThen(trouble, Fiber.join(runs)));
  const { faults, lost } = yield* sandbox.metrics;
  console.log(`${faults} faults, ${lost} lost, all judged after ${Duration.toSeconds(took).toFixed(1)} s`);
  assert.deepStrictEqual(
    verdicts.map(({ outcome }) => outcome),
    ["Passed", "Passed", "Passed", "Passed"],
  );
  const after = yield* sandbox.verify(quick, "def f(x): return 2 * x");
  assert.strictEqual(after.outcome, "Passed");
  assert.strictEqual(lost, 0);
});

const noEngine = WithDocker.skip ? "Docker does not answer" : OwnEngine.missing();
if (noEngine !== undefined) console.log(`engine faults skipped: ${noEngine}`);

describe.skipIf(noEngine !== undefined)("an engine of the test's own", () => {
  const withEngine = <A, E>(
    body: (engine: Effect.Success<ReturnType<typeof OwnEngine.make>>) => Effect.Effect<A, E, Scope.Scope>,
  ) =>
    SandboxImage.ensure("python").pipe(
      Effect.flatMap(OwnEngine.make),
      Effect.flatMap((engine) => Effect.andThen(Effect.scoped(body(engine)), containers("faults"))),
      Effect.tap((left) => Effect.sync(() => assert.lengthOf(left, 0))),
      Effect.scoped,
    );

  it.live(
    "killed and restarted: programs are judged by the new one, and the old one's containers are gone",
    () =>
      withEngine((engine) =>
        Effect.gen(function* () {
          const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 2, runId: "faults" });
          yield* survives(sandbox, Effect.andThen(engine.signal("SIGKILL"), engine.start));
          const alive = yield* until(sandbox.metrics, ({ idle, opening }) => idle === 3 && opening === 0);
          assert.strictEqual(alive.busy, 0);
          // A lost slot's container is removed beside the rest, which may take a little longer.
          yield* until(containers("faults"), ({ length }) => length === 3);
        }),
      ),
    240_000,
  );

  it.live(
    "stopped and started again: the same",
    () =>
      withEngine((engine) =>
        Effect.gen(function* () {
          const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 2, runId: "faults" });
          yield* survives(sandbox, Effect.andThen(engine.signal("SIGTERM"), engine.start));
        }),
      ),
    240_000,
  );

  it.live(
    "gone for good: an error that says so and what to do, not a hang",
    () =>
      SandboxImage.ensure("python").pipe(
        Effect.flatMap(OwnEngine.make),
        Effect.flatMap((engine) =>
          Effect.gen(function* () {
            const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 1 });
            yield* engine.signal("SIGKILL");
            const error = yield* Effect.flip(sandbox.verify(quick, "def f(x): return 2 * x"));
            assert.strictEqual(error._tag, "SandboxUnavailable");
            assert.match(error.reason, /no longer answers/);
          }).pipe(Effect.scoped),
        ),
        Effect.scoped,
      ),
    240_000,
  );

  it.live(
    "whose image was removed: it is built again",
    () =>
      withEngine(() =>
        Effect.gen(function* () {
          const options = { slots: 1, runId: "faults", runsPerSlot: 2 };
          const sandbox = yield* SandboxDocker.make(Languages.python, options);
          const image = SandboxImage.tag("python");
          yield* Docker.ask(20, "untag", () => Docker.connect().getImage(image).remove({ force: true }));
          const built = Effect.gen(function* () {
            yield* sandbox.verify(quick, "def f(x): return 2 * x");
            return yield* SandboxImage.exists(Docker.connect(), image);
          });
          assert.isTrue(yield* until(built, (there) => there));
        }),
      ),
    400_000,
  );
});

describe.skipIf(WithDocker.skip)("connections to the engine", () => {
  const target = Fs.existsSync("/var/run/docker.sock") ? "/var/run/docker.sock" : undefined;
  const through = <A, E>(
    body: (proxy: Effect.Success<ReturnType<typeof OwnEngine.proxy>>) => Effect.Effect<A, E, Scope.Scope>,
  ) =>
    Effect.gen(function* () {
      const proxy = yield* OwnEngine.proxy(target ?? "");
      const before = process.env["DOCKER_HOST"];
      process.env["DOCKER_HOST"] = `unix://${proxy.path}`;
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (before === undefined) delete process.env["DOCKER_HOST"];
          else process.env["DOCKER_HOST"] = before;
        }),
      );
      yield* Effect.scoped(body(proxy));
      const left = yield* until(containers("cut"), (now) => now.length === 0).pipe(
        Effect.timeoutOption("20 seconds"),
      );
      assert.isTrue(left._tag === "Some", "containers were left");
    }).pipe(Effect.scoped);

  it.live.skipIf(target === undefined)(
    "that are cut: programs are judged over new ones",
    () =>
      through((proxy) =>
        Effect.gen(function* () {
          const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 2, runId: "cut" });
          yield* survives(sandbox, proxy.cut);
        }),
      ),
    120_000,
  );

  it.live.skipIf(target === undefined)(
    "that fall silent: the run's own deadline ends the wait",
    () =>
      through((proxy) =>
        Effect.gen(function* () {
          const sandbox = yield* SandboxDocker.make(Languages.python, { slots: 1, runId: "cut" });
          const short = call("python", [[[2], 4]], { ...limits, wallSeconds: 1 });
          assert.strictEqual((yield* sandbox.verify(short, "def f(x): return 2 * x")).outcome, "Passed");
          yield* proxy.silence;
          // Both slots are silent: where the second attempt meets the other one too, the program is not judged.
          const first = yield* Effect.result(sandbox.verify(short, "def f(x): return 2 * x"));
          assert.strictEqual(
            first._tag === "Success" ? first.success.outcome : first.failure._tag,
            first._tag === "Success" ? "Passed" : "SandboxFault",
          );
          assert.isAtLeast((yield* sandbox.metrics).faults, 1);
          const after = yield* sandbox.verify(short, "def f(x): return 2 * x");
          assert.strictEqual(after.outcome, "Passed");
        }),
      ),
    120_000,
  );
});

describe.skipIf(WithDocker.skip)("an orchestrator that is killed", () => {
  it.live(
    "leaves no container behind, without anybody's doing",
    () =>
      Effect.gen(function* () {
        const script = new URL("./support/heldSandbox.ts", import.meta.url).pathname;
        const child = spawn(process.execPath, ["--import", "tsx", script, "orphan"], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        yield* Effect.callback<void>((resume) => {
          child.stdout.once("data", () => resume(Effect.void));
        });
        assert.isAtLeast((yield* containers("orphan")).length, 1);
        child.kill("SIGKILL");
        yield* until(containers("orphan"), (left) => left.length === 0).pipe(Effect.timeout("20 seconds"));
      }),
    120_000,
  );
});
