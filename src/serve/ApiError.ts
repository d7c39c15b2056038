/** Refusals and failures in the form that OpenAI's API gives them, and that its clients turn into their own errors. */
import * as Data from "effect/Data";
import * as HttpServerResponse from "effect/http/HttpServerResponse";

/** The body is {"error": {message, type, param, code}}. */
export class ApiError extends Data.TaggedError("ApiError")<{
  readonly status: number;
  readonly message: string;
  readonly type: string;
  /** The request's parameter that is wrong; null where none is. */
  readonly param: string | null;
  readonly code: string | null;
}> {}

/** 400: the request itself cannot be served. */
export const invalid = (message: string, param: string | null = null, code: string | null = null): ApiError =>
  new ApiError({ status: 400, message, type: "invalid_request_error", param, code });

/** 401. */
export const unauthorized = (message: string): ApiError =>
  new ApiError({
    status: 401,
    message,
    type: "invalid_request_error",
    param: null,
    code: "invalid_api_key",
  });

/** 403: a page of another site, or a name that is not this server's. */
export const forbidden = (message: string): ApiError =>
  new ApiError({ status: 403, message, type: "invalid_request_error", param: null, code: null });

/** 404. */
export const unknownModel = (asked: string, served: string): ApiError =>
  new ApiError({
    status: 404,
    message: `The model \`${asked}\` does not exist; this server has \`${served}\`.`,
    type: "invalid_request_error",
    param: "model",
    code: "model_not_found",
  });

/** 404, or 405 where another method would be answered. */
export const unknownPath = (method: string, path: string, allowed: string | undefined): ApiError =>
  new ApiError({
    status: allowed === undefined ? 404 : 405,
    message:
      allowed === undefined
        ? `Invalid URL (${method} ${path}).`
        : `Not allowed to ${method} on ${path}: it answers ${allowed}.`,
    type: "invalid_request_error",
    param: null,
    code: allowed === undefined ? "unknown_url" : "method_not_supported",
  });

/** 413. */
export const tooLarge = (limit: number): ApiError =>
  new ApiError({
    status: 413,
    message: `The request's body is larger than ${limit} bytes.`,
    type: "invalid_request_error",
    param: null,
    code: "request_too_large",
  });

/** 429: the queue is full; the answer names the seconds to wait. */
export const overloaded = (message: string): ApiError =>
  new ApiError({ status: 429, message, type: "requests", param: null, code: "rate_limit_exceeded" });

/** 500: the request was good, the model failed. */
export const failed = (message: string): ApiError =>
  new ApiError({ status: 500, message, type: "server_error", param: null, code: null });

const RETRY_AFTER_SECONDS = 1;

/** What is sent as `error`, in an answer or in a stream that had begun. */
export const body = ({ message, type, param, code }: ApiError) => ({ error: { message, type, param, code } });

export const toResponse = (error: ApiError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body(error), {
    status: error.status,
    headers: {
      ...(error.status === 429 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {}),
      ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
  });
