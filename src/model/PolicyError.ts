/** What is wrong with a policy's files, where, and what to do about it. */
import * as Schema from "effect/Schema";

export class PolicyError extends Schema.TaggedError<PolicyError>()("PolicyError", {
  /** The file or directory. */
  path: Schema.String,
  /** What was found, and what was expected. */
  reason: Schema.String,
  /** What the person can do. */
  remedy: Schema.optionalKey(Schema.String),
}) {
  override get message(): string {
    return `${this.path}: ${this.reason}${this.remedy === undefined ? "" : ` ${this.remedy}`}`;
  }
}
