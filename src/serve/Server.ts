/**
 * The policy server: OpenAI's completions and chat API over one model, so that ordinary clients can use it.
 *
 * Requests that run at the same time share the model's continuously batched decode. A client that goes away
 * interrupts its request, which frees its slots.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import * as Http from "node:http";
import * as Net from "node:net";
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer";
import * as ByteSize from "effect/ByteSize";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage";
import * as HttpRouter from "effect/http/HttpRouter";
import * as HttpServerRequest from "effect/http/HttpServerRequest";
import * as HttpServerResponse from "effect/http/HttpServerResponse";
import * as Schema from "effect/Schema";
import * as Stream from "effect/Stream";
import * as Access from "../progress/Access.ts";
import * as Admission from "./Admission.ts";
import * as ApiError from "./ApiError.ts";
import * as Chat from "./Chat.ts";
import * as Completions from "./Completions.ts";
import * as Endpoint from "./Endpoint.ts";
import type { Model } from "./Job.ts";

/** The server cannot listen where it was told to. */
export class ServeError extends Schema.TaggedError<ServeError>()("ServeError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

export interface Options {
  readonly model: Model;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** What clients must send as their bearer token; null: anyone who can connect may ask. */
  readonly apiKey: string | null;
  /** Choices under way and waiting at most. */
  readonly capacity: number;
  /** Fails where the model can no longer answer. */
  readonly alive: Effect.Effect<unknown, { readonly reason: string }>;
}

export interface Server {
  /** http://host:port/v1 */
  readonly url: string;
  /** Choices under way or waiting. */
  readonly taken: () => number;
}

const MAX_BODY = 4 * 2 ** 20;
/** Requests under way get this long when the server ends. */
const GRACE = "5 seconds";

type Place = Pick<Options, "host" | "port">;

const listenProblem = (cause: unknown, { host, port }: Place): ServeError => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const at = `port ${port} of ${host}`;
  switch (code) {
    case "EADDRINUSE":
      return new ServeError({
        reason: `${at} is in use, so the policy cannot be served there`,
        remedy: "give another port by --port N, or 0 for a free one",
      });
    case "EACCES":
      return new ServeError({
        reason: `this user may not listen on ${at}`,
        remedy: "give a port of 1024 or above by --port N",
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ServeError({
        reason: `${host} is not an address of this machine`,
        remedy: "give --host 127.0.0.1, or an address that this machine has",
      });
    default:
      return new ServeError({
        reason: `the policy cannot be served on ${at}: ${cause instanceof Error ? cause.message : String(cause)}`,
        remedy: "check --host and --port",
      });
  }
};

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Who may ask. Digests are compared, so that the time tells nothing of the key. */
const authorise = (
  request: HttpServerRequest.HttpServerRequest,
  { apiKey, host }: Options,
): Effect.Effect<void, ApiError.ApiError> => {
  if (apiKey === null) {
    const { host: asked, origin } = request.headers;
    const refusal = Access.refusal({ headers: { host: asked, origin } }, host);
    return refusal === null ? Effect.void : Effect.fail(ApiError.forbidden(`${refusal}.`));
  }
  const [, token] = /^Bearer +(.+)$/i.exec(request.headers["authorization"] ?? "") ?? [];
  if (token === undefined) {
    return Effect.fail(
      ApiError.unauthorized("You didn't provide an API key: send it as `Authorization: Bearer KEY`."),
    );
  }
  return timingSafeEqual(digest(token), digest(apiKey))
    ? Effect.void
    : Effect.fail(ApiError.unauthorized("Incorrect API key provided."));
};

const bodyOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<unknown, ApiError.ApiError> => {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY) {
    return Effect.fail(ApiError.tooLarge(MAX_BODY));
  }
  return request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(MAX_BODY)),
    // Nothing else fails that the client could still be told of.
    Effect.mapError(() => ApiError.tooLarge(MAX_BODY)),
    Effect.flatMap((text) =>
      Effect.try({
        try: (): unknown => JSON.parse(text),
        catch: () => ApiError.invalid("The request's body is not JSON."),
      }),
    ),
  );
};

const event = (data: string): string => `data: ${data}\n\n`;

/** Chunks as server-sent events; an error after the first of them can only be told as one more. */
const sse = (chunks: Stream.Stream<unknown, ApiError.ApiError>): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    chunks.pipe(
      Stream.map((chunk) => event(JSON.stringify(chunk))),
      Stream.concat(Stream.succeed(event("[DONE]"))),
      Stream.catch((error) => Stream.succeed(event(JSON.stringify(ApiError.body(error))))),
      Stream.encodeText,
    ),
    {
      contentType: "text/event-stream; charset=utf-8",
      headers: { "cache-control": "no-cache", "x-accel-buffering": "no" },
    },
  );

