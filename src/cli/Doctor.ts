/** `drydock doctor`: what this machine has, and what to do about what is missing. */
import * as Os from "node:os";
import * as Effect from "effect/Effect";
import * as Command from "effect/cli/Command";
import * as DockerCheck from "../sandbox/docker/DockerCheck.ts";
import * as Setup from "../tensor/native/Setup.ts";
import { json, print, table } from "./Output.ts";

interface Check {
  readonly what: string;
  readonly state: "ok" | "limited" | "missing";
  readonly found: string;
  readonly remedy: string;
}

const backend = Effect.promise(() => Setup.ensureNative({ install: false })).pipe(
  Effect.map(
    (found): Check => ({
      what: "tensor backend",
      state: found.kind === "wasm" ? "limited" : "ok",
      found: `${{ gpu: "native TensorFlow on GPU", cpu: "native TensorFlow on CPU", wasm: "WebAssembly" }[found.kind]}: ${found.reason}`,
      remedy: found.betterBy ?? "",
    }),
  ),
);

const docker = DockerCheck.probe.pipe(
  Effect.map(
    (found): Check => ({
      what: "Docker (Python tasks)",
      state: found.available ? "ok" : "missing",
      found: found.detail,
      remedy: found.remedy ?? "",
    }),
  ),
);

const memory: Check = (() => {
  const total = Os.totalmem() / 2 ** 30;
  const free = Os.freemem() / 2 ** 30;
  const enough = total >= 4;
  return {
    what: "memory",
    state: enough ? "ok" : "limited",
    found: `${total.toFixed(1)} GiB, ${free.toFixed(1)} GiB free; ${Os.availableParallelism()} CPU cores`,
    remedy: enough ? "" : "The embedded default needs about 2 GiB, SmolLM2-135M with LoRA about 6 GiB.",
  };
})();

const node: Check = {
  what: "Node",
  state: "ok",
  found: process.version,
  remedy: "",
};

export const doctor = Command.make(
  "doctor",
  { json },
  Effect.fn(function* (options) {
    const checks = [node, yield* backend, yield* docker, memory];
    yield* print(options.json, checks, (list) =>
      table(
        ["what", "state", "found", "what to do"],
        list.map(({ what, state, found, remedy }) => [what, state, found, remedy]),
      ),
    );
  }),
).pipe(Command.withDescription("What this machine has: backend, Docker, memory"));
