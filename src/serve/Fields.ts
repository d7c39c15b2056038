/**
 * Reading a request's body: the parameters that completions and chat completions share, and how a wrong one is told.
 *
 * As OpenAI does it, null is the same as absent and a parameter that nobody knows is refused. A known one that this
 * server cannot honour is refused unless its value asks for nothing (`NEUTRAL`); what does not touch the answer
 * (`IGNORED`) is ignored.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as SchemaIssue from "effect/SchemaIssue";
import * as ApiError from "./ApiError.ts";

/** For parts of a parameter; a parameter itself is gone where it is null. */
export const orNull = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

const between = (minimum: number, maximum: number) =>
  Schema.Finite.check(Schema.isBetween({ minimum, maximum }));
const whole = (minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum }));

/** Most choices of one prompt, and most reported tokens beside each one. */
const MAX_CHOICES = 128;
export const MAX_TOP = 20;

export const topCount = whole(0, MAX_TOP);
export const tokenCount = whole(1);

/** What decides how tokens are chosen; `top_k`, `tilt` and `return_tokens_as_token_ids` are extensions. */
export const sampling = {
  model: Schema.optionalKey(Schema.String),
  n: Schema.optionalKey(whole(1, MAX_CHOICES)),
  max_tokens: Schema.optionalKey(tokenCount),
  temperature: Schema.optionalKey(between(0, 2)),
  top_p: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))),
  /** -1 and 0: every token. */
  top_k: Schema.optionalKey(whole(-1)),
  tilt: Schema.optionalKey(Schema.Finite),
  stop: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  seed: Schema.optionalKey(Schema.Int),
  stream: Schema.optionalKey(Schema.Boolean),
  stream_options: Schema.optionalKey(
    Schema.Struct({
      include_usage: orNull(Schema.Boolean),
      include_obfuscation: orNull(Schema.Boolean),
    }),
  ),
  return_tokens_as_token_ids: Schema.optionalKey(Schema.Boolean),
};

const IGNORED: ReadonlySet<string> = new Set([
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
]);

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Known parameters that are not supported, with the values that ask for nothing. */
const NEUTRAL: { readonly [name: string]: (value: unknown) => boolean } = {
  presence_penalty: (value) => value === 0,
  frequency_penalty: (value) => value === 0,
  logit_bias: isEmpty,
  best_of: (value) => value === 1,
  echo: (value) => value === false,
  suffix: (value) => value === "",
  tools: isEmpty,
  tool_choice: (value) => value === "none" || value === "auto",
  parallel_tool_calls: (value) => typeof value === "boolean",
  functions: isEmpty,
  function_call: (value) => value === "none",
  response_format: (value) => (value as { readonly type?: unknown } | null)?.type === "text",
  modalities: (value) => JSON.stringify(value) === '["text"]',
  audio: () => false,
  prediction: () => false,
  reasoning_effort: (value) => value === "none",
  verbosity: (value) => value === "medium",
  web_search_options: () => false,
};

const formatIssue = SchemaIssue.makeFormatterStandardSchemaV1();

const nameOf = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): string =>
  path
    .map((part) => (typeof part === "object" ? part.key : part))
    .map((key, i) => (typeof key === "number" ? `[${key}]` : `${i === 0 ? "" : "."}${String(key)}`))
    .join("");

/** How a body of these fields is read. */
export const reader = <A>(
  schema: Schema.ConstraintDecoder<A> & { readonly fields: Schema.Struct.Fields },
) => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "first", onExcessProperty: "error" });
  return (json: unknown): Effect.Effect<A, ApiError.ApiError> =>
    Effect.suspend(() => {
      if (typeof json !== "object" || json === null || Array.isArray(json)) {
        return Effect.fail(ApiError.invalid("The request's body must be a JSON object."));
      }
      const rest: Record<string, unknown> = {};
      for (const [name, value] of Object.entries(json)) {
        if (value === null || IGNORED.has(name)) continue;
        if (Object.hasOwn(schema.fields, name)) {
          rest[name] = value;
        } else if (!Object.hasOwn(NEUTRAL, name)) {
          const message = `Unrecognized request argument supplied: ${name.slice(0, 100)}`;
          return Effect.fail(ApiError.invalid(message, name.slice(0, 100), "unknown_parameter"));
        } else if (!NEUTRAL[name](value)) {
          const message = `This server does not support '${name}'; leave it out.`;
          return Effect.fail(ApiError.invalid(message, name, "unsupported_parameter"));
        }
      }
      const decoded = decode(rest);
      if (decoded._tag === "Success") return Effect.succeed(decoded.success);
      const { issues } = formatIssue(decoded.failure.issue);
      const [first] = issues;
      const param = nameOf(first?.path ?? []);
      const missing = first?.message === "Missing key";
      return Effect.fail(
        missing
          ? ApiError.invalid(`Missing required parameter: '${param}'.`, param, "missing_required_parameter")
          : ApiError.invalid(
              `Invalid value for '${param}': ${first?.message ?? "not what was expected"}.`,
              param,
              "invalid_value",
            ),
      );
    });
};
