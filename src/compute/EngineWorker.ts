/** The compute worker's entry: one engine, opened by the first request, and the requests on it. */
import { parentPort } from "node:worker_threads";
import * as Effect from "effect/Effect";
import * as Binding from "../tensor/native/Binding.ts";
import * as Setup from "../tensor/native/Setup.ts";
import * as Executor from "../tensor/Executor.ts";
import type { Backend, OpenSpec } from "./Compute.ts";
import * as Engine from "./Engine.ts";
import type { Call } from "./Protocol.ts";
import { type Running, serve } from "./Serve.ts";

/** The fastest backend that is prepared on this machine; set-up itself is `drydock setup`'s. */
const choose = async (backend: Backend): Promise<Executor.Backend> => {
  if (backend !== "auto") return backend;
  const { kind } = await Setup.ensureNative({ install: false, retry: false });
  return kind === "gpu" ? "native-gpu" : kind === "cpu" ? "native" : "wasm";
};

let engine: Engine.Engine | undefined;

const open = async (spec: OpenSpec): Promise<Engine.Engine["info"]> => {
  if (engine !== undefined) throw new Error("A policy is open already: use another compute worker.");
  const backend = await choose(spec.backend);
  const threads =
    backend === "wasm" ? Executor.wasmThreads(spec.threads) : (spec.threads ?? Binding.threads());
  const executor = await Executor.load(backend, { threads });
  engine = await Effect.runPromise(Engine.open(spec, { executor, threads }));
  return engine.info;
};

const opened = (): Engine.Engine => {
  if (engine === undefined) throw new Error("No policy is open: call open first.");
  return engine;
};

async function* start({ method, input }: Exclude<Call, { method: "stream" }>): Running {
  switch (method) {
    case "open":
      return await open(input);
    case "addEpisodes":
      return opened().addEpisodes(input.part, input.episodes);
    case "trainStep":
      return opened().trainStep(input);
    case "probe":
      return opened().probe(input);
    case "clearEpisodes":
      opened().clearEpisodes(input);
      return null;
    case "setReference":
      opened().setReference();
      return null;
    case "generate":
      return yield* opened().generate(input);
    case "countTokens":
      return opened().countTokens(input);
    case "score":
      return yield* opened().score(input);
    case "save":
      opened().save(input);
      return null;
    case "restore":
      opened().restore(input);
      return null;
    case "exportPolicy":
      await Effect.runPromise(opened().exportPolicy(input));
      return null;
    case "stats":
      return { tensors: engine?.tensors() ?? 0, residentBytes: process.memoryUsage.rss() };
  }
}

if (parentPort === null) throw new Error("EngineWorker.ts runs as a worker thread only.");
serve(parentPort, {
  start,
  stream: (request, emit) => opened().stream(request, emit),
  step: () => opened().step(),
});
