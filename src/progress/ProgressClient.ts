/**
 * A client of a progress server: a run's events as a stream that survives lost connections, and commands.
 *
 * A connection that is lost is made again from the last event that was seen, so the stream has no gaps and no
 * repetitions. A consumer that is slow slows the server's cursor, and holds no more than a few hundred events.
 */
import * as Cause from "effect/Cause";
import * as Data from "effect/Data";
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import * as Schedule from "effect/Schedule";
import * as Stream from "effect/Stream";
import { WebSocket } from "ws";
import type { RunCommand } from "../domain/RunCommand.ts";
import type { LoggedEvent, RunEvent } from "../domain/RunEvent.ts";
import { ProgressError } from "./ProgressError.ts";
import * as Wire from "./Wire.ts";

export interface Follow {
  /** ws://host:port/ (or http://). */
  readonly url: string;
  /** The last sequence number that is known already; 0, the default, for the whole log. */
  readonly from?: number;
  readonly filter?: ReadonlyArray<RunEvent["_tag"]>;
  /** End with the run, instead of waiting for it to be resumed. */
  readonly untilEnd?: boolean;
  /** Milliseconds for which a lost connection is tried again; default a minute. */
  readonly patience?: number;
}

/** The connection ended in a way that trying again may mend. */
class Lost extends Data.TaggedError("Lost")<{ readonly reason: string }> {}

/** The frames that wait for the consumer above which the socket is not read, and below which it is again. */
const FULL = 512;
/** Milliseconds without a sign of the server (it beats every ten seconds) after which it is given up. */
const SILENCE = 35_000;
const PATIENCE = 60_000;

const ends: ReadonlySet<string> = new Set<RunEvent["_tag"]>(["RunFinished", "RunFailed", "RunStopped"]);

/** Whether a run ends with this event, where it is the last. */
export const isEnd = (event: RunEvent): boolean => ends.has(event._tag);

const address = (url: string): Effect.Effect<string, ProgressError> => {
  const parsed = URL.canParse(url) ? new URL(url.replace(/^http/i, "ws")) : null;
  return parsed !== null && (parsed.protocol === "ws:" || parsed.protocol === "wss:")
    ? Effect.succeed(parsed.href)
    : Effect.fail(
        new ProgressError({
          reason: `${JSON.stringify(url)} is not the address of a progress server`,
          remedy: "give it as ws://host:port/, as the run printed it when it started",
        }),
      );
};

const noAnswer = (url: string, reason: string): ProgressError =>
  new ProgressError({
    reason: `no progress server answers at ${url} (${reason})`,
    remedy: "check that the run is going on; a run that has ended is read by its id or directory",
  });

/** Codes that say that this client is at fault: trying again changes nothing. */
const refusals: ReadonlySet<number> = new Set<number>([
  Wire.Close.notText,
  Wire.Close.malformed,
  Wire.Close.policy,
  Wire.Close.tooBig,
  Wire.Close.helloTimeout,
]);

/** One connection's frames, from the hello that it sends on. Ends where the server goes away. */
const connection = (
  url: string,
  first: Wire.ClientFrame,
): Stream.Stream<Wire.ServerFrame, Lost | ProgressError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const queue = yield* Queue.unbounded<Wire.ServerFrame, Lost | ProgressError | Cause.Done>();
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: 10_000 })),
        (it) =>
          Effect.sync(() => {
            it.removeAllListeners();
            it.on("error", () => undefined);
            it.terminate();
          }),
      );
      const fail = (error: Lost | ProgressError): void =>
        void Queue.failCauseUnsafe(queue, Cause.fail(error));
      let alive = true;
      socket.on("open", () => socket.send(JSON.stringify(first)));
      socket.on("ping", () => {
        alive = true;
      });
      socket.on("message", (data) => {
        alive = true;
        try {
          Queue.offerUnsafe(queue, Wire.parseServer((data as Buffer).toString("utf8")));
        } catch (error) {
          fail(
            new ProgressError({
              reason: `${url} sent what this version does not know: ${error instanceof Error ? error.message : String(error)}`,
              remedy: "use the version of Drydock that runs the run",
            }),
          );
        }
        if (Queue.sizeUnsafe(queue) > FULL) socket.pause();
      });
      socket.on("error", (error) => fail(new Lost({ reason: error.message })));
      socket.on("close", (code, why) => {
        const reason = why.toString("utf8");
        if (code === Wire.Close.goingAway) Queue.endUnsafe(queue);
        else if (!refusals.has(code)) fail(new Lost({ reason: reason || `closed with ${code}` }));
        else {
          fail(
            new ProgressError({
              reason: `${url} refused: ${reason || code}`,
              remedy: "see docs/protocol.md",
            }),
          );
        }
      });
      yield* Effect.forkScoped(
        Effect.gen(function* () {
          for (;;) {
            yield* Effect.sleep(SILENCE);
            // A consumer that makes the socket wait hears nothing either.
            if (!alive && !socket.isPaused) fail(new Lost({ reason: "the server fell silent" }));
            alive = false;
          }
        }),
      );
      return Stream.fromQueue(queue).pipe(
        Stream.tap(() =>
          Effect.sync(() => {
            if (socket.isPaused && Queue.sizeUnsafe(queue) < FULL / 2) socket.resume();
          }),
        ),
      );
    }),
  );

