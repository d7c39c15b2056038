/** Why progress cannot be served or followed, and what to do about it. */
import * as Schema from "effect/Schema";

export class ProgressError extends Schema.TaggedError<ProgressError>()("ProgressError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}
