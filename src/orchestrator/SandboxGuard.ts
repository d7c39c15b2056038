/**
 * The circuit breaker over a run's sandboxes: more than a fifth of a minute's runs lost to faults pauses the run.
 *
 * A pause as a person's: it takes effect at the next safe point and ends when somebody resumes the run, which counts
 * anew from there. The log says why, and what to do.
 */
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as FaultWindow from "../sandbox/FaultWindow.ts";
import { Sandbox } from "../sandbox/Sandbox.ts";
import { Commands } from "../store/Commands.ts";
import { RunStore } from "../store/RunStore.ts";

const REMEDY =
  "`drydock sandbox doctor` says what is wrong (is the Docker engine up, is memory or disk short?); then resume the run from its progress page, or stop it (Ctrl-C) and `drydock resume` it";

/** The sandbox in the context, watched. */
export const layer: Layer.Layer<Sandbox, never, Sandbox | Commands | RunStore> = Layer.effect(
  Sandbox,
  Effect.gen(function* () {
    const sandbox = yield* Sandbox;
    const commands = yield* Commands;
    const store = yield* RunStore;
    let window = FaultWindow.start(yield* Clock.currentTimeMillis, yield* sandbox.metrics);

    const look = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis;
      const metrics = yield* sandbox.metrics;
      window = FaultWindow.observe(window, now, metrics);
      if (!FaultWindow.isBroken(window)) return;
      const { attempts, faults } = FaultWindow.lately(window);
      window = FaultWindow.start(now, metrics);
      const reason = `the sandbox failed on ${faults} of the last minute's ${attempts} runs; none of them was judged`;
      yield* store.append({ _tag: "SandboxTripped", attempts, faults, reason, remedy: REMEDY });
      yield* commands.submit({ command: { _tag: "Pause" }, from: "the sandbox's circuit breaker" });
    });

    return Sandbox.of({
      ...sandbox,
      verify: (task, program) => Effect.ensuring(sandbox.verify(task, program), Effect.ignore(look)),
    });
  }),
);
