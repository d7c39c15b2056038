/**
 * The worker's side of the protocol: requests are served in order, one at a time; between the slices of one
 * the thread looks at its messages, so that a cancelled request ends within a slice.
 *
 * A stream is started in its turn and then runs beside the requests that follow: after each of their slices,
 * and while there are none, all streams together advance by one decoding step. So no stream holds up a
 * request for longer than a step, and a training step between two tokens changes the weights of those that
 * come after it.
 */
import type { MessagePort } from "node:worker_threads";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";
import type { Call, FromWorker, ToWorker } from "./Protocol.ts";

/** A request under way: each `next` is one slice, and the last one returns the answer. */
export type Running = AsyncGenerator<void, Extract<FromWorker, { kind: "done" }>["output"], void>;

export interface Work {
  readonly start: (call: Exclude<Call, { method: "stream" }>) => Running;
  /** Starts a stream, which then advances with `step`; throws on a request that does not fit. */
  readonly stream: (
    request: StreamRequest,
    emit: (event: StreamEvent) => void,
  ) => { readonly cancel: () => void };
  /** One decoding step of what generates. */
  readonly step: () => void;
}

/** One event-loop turn: pending messages are handled before it resolves. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const text = (cause: unknown, key: string): string | null => {
  if (typeof cause !== "object" || cause === null) return null;
  const value = (cause as Readonly<Record<string, unknown>>)[key];
  return typeof value === "string" && value !== "" ? value : null;
};

/** What went wrong, from any error: Drydock's own carry a reason and a remedy, and some a path. */
const failure = (id: number, cause: unknown): FromWorker => {
  const reason = text(cause, "reason") ?? text(cause, "message") ?? String(cause);
  const path = text(cause, "path");
  return {
    kind: "failed",
    id,
    reason: path === null || reason.includes(path) ? reason : `${path}: ${reason}`,
    remedy: text(cause, "remedy"),
  };
};

interface Stream {
  readonly cancel: () => void;
  events: Array<StreamEvent>;
  /** Samples that are not finished. */
  left: number;
}

/** The streams of a port: started, brought forward together, and told of in one message a step. */
const streamsOf = (port: MessagePort, work: Work) => {
  const running = new Map<number, Stream>();
  const post = (message: FromWorker): void => port.postMessage(message);
  const flush = (): void => {
    const told = [...running].flatMap(([id, stream]) => {
      const events = stream.events;
      stream.events = [];
      return events.length === 0 ? [] : [{ id, events }];
    });
    if (told.length > 0) post({ kind: "events", streams: told });
    for (const [id, { left }] of running) {
      if (left > 0) continue;
      running.delete(id);
      post({ kind: "done", id, output: null });
    }
  };
  return {
    any: (): boolean => running.size > 0,
    start: (id: number, request: StreamRequest): void => {
      const events: Array<StreamEvent> = [];
      let stream: Stream | undefined;
      try {
        const emit = (event: StreamEvent): void => {
          (stream?.events ?? events).push(event);
          if (stream !== undefined && event.kind === "finished") stream.left--;
        };
        const { cancel } = work.stream(request, emit);
        stream = { cancel, events, left: request.seeds.length };
        running.set(id, stream);
        flush();
      } catch (cause) {
        post(failure(id, cause));
      }
    },
    /** A step that fails fails every stream: it was theirs together. */
    step: (): void => {
      if (running.size === 0) return;
      try {
        work.step();
        flush();
      } catch (cause) {
        for (const [id, { cancel }] of running) {
          cancel();
          post(failure(id, cause));
        }
        running.clear();
      }
    },
    cancel: (id: number): void => {
      running.get(id)?.cancel();
      running.delete(id);
    },
  };
};

/** Serves the requests of a port by `work`, for as long as the thread lives. */
export const serve = (port: MessagePort, work: Work): void => {
  const waiting: Array<{ readonly id: number; readonly call: Call }> = [];
  const streams = streamsOf(port, work);
  let current: number | null = null;
  let cancelled = false;

  const run = async (id: number, running: Running): Promise<FromWorker | null> => {
    for (;;) {
      const step = await running.next();
      if (step.done === true) return { kind: "done", id, output: step.value };
      streams.step();
      await turn();
      if (cancelled) {
        await running.return(null);
        return null;
      }
    }
  };

  const answer = async (id: number, call: Call): Promise<void> => {
    if (call.method === "stream") return streams.start(id, call.input);
    current = id;
    cancelled = false;
    const message = await run(id, work.start(call)).catch((cause: unknown) => failure(id, cause));
    current = null;
    if (message !== null) port.postMessage(message);
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0 || streams.any()) {
      const request = waiting.shift();
      if (request !== undefined) await answer(request.id, request.call);
      streams.step();
      await turn();
    }
  };

  let draining: Promise<void> | null = null;
  port.on("message", (message: ToWorker) => {
    if (message.kind === "cancel") {
      if (message.id === current) cancelled = true;
      streams.cancel(message.id);
      const at = waiting.findIndex((request) => request.id === message.id);
      if (at >= 0) waiting.splice(at, 1);
      return;
    }
    waiting.push({ id: message.id, call: message.call });
    draining ??= drain().finally(() => {
      draining = null;
    });
  });
};
