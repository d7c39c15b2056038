/**
 * The worker's side of the protocol: requests are served in order, one at a time; between the slices of one
 * the thread looks at its messages, so that a cancelled request ends within a slice.
 */
import type { MessagePort } from "node:worker_threads";
import type { Call, FromWorker, ToWorker } from "./Protocol.ts";

/** A request under way: each `next` is one slice, and the last one returns the answer. */
export type Running = AsyncGenerator<void, Extract<FromWorker, { kind: "done" }>["output"], void>;

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

/** Serves the requests of a port by `start`, for as long as the thread lives. */
export const serve = (port: MessagePort, start: (call: Call) => Running): void => {
  const waiting: Array<{ readonly id: number; readonly call: Call }> = [];
  let current: number | null = null;
  let cancelled = false;

  const run = async (id: number, call: Call): Promise<FromWorker | null> => {
    const running = start(call);
    for (;;) {
      const step = await running.next();
      if (step.done === true) return { kind: "done", id, output: step.value };
      await turn();
      if (cancelled) {
        await running.return(null);
        return null;
      }
    }
  };

  const drain = async (): Promise<void> => {
    for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
      current = request.id;
      cancelled = false;
      const answer = await run(request.id, request.call).catch((cause: unknown) =>
        failure(request.id, cause),
      );
      current = null;
      if (answer !== null) port.postMessage(answer);
      await turn();
    }
  };

  let draining: Promise<void> | null = null;
  port.on("message", (message: ToWorker) => {
    if (message.kind === "cancel") {
      if (message.id === current) cancelled = true;
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
