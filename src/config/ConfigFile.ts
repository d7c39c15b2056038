/**
 * Reading a run's configuration from a file: text, schema, checks, defaults, paths.
 *
 * A relative path in a configuration is looked up from the current directory first and then from the
 * directory of the file; `output` is always relative to the current directory.
 */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import { check, type Problem } from "./ConfigCheck.ts";
import { ConfigError } from "./ConfigError.ts";
import { validate } from "./ConfigSchema.ts";
import { type ConfigSource, isIssues, type Path as ConfigPath, parse, showPath } from "./ConfigSource.ts";
import { RunConfig } from "./RunConfig.ts";

const decode = Schema.decodeUnknownEffect(RunConfig);

const whole = (file: string, problem: string): ConfigError =>
  new ConfigError({ file, issues: [{ path: "", line: 0, problem }] });

/** Checks beyond those of this folder, such as the algorithms' own settings. */
export type More = (config: RunConfig) => ReadonlyArray<Problem>;

const fromSource = Effect.fnUntraced(function* (file: string, source: ConfigSource, more?: More) {
  const issues = validate(source);
  if (issues.length > 0) return yield* new ConfigError({ file, issues });
  const config = yield* decode(source.value).pipe(Effect.mapError((error) => whole(file, String(error))));
  const problems = [...check(config), ...(more?.(config) ?? [])];
  if (problems.length > 0) {
    return yield* new ConfigError({
      file,
      issues: problems.map(({ path, problem }) => ({
        path: showPath(path),
        line: source.line(path),
        problem,
      })),
    });
  }
  return config;
});

/** Validates a file's text; looks at no other file. */
export const parseText = Effect.fnUntraced(function* (file: string, text: string) {
  const source = parse(file, text);
  if (isIssues(source)) return yield* new ConfigError({ file, issues: source });
  return yield* fromSource(file, source);
});

/** Validates plain data, for example the `config.json` of a run directory. */
export const fromValue = (name: string, value: unknown, more?: More): Effect.Effect<RunConfig, ConfigError> =>
  fromSource(name, { value, line: () => 0 }, more);

/**
 * The configuration with absolute paths of what it reads; an input that exists in neither place is an error that
 * names both.
 */
export const resolve = Effect.fnUntraced(function* (
  config: RunConfig,
  file: string,
  options: { readonly cwd?: string; readonly line?: (path: ConfigPath) => number } = {},
) {
  const cwd = Path.resolve(options.cwd ?? ".");
  const folder = Path.dirname(Path.resolve(cwd, file));
  const issues: Array<ConfigError["issues"][number]> = [];
  const find = (value: string, path: ConfigPath, what: string): string => {
    const tried = [...new Set([Path.resolve(cwd, value), Path.resolve(folder, value)])];
    const found = tried.find((candidate) => Fs.existsSync(candidate));
    if (found === undefined) {
      issues.push({
        path: showPath(path),
        line: options.line?.(path) ?? 0,
        problem: `${what} not found; looked for ${tried.join(" and ")}`,
      });
    }
    return found ?? value;
  };
  const { dataset, sandbox } = config;
  const { file: shared, ...sharing } = sandbox.sharedVerdicts;
  const resolved: RunConfig = {
    ...config,
    policy: { ...config.policy, path: find(config.policy.path, ["policy", "path"], "policy directory") },
    dataset:
      dataset.kind === "drydock"
        ? { ...dataset, path: find(dataset.path, ["dataset", "path"], "dataset directory") }
        : {
            ...dataset,
            tasks: find(dataset.tasks, ["dataset", "tasks"], "task file"),
            labelled: dataset.labelled.map((p, i) =>
              find(p, ["dataset", "labelled", i], "file of labelled attempts"),
            ),
          },
    sandbox: {
      ...sandbox,
      sharedVerdicts: { ...sharing, ...(shared === undefined ? {} : { file: Path.resolve(cwd, shared) }) },
    },
    output: Path.resolve(cwd, config.output),
  };
  if (issues.length > 0) return yield* new ConfigError({ file, issues });
  return resolved;
});

const read = (file: string): Effect.Effect<string, ConfigError> =>
  Effect.try({
    try: () => Fs.readFileSync(file, "utf8"),
    catch: (error) => {
      const code = (error as NodeJS.ErrnoException).code;
      return whole(
        file,
        code === "ENOENT"
          ? "no such file; give the path of a run configuration (examples are in configs/)"
          : code === "EISDIR"
            ? "this is a directory; give the path of a run configuration"
            : `cannot be read (${code ?? String(error)})`,
      );
    },
  });

/** Reads, validates and resolves a configuration file. */
export const load = Effect.fn("ConfigFile.load")(function* (
  file: string,
  options: { readonly cwd?: string; readonly more?: More } = {},
) {
  const text = yield* read(Path.resolve(options.cwd ?? ".", file));
  const source = parse(file, text);
  if (isIssues(source)) return yield* new ConfigError({ file, issues: source });
  const config = yield* fromSource(file, source, options.more);
  return yield* resolve(config, file, { ...options, line: source.line });
});
