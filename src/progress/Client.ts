/**
 * One connected client: a cursor over the event log.
 *
 * It holds no queue of events. It reads the log from where the client is, hands frames to the socket, waits for
 * the socket when a little is on its way, and sleeps when it has reached the head. A slow client therefore costs
 * a number, and slows nobody.
 */
import { timingSafeEqual } from "node:crypto";
import * as Data from "effect/Data";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import * as Stream from "effect/Stream";
import { type RawData, WebSocket } from "ws";
import type { LoggedEvent } from "../domain/RunEvent.ts";
import type { Submitted } from "../store/Commands.ts";
import type { RunReader } from "../store/RunReader.ts";
import * as Wire from "./Wire.ts";

/** Bytes on their way to one client above which its cursor waits. */
export const HIGH_WATER = 64 * 1024;
/** Events read from the log at a time. */
const BATCH = 256;
/** Frames of a client that wait to be read; one that sends more at once is closed. */
const INBOX = 32;
const STATE_MILLIS = 150;

export interface Timing {
  /** Milliseconds within which a client says hello. */
  readonly hello: number;
  /** Milliseconds between heartbeats; a client that shows no life for one is dropped. */
  readonly heartbeat: number;
  /** Milliseconds that closing may take, the last events included. */
  readonly close: number;
}
export const defaultTiming: Timing = { hello: 5_000, heartbeat: 10_000, close: 2_000 };

export interface Served {
  readonly log: RunReader;
  readonly submit: (submitted: Submitted) => Effect.Effect<boolean>;
  readonly token: string;
  readonly timing: Timing;
  /** Completes when the server closes: the client then gets what is left of the log. */
  readonly closing: Effect.Effect<void>;
}

/** This client alone is closed, with a code and a reason. */
class Refused extends Data.TaggedError("Refused")<{ readonly code: number; readonly reason: string }> {}

const sameToken = (given: string, token: string): boolean => {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  // The length of the token is no secret, its letters are.
  return a.length === b.length && timingSafeEqual(a, b);
};

/** A close reason holds 123 bytes. */
const short = (reason: string): string => {
  const text = Buffer.from(reason);
  return text.length <= 123
    ? reason
    : `${text
        .subarray(0, 118)
        .toString("utf8")
        .replace(/\uFFFD+$/, "")}…`;
};

