/**
 * `Compute` by a worker thread: the main thread only posts requests and resumes fibers.
 *
 * The worker belongs to the layer's scope and is terminated when that closes. A worker that dies fails every
 * request that waits, and every later one, with a ComputeError. An interrupted request is cancelled in the
 * worker: dropped where it waits, stopped at its next slice where it runs.
 */
import { Worker } from "node:worker_threads";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Queue from "effect/Queue";
import type * as Scope from "effect/Scope";
import * as Stream from "effect/Stream";
import type { Episode } from "../domain/Episode.ts";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";
import * as Binding from "../tensor/native/Binding.ts";
import { Compute, ComputeError } from "./Compute.ts";
import type { Call, FromWorker, Method, Methods, ToWorker } from "./Protocol.ts";

/** Episodes a message: cloning more at once would hold the main thread up. */
const EPISODES_PER_MESSAGE = 256;

const BOOT = new URL("../../bin/boot.mjs", import.meta.url);
const ENTRY = new URL("./EngineWorker.ts", import.meta.url);

const restart = "Resume the run from its last checkpoint.";

interface Client {
  readonly call: <M extends Method>(
    method: M,
    input: Methods[M]["input"],
  ) => Effect.Effect<Methods[M]["output"], ComputeError>;
  readonly stream: (request: StreamRequest) => Stream.Stream<StreamEvent, ComputeError>;
  readonly close: () => Promise<void>;
}

/** A worker, started by the first call, and its pending requests. `entry` is the module that it runs. */
const client = (entry: URL): Client => {
  const pending = new Map<number, (result: Effect.Effect<unknown, ComputeError>) => void>();
  const listeners = new Map<number, (events: ReadonlyArray<StreamEvent>) => void>();
  let worker: Worker | undefined;
  let next = 0;
  let dead: ComputeError | undefined;

  const die = (reason: string): void => {
    dead ??= new ComputeError({ reason, remedy: restart });
    const waiting = [...pending.values()];
    pending.clear();
    for (const resume of waiting) resume(Effect.fail(dead));
  };
  const receive = (message: FromWorker): void => {
    if (message.kind === "events") {
      for (const { id, events } of message.streams) listeners.get(id)?.(events);
      return;
    }
    const resume = pending.get(message.id);
    if (resume === undefined) return;
    pending.delete(message.id);
    if (message.kind === "done") return resume(Effect.succeed(message.output));
    const { reason, remedy } = message;
    resume(Effect.fail(new ComputeError({ reason, ...(remedy === null ? {} : { remedy }) })));
  };
  const start = (): Worker => {
    // TensorFlow's notes about the CPU go to the terminal otherwise; only the main thread can say so.
    process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
    const started = new Worker(BOOT, { workerData: { entry: entry.href } });
    started.on("message", receive);
    started.on("messageerror", (error: Error) =>
      die(`A message of the compute worker was lost: ${error.message}.`),
    );
    started.on("error", (error: unknown) =>
      die(`The compute worker crashed: ${error instanceof Error ? error.message : String(error)}.`),
    );
    started.on("exit", (code) => die(`The compute worker ended with exit code ${code}.`));
    return started;
  };

  /** Posts a call; `begin` is told its number. */
  const ask = <M extends Method>(
    method: M,
    input: Methods[M]["input"],
    begin: (id: number) => void = () => {},
  ): Effect.Effect<Methods[M]["output"], ComputeError> =>
    Effect.callback((resume) => {
      if (dead !== undefined) return resume(Effect.fail(dead));
      worker ??= start();
      const post = (message: ToWorker): void => worker?.postMessage(message);
      const id = next++;
      begin(id);
      // The worker answers a call with the output of its own method.
      pending.set(id, resume as (result: Effect.Effect<unknown, ComputeError>) => void);
      post({ kind: "call", id, call: { method, input } as Call });
      return Effect.sync(() => {
        if (pending.delete(id) && dead === undefined) post({ kind: "cancel", id });
      });
    });
  const call: Client["call"] = (method, input) => ask(method, input);
  const stream: Client["stream"] = (request) =>
    Stream.callback<StreamEvent, ComputeError>((queue) => {
      let listening = -1;
      return ask("stream", request, (id) => {
        listening = id;
        listeners.set(id, (events) => Queue.offerAllUnsafe(queue, events));
      }).pipe(
        Effect.ensuring(Effect.sync(() => listeners.delete(listening))),
        Effect.andThen(Queue.end(queue)),
      );
    });
  const close = async (): Promise<void> => {
    die("The compute worker was closed.");
    await worker?.terminate();
  };
  return { call, stream, close };
};

const acquire = (entry: URL): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => client(entry)),
    ({ close }) => Effect.promise(close),
  );

const make = (entry: URL): Effect.Effect<Compute["Service"], never, Scope.Scope> =>
  Effect.map(acquire(entry), ({ call, stream }) => ({
    open: (spec) =>
      Effect.suspend(() => {
        // Read once per process, when the worker loads TensorFlow.
        if (spec.threads !== undefined) Binding.setThreads(spec.threads);
        return call("open", spec);
      }),
    addEpisodes: Effect.fnUntraced(function* (part: "offline" | "online", episodes: ReadonlyArray<Episode>) {
      let added = 0;
      let tooLong = 0;
      for (let at = 0; at < episodes.length; at += EPISODES_PER_MESSAGE) {
        const slice = episodes.slice(at, at + EPISODES_PER_MESSAGE);
        const counts = yield* call("addEpisodes", { part, episodes: slice });
        added += counts.added;
        tooLong += counts.tooLong;
      }
      return { added, tooLong };
    }),
    trainStep: (request) => call("trainStep", request),
    probe: (request) => call("probe", request),
    clearEpisodes: (part) => Effect.asVoid(call("clearEpisodes", part)),
    setReference: Effect.asVoid(call("setReference", null)),
    generate: (request) => call("generate", request),
    stream,
    countTokens: (texts) => call("countTokens", texts),
    score: (items) => call("score", items),
    save: (directory) => Effect.asVoid(call("save", directory)),
    restore: (directory) => Effect.asVoid(call("restore", directory)),
    exportPolicy: (exported) => Effect.asVoid(call("exportPolicy", exported)),
    stats: Effect.suspend(() => call("stats", null)),
  }));

/** As `layer`, with another module in the worker. */
export const layerEntry = (entry: URL): Layer.Layer<Compute> => Layer.effect(Compute, make(entry));

/** A compute worker of its own. */
export const layer: Layer.Layer<Compute> = layerEntry(ENTRY);
