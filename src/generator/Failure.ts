/**
 * What went wrong with one attempt of a request, in words for a person, and what follows from it.
 *
 * `passing`: worth another attempt (429, 5xx, a broken connection, a timeout, an answer that makes no sense).
 * `refused`: the server does not want this very request. `lasting`: it would refuse every one of them.
 */
import * as Data from "effect/Data";
import type * as HttpClientError from "effect/http/HttpClientError";
import type { RemoteGenerator } from "../config/RunConfig.ts";
import * as OpenAi from "./OpenAi.ts";

export class Failure extends Data.TaggedError("Failure")<{
  readonly kind: "passing" | "refused" | "lasting";
  readonly reason: string;
  readonly remedy: string;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter?: number;
}> {}

/** Over this the server means "not today": a run is better stopped than silent. */
const LONGEST_WAIT = 5 * 60_000;

const GO_ON = "then `drydock resume` the run";

/** A run goes on with the settings that it began with: they are in its directory. */
const edit = (what: string): string => `${what} in the run's config.json, ${GO_ON}`;

const who = (generator: RemoteGenerator): string => `the generator at ${OpenAi.endpoint(generator)}`;

/** The server's own words: OpenAI's {error: {message}}, another JSON, or the text. */
const words = (text: string): string => {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    said = text;
  }
  for (const key of ["error", "message", "detail"]) {
    if (typeof said === "object" && said !== null && key in said) said = Reflect.get(said, key);
  }
  const line = (typeof said === "string" ? said : JSON.stringify(said)).replace(/\s+/g, " ").trim();
  return line === "" ? "" : `: ${line.length > 200 ? `${line.slice(0, 200)}…` : line}`;
};

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3): seconds, or a date. */
export const retryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
};

/** An answer whose status is not 2xx. */
export const ofStatus = (
  generator: RemoteGenerator,
  status: number,
  text: string,
  wait: number | undefined,
): Failure => {
  const { apiKeyEnv, model } = generator;
  const said = words(text);
  if (status === 401 || status === 403) {
    return new Failure({
      kind: "lasting",
      reason: `${who(generator)} ${apiKeyEnv === undefined ? "wants a key" : "refuses the key"} (${status})${said}`,
      remedy:
        apiKeyEnv === undefined
          ? edit("put the key into an environment variable and name that as generator.apiKeyEnv")
          : `correct the environment variable ${apiKeyEnv}, ${GO_ON}`,
    });
  }
  if (status === 404) {
    return new Failure({
      kind: "lasting",
      reason: `${who(generator)} does not know the model ${JSON.stringify(model)}, or not this path (404)${said}`,
      remedy: edit("correct generator.model, url or api (GET /v1/models lists a server's models)"),
    });
  }
  if (status === 429 || status >= 500 || status === 408) {
    const long = wait !== undefined && wait > LONGEST_WAIT;
    return new Failure({
      kind: long ? "lasting" : "passing",
      reason: long
        ? `${who(generator)} asks to wait ${Math.ceil(wait / 60_000)} minutes (${status})${said}`
        : `${who(generator)} ${status === 429 ? "takes no more requests for now" : "fails"} (${status})${said}`,
      remedy:
        status === 429
          ? "wait and `drydock resume` the run; generator.requestsPerMinute, tokensPerMinute and concurrency keep a run within a server's limits"
          : `look at the server, ${GO_ON}`,
      ...(wait === undefined ? {} : { retryAfter: wait }),
    });
  }
  const refuses = status >= 400;
  return new Failure({
    kind: refuses ? "refused" : "lasting",
    reason: `${who(generator)} ${refuses ? "refuses the request" : "answers with a redirection"} (${status})${said}`,
    remedy: refuses
      ? edit("correct what it names, for example generator.maxTokens,")
      : edit("give the address that it leads to as generator.url"),
  });
};

const codeOf = (cause: unknown): string => {
  const { code, message } = (cause ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return typeof code === "string" ? code : typeof message === "string" ? message : "no connection";
};

/** No answer, or one that broke off. */
export const ofTransport = (generator: RemoteGenerator, error: HttpClientError.HttpClientError): Failure => {
  const { reason } = error;
  const code = codeOf("cause" in reason ? reason.cause : undefined);
  return new Failure({
    kind: reason._tag === "InvalidUrlError" ? "lasting" : "passing",
    reason:
      reason._tag === "TransportError"
        ? `${who(generator)} cannot be reached (${code})`
        : reason._tag === "InvalidUrlError"
          ? `${who(generator)} has no usable address`
          : `the answer of ${who(generator)} broke off (${code})`,
    remedy: edit("start the server, or correct generator.url"),
  });
};

export const timedOut = (generator: RemoteGenerator): Failure =>
  new Failure({
    kind: "passing",
    reason: `${who(generator)} gave no answer within ${generator.timeoutSeconds} s`,
    remedy: edit("look at the server, or raise generator.timeoutSeconds or lower its concurrency"),
  });

/** A 2xx answer that is not what the API says. */
export const malformed = (generator: RemoteGenerator, found: string): Failure =>
  new Failure({
    kind: "passing",
    reason: `${who(generator)} does not answer as the ${generator.api} API does: ${found.replace(/\s+/g, " ").slice(0, 200)}`,
    remedy: edit(
      "correct generator.url or api, which must be those of an OpenAI-compatible server (docs/generators.md),",
    ),
  });

export const tooMany = (generator: RemoteGenerator, found: number, asked: number): Failure =>
  new Failure({
    kind: "lasting",
    reason: `${who(generator)} answered with ${found} choices where ${asked} were asked for`,
    remedy: edit("set the stage's samplesPerProblem to 1, or give another server"),
  });

export const noLogProbs = (generator: RemoteGenerator): Failure =>
  new Failure({
    kind: "lasting",
    reason: `${who(generator)} gives no log-probs, and the stage's generator.logprobs is "required"`,
    remedy: edit('set it to "wanted" or "none", or give a server that has them'),
  });