/** The run's events after `from`, in order and without gaps (but for a filter's). */
export const events = (options: Follow): Stream.Stream<LoggedEvent, ProgressError> =>
  Stream.unwrap(
    Effect.map(address(options.url), (url) => {
      let seq = options.from ?? 0;
      let head = 0;
      let runId: string | null = null;
      const once = Stream.suspend(() =>
        connection(url, {
          type: "hello",
          from: seq,
          ...(options.filter === undefined ? {} : { filter: options.filter }),
        }),
      ).pipe(
        Stream.mapEffect((frame) => {
          switch (frame.type) {
            case "hello":
              if (runId !== null && runId !== frame.runId) {
                return Effect.fail(
                  new ProgressError({
                    reason: `${url} serves another run now: ${frame.runId}`,
                    remedy: `follow that one, or read ${runId} by its id`,
                  }),
                );
              }
              runId = frame.runId;
              head = Math.max(head, frame.head);
              return Effect.succeed(null);
            case "heartbeat":
              head = Math.max(head, frame.head);
              return Effect.succeed(null);
            case "event":
              seq = frame.seq;
              return Effect.succeed<LoggedEvent>({ seq: frame.seq, at: frame.at, event: frame.event });
            default:
              return Effect.succeed(null);
          }
        }),
        // The server goes away when the run's process ends; the run may be resumed at the same address.
        (frames) =>
          options.untilEnd === true
            ? frames
            : Stream.concat(frames, Stream.fail(new Lost({ reason: "the server went away" }))),
      );
      const patience = options.patience ?? PATIENCE;
      return once.pipe(
        Stream.retry(
          Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("2 seconds")]).pipe(
            Schedule.upTo({ duration: patience }),
            Schedule.while(({ input }) => (input as { _tag: string })._tag === "Lost" && runId !== null),
          ),
        ),
        Stream.catchTag("Lost", ({ reason }) =>
          Stream.fail(
            runId === null
              ? noAnswer(url, reason)
              : noAnswer(url, `${reason}; tried again for ${Math.round(patience / 1000)} s`),
          ),
        ),
        Stream.filter((logged) => logged !== null),
        Stream.takeUntil((logged) => options.untilEnd === true && isEnd(logged.event) && logged.seq >= head),
      );
    }),
  );

/** One connection that says hello (and more), until a frame is what is wanted. */
const ask = Effect.fnUntraced(function* <A>(
  given: string,
  frames: ReadonlyArray<Wire.ClientFrame>,
  wanted: (frame: Wire.ServerFrame) => A | null,
) {
  const url = yield* address(given);
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: 10_000 })),
        (it) => Effect.sync(() => it.terminate()),
      );
      return yield* Effect.callback<A, ProgressError>((resume) => {
        const fail = (reason: string): void => resume(Effect.fail(noAnswer(url, reason)));
        socket.on("error", (error) => fail(error.message));
        socket.on("close", (code, why) => fail(why.toString("utf8") || `closed with ${code}`));
        socket.on("message", (data) => {
          const found = wanted(Wire.parseServer((data as Buffer).toString("utf8")));
          if (found !== null) resume(Effect.succeed(found));
        });
        socket.on("open", () => {
          for (const frame of frames) socket.send(JSON.stringify(frame));
        });
      });
    }),
  ).pipe(
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(noAnswer(url, "no answer within 10 s")),
    }),
  );
});

/** No event has this tag twice in a run: next to nothing of the log comes back. */
const quiet = { type: "hello", from: 0, filter: ["RunFinished"] } as const;

/** The state of a run now. */
export const state = (url: string) =>
  ask(url, [{ ...quiet, state: true }], (frame) => (frame.type === "state" ? frame.state : null));

/** Gives a run a command; succeeds when it is carried out. */
export const command = Effect.fn("ProgressClient.command")(function* (options: {
  readonly url: string;
  readonly token: string;
  readonly command: RunCommand;
  /** What the client calls itself in the log. */
  readonly as?: string;
}) {
  const { token, as } = options;
  const given = { type: "command", id: "1", token, command: options.command } as const;
  const answer = yield* ask(options.url, [quiet, as === undefined ? given : { ...given, as }], (frame) =>
    frame.type === "result" || frame.type === "error" ? frame : null,
  );
  if (answer.type === "result" && answer.refused === null) return;
  const reason = answer.type === "result" ? answer.refused : answer.message;
  return yield* new ProgressError({
    reason: `the run refused the command: ${reason}`,
    remedy:
      answer.type === "error" && answer.code === "token"
        ? "give the token that the run printed when it started"
        : "the run goes on as it was; try it again with another value",
  });
});
