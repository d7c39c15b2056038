/** A real HTTP server that answers as it is told to, one behaviour a request; the last one goes on for ever. */
import * as Http from "node:http";
import type { AddressInfo } from "node:net";
import * as Effect from "effect/Effect";

export interface Received {
  readonly path: string;
  readonly headers: Http.IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Behaviour = (response: Http.ServerResponse, received: Received) => void;

export interface Server {
  readonly url: string;
  readonly received: ReadonlyArray<Received>;
}

/** For as long as the scope. */
export const start = (...behaviours: ReadonlyArray<Behaviour>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Http.Server; readonly fake: Server }>((resume) => {
      const received: Array<Received> = [];
      const server = Http.createServer((request, response) => {
        const parts: Array<Buffer> = [];
        request.on("data", (part: Buffer) => parts.push(part));
        request.on("end", () => {
          const body: Received["body"] = JSON.parse(Buffer.concat(parts).toString("utf8"));
          const one = { path: request.url ?? "", headers: request.headers, body };
          received.push(one);
          behaviours[Math.min(received.length, behaviours.length) - 1](response, one);
        });
      });
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        resume(Effect.succeed({ server, fake: { url: `http://127.0.0.1:${port}`, received } }));
      });
    }),
    ({ server }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void));
        server.closeAllConnections();
      }),
  ).pipe(Effect.map(({ fake }) => fake));

export const json =
  (value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };

export const error = (status: number, message: string, headers: Readonly<Record<string, string>> = {}) =>
  json({ error: { message, type: "test" } }, status, headers);

/** Choices of the completions API, with their log-probs where these are given. */
export const choices = (
  ...texts: ReadonlyArray<{
    readonly text: string;
    readonly tokens?: ReadonlyArray<string>;
    readonly finish?: string;
  }>
): Behaviour =>
  json({
    choices: texts.map(({ text, tokens, finish }, index) => ({
      index,
      text,
      finish_reason: finish ?? "stop",
      logprobs: tokens === undefined ? null : { tokens, token_logprobs: tokens.map((_, i) => -(i + 1) / 8) },
    })),
    usage: { prompt_tokens: 7, completion_tokens: 3 * texts.length },
  });

/** As many choices as were asked for, numbered by the seed. */
export const obedient: Behaviour = (response, received) => {
  const n = Number(received.body["n"] ?? 1);
  const seed = String(received.body["seed"]);
  choices(...Array.from({ length: n }, (_, i) => ({ text: `${seed}/${i}` })))(response, received);
};
