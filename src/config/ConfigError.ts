/** What is wrong with a configuration file, each problem with its place. */
import * as Schema from "effect/Schema";

export const ConfigIssue = Schema.Struct({
  /** JSON path, for example `stages[1].training`; empty for the whole file. */
  path: Schema.String,
  /** 1-based; 0 where the place is unknown. */
  line: Schema.Int,
  /** Found, expected, what to do. */
  problem: Schema.String,
});
export type ConfigIssue = typeof ConfigIssue.Type;

export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {
  file: Schema.String,
  issues: Schema.Array(ConfigIssue),
}) {
  /** One line a problem: `file:line: path: problem`. */
  override get message(): string {
    return this.issues
      .map(({ path, line, problem }) =>
        [line > 0 ? `${this.file}:${line}` : this.file, ...(path === "" ? [] : [path]), problem].join(": "),
      )
      .join("\n");
  }
}