/** What a handler gives, with its refusals, and with what is our own fault as a server error. */
const answered = <R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, ApiError.ApiError, R>,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  handler.pipe(
    Effect.catchDefect((defect) =>
      Effect.andThen(
        Effect.logError(defect),
        Effect.fail(ApiError.failed("The server failed. Its log says why.")),
      ),
    ),
    Effect.catch((error) => Effect.succeed(ApiError.toResponse(error))),
  );

const METHODS: { readonly [path: string]: string } = {
  "/health": "GET",
  "/v1/models": "GET",
  "/v1/completions": "POST",
  "/v1/chat/completions": "POST",
};

const routes = Effect.fnUntraced(function* (
  options: Options,
  admission: Admission.Admission,
  started: number,
) {
  const { model } = options;
  const router = yield* HttpRouter.make;
  const described = {
    id: model.name,
    object: "model",
    created: started,
    owned_by: "drydock",
    max_model_len: model.context,
  };
  const guarded = <R>(
    handler: (
      request: HttpServerRequest.HttpServerRequest,
    ) => Effect.Effect<HttpServerResponse.HttpServerResponse, ApiError.ApiError, R>,
  ) => {
    const answer = (request: HttpServerRequest.HttpServerRequest) =>
      answered(
        Effect.andThen(
          authorise(request, options),
          Effect.suspend(() => handler(request)),
        ),
      );
    return Effect.flatMap(HttpServerRequest.HttpServerRequest, answer);
  };
  const generate = (endpoint: Endpoint.Endpoint) =>
    guarded(
      Effect.fnUntraced(function* (request) {
        const job = yield* endpoint.read(model, yield* bodyOf(request));
        yield* admission.take(job.n * job.requests.length);
        const head: Endpoint.Head = {
          id: `${endpoint.prefix}-${randomBytes(12).toString("hex")}`,
          created: Math.floor((yield* Clock.currentTimeMillis) / 1000),
          model: model.name,
        };
        return job.stream
          ? sse(Endpoint.chunks(endpoint, model, job, head))
          : HttpServerResponse.jsonUnsafe(yield* Endpoint.answer(endpoint, model, job, head));
      }),
    );

  yield* router.add(
    "GET",
    "/health",
    options.alive.pipe(
      // A model that is busy is alive.
      Effect.timeoutOption("1 second"),
      Effect.map(() =>
        HttpServerResponse.jsonUnsafe({ status: "ok", model: model.name, choices: admission.taken() }),
      ),
      Effect.catch(({ reason }) =>
        Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "failed", reason }, { status: 503 })),
      ),
    ),
  );
  yield* router.add(
    "GET",
    "/v1/models",
    guarded(() => Effect.succeed(HttpServerResponse.jsonUnsafe({ object: "list", data: [described] }))),
  );
  yield* router.add(
    "GET",
    "/v1/models/:model",
    Effect.flatMap(HttpRouter.params, ({ model: asked = "" }) =>
      guarded(() =>
        asked === model.name
          ? Effect.succeed(HttpServerResponse.jsonUnsafe(described))
          : Effect.fail(ApiError.unknownModel(asked, model.name)),
      ),
    ),
  );
  yield* router.add("POST", "/v1/completions", generate(Completions.endpoint));
  yield* router.add("POST", "/v1/chat/completions", generate(Chat.endpoint));
  yield* router.add(
    "*",
    "/*",
    guarded(({ method, url }) => {
      const path = url.split("?")[0] ?? url;
      return Effect.fail(ApiError.unknownPath(method, path, METHODS[path]));
    }),
  );
  return router.asHttpEffect();
});

/** Fails where `serve` could not listen now: asked before a model is loaded. */
export const checkPlace = (place: Place): Effect.Effect<void, ServeError> =>
  Effect.callback((resume) => {
    const probe = Net.createServer();
    probe.once("error", (cause) => resume(Effect.fail(listenProblem(cause, place))));
    probe.listen({ host: place.host, port: place.port }, () => probe.close(() => resume(Effect.void)));
    return Effect.sync(() => probe.close());
  });

/** Serves until the scope closes. */
export const serve = Effect.fnUntraced(function* (options: Options) {
  const admission = Admission.make(options.capacity);
  const started = Math.floor((yield* Clock.currentTimeMillis) / 1000);
  const app = yield* routes(options, admission, started);
  const node = Http.createServer({ headersTimeout: 10_000, requestTimeout: 60_000 });
  const server = yield* NodeHttpServer.make(() => node, {
    host: options.host,
    port: options.port,
    gracefulShutdownTimeout: GRACE,
  }).pipe(Effect.mapError(({ cause }) => listenProblem(cause, options)));
  yield* server.serve(app);
  const address = node.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  const name = Net.isIPv6(options.host) ? `[${options.host}]` : options.host;
  return { url: `http://${name}:${port}/v1`, taken: admission.taken } satisfies Server;
});
