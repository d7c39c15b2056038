/**
 * A process that runs (or resumes) the tiny run and kills itself: `killableRun.ts DIRECTORY COUNTFILE [WHEN:N]`.
 *
 * Before each execution of a program that the policy wrote for a training task it adds a line to COUNTFILE, which
 * knows nothing of the ledger. WHEN is `executing` (the sandbox has the program, and no verdict is recorded), or an
 * event's tag; N counts them in this process. SIGKILL: nothing is finalised.
 */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Stream from "effect/Stream";
import * as Report from "../../src/orchestrator/Report.ts";
import { Sandbox } from "../../src/sandbox/Sandbox.ts";
import * as RunDirectory from "../../src/store/RunDirectory.ts";
import { RunStore } from "../../src/store/RunStore.ts";
import * as TinyRun from "../orchestrator/TinyRun.ts";

const [root = "", countFile = "", point = ""] = process.argv.slice(2);
const [when = "", n = "0"] = point.split(":");
const die = (): void => void process.kill(process.pid, "SIGKILL");

const counting = Layer.effect(
  Sandbox,
  Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    let executed = 0;
    return Sandbox.of({
      ...sandbox,
      verify: (task, program) =>
        Effect.suspend(() => {
          if (task.split !== "train") return sandbox.verify(task, program);
          Fs.appendFileSync(countFile, `${task.id}\n`);
          executed += 1;
          const last = when === "executing" && executed === Number(n);
          return sandbox.verify(task, program).pipe(Effect.tap(() => Effect.sync(() => last && die())));
        }),
    });
  }),
).pipe(Layer.provide(TinyRun.sandbox));

const directory = Path.join(root, "runs", "killed");

const main = Effect.gen(function* () {
  if (!Fs.existsSync(directory)) {
    const config = yield* TinyRun.configure(root, { budget: { verifications: 20, generated: 64 } });
    yield* RunDirectory.create(config, "killed");
  }
  const config = yield* RunDirectory.readConfig(directory);
  yield* Effect.gen(function* () {
    const store = yield* RunStore;
    const before = yield* store.head;
    yield* store.heads.pipe(
      Stream.mapEffect(() => Report.allEvents),
      Stream.runForEach((events) =>
        Effect.sync(() => {
          if (
            n !== "0" &&
            events.filter(({ seq, event }) => seq > before && event._tag === when).length >= Number(n)
          )
            die();
        }),
      ),
      Effect.forkScoped,
    );
    yield* TinyRun.go(config);
  }).pipe(Effect.provide(TinyRun.services(directory, counting)), Effect.scoped);
});

Effect.runPromise(main).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
