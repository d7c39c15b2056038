/**
 * The progress server: a web page at `/` and, on the same port, a WebSocket whose clients are cursors over the
 * run's event log (Client.ts). Anyone who can connect may read; commands need the token.
 */
import { randomBytes } from "node:crypto";
import * as Http from "node:http";
import type { AddressInfo } from "node:net";
import * as Net from "node:net";
import type { Duplex } from "node:stream";
import * as Context from "effect/Context";
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as FiberSet from "effect/FiberSet";
import * as Layer from "effect/Layer";
import { type WebSocket, WebSocketServer } from "ws";
import { Commands } from "../store/Commands.ts";
import { RunStore } from "../store/RunStore.ts";
import * as Access from "./Access.ts";
import * as Client from "./Client.ts";
import * as Page from "./Page.ts";
import { ProgressError } from "./ProgressError.ts";
import * as Wire from "./Wire.ts";

export class ProgressServer extends Context.Service<
  ProgressServer,
  {
    /** http://host:port/, of the page; the WebSocket is at the same place. */
    readonly url: string;
    /** What commands need; new in every process. */
    readonly token: string;
    /** Clients connected now, and bytes on their way to them. */
    readonly clients: Effect.Effect<{ readonly count: number; readonly buffered: ReadonlyArray<number> }>;
  }
>()("drydock/progress/ProgressServer") {}

export interface Options {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly maxClients?: number;
  readonly timing?: Partial<Client.Timing>;
}

const MAX_CLIENTS = 64;

const problem = (error: NodeJS.ErrnoException, { host, port }: Options): ProgressError => {
  const at = `port ${port} of ${host}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new ProgressError({
        reason: `${at} is in use, so the progress server cannot start`,
        remedy: "give another port (--port, or progress.port in the configuration), or 0 for a free one",
      });
    case "EACCES":
      return new ProgressError({
        reason: `this user may not listen on ${at}`,
        remedy: "give a port of 1024 or above, or 0 for a free one (--port, or progress.port)",
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ProgressError({
        reason: `${host} is not an address of this machine`,
        remedy: "set progress.host in the configuration to 127.0.0.1, or to an address that this machine has",
      });
    default:
      return new ProgressError({
        reason: `the progress server cannot start on ${at}: ${error.message}`,
        remedy: "check progress.host and progress.port in the configuration",
      });
  }
};

const listen = (server: Http.Server, options: Options): Effect.Effect<AddressInfo, ProgressError> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException): void => resume(Effect.fail(problem(error, options)));
    server.once("error", failed);
    server.listen(options.port, options.host, () => {
      server.off("error", failed);
      // Later errors of the listening socket (too many open files) cost a connection, not the run.
      server.on("error", () => undefined);
      resume(Effect.succeed(server.address() as AddressInfo));
    });
  });

const reject = (socket: Duplex, status: string, reason: string): void => {
  socket.on("error", () => undefined);
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
  );
};

const make = Effect.fnUntraced(function* (options: Options) {
  const log = yield* RunStore;
  const commands = yield* Commands;
  const timing = { ...Client.defaultTiming, ...options.timing };
  const maxClients = options.maxClients ?? MAX_CLIENTS;
  const token = randomBytes(18).toString("base64url");
  const closing = yield* Deferred.make<void>();
  const fibers = yield* FiberSet.make();
  const run = yield* FiberSet.runtime(fibers)();
  const answer = yield* Page.load(options.host);

  const sockets = new WebSocketServer({
    noServer: true,
    // A little above what a client may send: Client.ts refuses that with a reason, ws without one.
    maxPayload: 4 * Wire.MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
  });
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => Http.createServer(answer)),
    (it) =>
      Effect.callback<void>((resume) => {
        it.close(() => resume(Effect.void));
        for (const socket of sockets.clients) socket.terminate();
        it.closeAllConnections();
      }).pipe(Effect.timeoutOption(timing.close)),
  );
  server.maxConnections = maxClients + 64;
  server.headersTimeout = 10_000;
  server.on("upgrade", (request, socket, head) => {
    const refusal = Access.refusal(request, options.host);
    if (refusal !== null) return reject(socket, "403 Forbidden", refusal);
    if (Deferred.isDoneUnsafe(closing)) return reject(socket, "503 Service Unavailable", "the run ends");
    if (sockets.clients.size >= maxClients) {
      return reject(socket, "503 Service Unavailable", `${maxClients} clients are connected already`);
    }
    const from = `${request.socket.remoteAddress ?? "?"}:${request.socket.remotePort ?? "?"}`;
    sockets.handleUpgrade(request, socket, head, (client: WebSocket) => {
      run(
        Client.serve(client, from, {
          log,
          submit: commands.submit,
          token,
          timing,
          closing: Deferred.await(closing),
        }),
      );
    });
  });
  const address = yield* listen(server, options);
  // The first thing at the end: clients get what is left of the log, in bounded time.
  yield* Effect.addFinalizer(() =>
    Deferred.succeed(closing, undefined).pipe(
      Effect.andThen(FiberSet.awaitEmpty(fibers)),
      Effect.timeoutOption(timing.close),
    ),
  );
  const name = Net.isIPv6(options.host) ? `[${options.host}]` : options.host;
  return ProgressServer.of({
    url: `http://${name}:${address.port}/`,
    token,
    clients: Effect.sync(() => ({
      count: sockets.clients.size,
      buffered: Array.from(sockets.clients, (client) => client.bufferedAmount),
    })),
  });
});

/** Serves the run until its scope closes. */
export const layer = (options: Options): Layer.Layer<ProgressServer, ProgressError, RunStore | Commands> =>
  Layer.effect(ProgressServer, make(options));
