/** What is wrong with a dataset's files, where, and what to do about it. */
import * as Schema from "effect/Schema";

export class DatasetError extends Schema.TaggedError<DatasetError>()("DatasetError", {
  /** The file or directory. */
  path: Schema.String,
  /** From 1, where the file has lines. */
  line: Schema.optionalKey(Schema.Int),
  /** What was found, and what was expected. */
  reason: Schema.String,
  /** What the person can do. */
  remedy: Schema.String,
}) {
  override get message(): string {
    const place = this.line === undefined ? this.path : `${this.path}:${this.line}`;
    return `${place}: ${this.reason} ${this.remedy}`;
  }
}