/** Serves one client until it leaves, is refused or the server closes. Never fails. */
export const serve = Effect.fnUntraced(function* (socket: WebSocket, from: string, served: Served) {
  const { log, timing, token } = served;
  const inbox = yield* Queue.dropping<string>(INBOX);
  const closed = yield* Deferred.make<void>();
  const broken = yield* Deferred.make<never, Refused>();
  let alive = true;

  const refuse = (code: number, reason: string) => new Refused({ code, reason });
  const leave = Effect.fail(refuse(Wire.Close.goingAway, "the process of this run ends"));
  const breakOff = (code: number, reason: string): void =>
    void Deferred.doneUnsafe(broken, Effect.fail(refuse(code, reason)));

  socket.on("close", () => Deferred.doneUnsafe(closed, Effect.void));
  // ws closes the socket itself after an error of the protocol or of the network.
  socket.on("error", () => undefined);
  socket.on("pong", () => {
    alive = true;
  });
  socket.on("message", (data: RawData, isBinary: boolean) => {
    alive = true;
    if (isBinary) return breakOff(Wire.Close.notText, "frames are JSON text, this one was binary");
    const bytes = data as Buffer;
    if (bytes.length > Wire.MAX_FRAME_BYTES) {
      return breakOff(Wire.Close.tooBig, `a frame holds at most ${Wire.MAX_FRAME_BYTES} bytes`);
    }
    if (!Queue.offerUnsafe(inbox, bytes.toString("utf8"))) {
      breakOff(Wire.Close.policy, `more than ${INBOX} frames at once`);
    }
  });

  const send = (text: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      // The race with `closed` ends this.
      if (socket.readyState !== WebSocket.OPEN) return Effect.never;
      if (socket.bufferedAmount + text.length < HIGH_WATER) {
        socket.send(text, () => undefined);
        return Effect.void;
      }
      return Effect.callback<void>((resume) => {
        socket.send(text, () => {
          // It is slow, but it reads.
          alive = true;
          resume(Effect.void);
        });
      });
    });

  const next = Effect.flatMap(Queue.take(inbox), (text) => {
    const parsed = Wire.parseClient(text);
    return typeof parsed === "string" ? refuse(Wire.Close.malformed, parsed) : Effect.succeed(parsed);
  });

  const obey = (given: Wire.Command): Effect.Effect<void> =>
    Effect.gen(function* () {
      const { id, command } = given;
      const error = (code: "token" | "busy", message: string) =>
        send(Wire.frame({ type: "error", id, code, message }));
      if (!sameToken(given.token, token)) {
        return yield* error("token", "the token is wrong; the run printed it when it started");
      }
      const outcome = yield* Deferred.make<string | null>();
      const who = given.as === undefined ? from : `${given.as} (${from})`;
      if (!(yield* served.submit({ command, from: who, outcome }))) {
        return yield* error("busy", "too many commands wait to be carried out; try again");
      }
      yield* send(Wire.frame({ type: "ack", id }));
      yield* Deferred.await(outcome).pipe(
        Effect.flatMap((refused) => send(Wire.frame({ type: "result", id, refused }))),
        Effect.forkChild,
      );
    });

  const commands = Effect.forever(
    Effect.flatMap(next, (given) =>
      given.type === "command" ? obey(given) : refuse(Wire.Close.policy, "hello was said already"),
    ),
  );

  const heartbeats = Effect.gen(function* () {
    for (;;) {
      yield* Effect.sleep(timing.heartbeat);
      if (!alive) return yield* Effect.sync(() => socket.terminate());
      alive = false;
      socket.ping();
      // A slow client is shown no more than it can take; what it still gets keeps it alive.
      if (socket.bufferedAmount === 0) {
        yield* send(Wire.frame({ type: "heartbeat", head: yield* log.head }));
      }
    }
  });

  const talk = Effect.gen(function* () {
    const hello = yield* next.pipe(
      Effect.timeoutOrElse({
        duration: timing.hello,
        orElse: () => refuse(Wire.Close.helloTimeout, `no hello within ${timing.hello} ms`),
      }),
      Effect.raceFirst(Effect.andThen(served.closing, leave)),
    );
    if (hello.type !== "hello") return yield* refuse(Wire.Close.policy, "the first frame must be a hello");
    const head = yield* log.head;
    if (hello.from > head) {
      return yield* refuse(Wire.Close.policy, `from ${hello.from} is beyond the head of this log, ${head}`);
    }
    const { formatVersion } = yield* log.state;
    yield* send(
      Wire.frame({
        type: "hello",
        protocol: Wire.PROTOCOL_VERSION,
        runId: log.runId,
        head,
        formatVersion,
      }),
    );

    let seq = hello.from;
    const wanted = hello.filter === undefined ? null : new Set<LoggedEvent["event"]["_tag"]>(hello.filter);
    const toHead = Effect.gen(function* () {
      for (;;) {
        const batch = yield* log.read(seq, BATCH);
        for (const logged of batch) {
          // Counted before the wait: one that was handed to the socket is not sent again.
          seq = logged.seq;
          if (wanted === null || wanted.has(logged.event._tag)) yield* send(Wire.eventFrame(logged));
        }
        if (batch.length === 0) return;
      }
    });
    const events = Stream.runForEach(log.heads, () => toHead);

    let shown = -1;
    const state = Effect.gen(function* () {
      const now = yield* log.state;
      if (now.lastSeq === shown) return;
      shown = now.lastSeq;
      yield* send(Wire.frame({ type: "state", state: now }));
    });
    const states =
      hello.state === true
        ? Stream.runForEach(log.heads, () => Effect.andThen(state, Effect.sleep(STATE_MILLIS)))
        : Effect.never;

    yield* Effect.raceAllFirst([events, states, commands, heartbeats, served.closing]);
    yield* toHead;
    if (hello.state === true) yield* state;
    return yield* leave;
  });

  const goodbye = ({ code, reason }: Refused) =>
    Effect.gen(function* () {
      if (code !== Wire.Close.goingAway && socket.readyState === WebSocket.OPEN) {
        // A browser shows its scripts no more than the code: the frame says why.
        socket.send(Wire.frame({ type: "error", code: "refused", message: reason }));
      }
      socket.close(code, short(reason));
      yield* Deferred.await(closed);
    }).pipe(Effect.timeoutOption(timing.close));

  yield* Effect.raceAllFirst([talk, Deferred.await(broken), Deferred.await(closed)]).pipe(
    Effect.catchTag("StoreError", (error) => refuse(Wire.Close.fault, error.reason)),
    Effect.catchTag("Refused", goodbye),
    Effect.ensuring(Effect.sync(() => socket.terminate())),
  );
});
