/** `drydock train FILE`: a new run from a configuration. */
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as ConfigFile from "../config/ConfigFile.ts";
import type { RunConfig } from "../config/RunConfig.ts";
import { json } from "./Output.ts";
import * as Algorithms from "./Algorithms.ts";
import * as RunSession from "./RunSession.ts";

/** What may be changed from the command line, for `train` and `start`. */
export const overrides = {
  seed: Flag.Int("seed").pipe(Flag.withDescription("Seed, in place of the configuration's"), Flag.optional),
  backend: Flag.Literals("backend", ["auto", "native-gpu", "native", "wasm"]).pipe(
    Flag.withDescription("Tensor backend, in place of the configuration's"),
    Flag.optional,
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("Port of the progress server; 0: a free one"),
    Flag.optional,
  ),
  budget: Flag.Int("budget").pipe(
    Flag.withDescription("Verifications, in place of the configuration's"),
    Flag.optional,
  ),
  slots: Flag.Int("sandbox-slots").pipe(
    Flag.withDescription("Programs that sandboxes run at once, in place of the configuration's"),
    Flag.optional,
  ),
  output: Flag.String("output").pipe(Flag.withDescription("Directory for run directories"), Flag.optional),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Validate and print the resolved run without starting it"),
    Flag.withDefault(false),
  ),
  json,
};

interface Overrides {
  readonly seed: Option.Option<number>;
  readonly backend: Option.Option<"auto" | "native-gpu" | "native" | "wasm">;
  readonly port: Option.Option<number>;
  readonly budget: Option.Option<number>;
  readonly slots: Option.Option<number>;
  readonly output: Option.Option<string>;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** The sandboxes' part of a configuration with `--sandbox-slots`. */
export const withSlots = (
  sandbox: RunConfig["sandbox"],
  slots: Option.Option<number>,
): RunConfig["sandbox"] => (Option.isSome(slots) ? { ...sandbox, slots: slots.value } : sandbox);

const applied = (config: RunConfig, o: Overrides): RunConfig => ({
  ...config,
  seed: Option.getOrElse(o.seed, () => config.seed),
  output: Option.getOrElse(o.output, () => config.output),
  compute: { ...config.compute, backend: Option.getOrElse(o.backend, () => config.compute.backend) },
  budget: { ...config.budget, verifications: Option.getOrElse(o.budget, () => config.budget.verifications) },
  sandbox: withSlots(config.sandbox, o.slots),
  progress: { ...config.progress, port: Option.getOrElse(o.port, () => config.progress.port) },
});

/** Starts a run of a configuration file, or prints what it would be. */
export const begin = Effect.fn("Train.begin")(function* (file: string, options: Overrides) {
  const config = applied(yield* ConfigFile.load(file, { more: Algorithms.problems }), options);
  // The overridden values go through the same checks as the file's own.
  yield* ConfigFile.fromValue(`${file} with the options given`, config);
  if (options.dryRun) return yield* Console.log(JSON.stringify(config, null, 2));
  yield* RunSession.session(config, { directory: null, json: options.json });
});

export const train = Command.make(
  "train",
  {
    file: Argument.String("config").pipe(
      Argument.withDescription("A run configuration (JSON, JSON with comments, YAML)"),
    ),
    ...overrides,
  },
  Effect.fn(function* ({ file, ...options }) {
    yield* begin(file, options);
  }),
).pipe(
  Command.withDescription("Run the stages of a configuration"),
  Command.withExamples([
    { command: "drydock train configs/mbpp-smollm2.json", description: "Post-train SmolLM2 on MBPP" },
    { command: "drydock train configs/default.json --seed 2 --dry-run", description: "See the resolved run" },
  ]),
);
