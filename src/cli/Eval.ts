/** `drydock eval POLICY`: pass@k of a policy on a dataset's held-out tasks, as a run of one stage. */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as ConfigFile from "../config/ConfigFile.ts";
import { CONFIGS } from "./Configs.ts";
import { json } from "./Output.ts";
import * as RunSession from "./RunSession.ts";
import { overrides } from "./Train.ts";

export const evaluate = Command.make(
  "eval",
  {
    policy: Argument.String("policy").pipe(
      Argument.withDescription("A policy directory, e.g. runs/ID/policy"),
    ),
    config: Flag.String("config").pipe(
      Flag.withDescription("Run configuration whose dataset, limits and sandbox are used"),
      Flag.withDefault(Path.join(CONFIGS, "default.json")),
    ),
    samples: Flag.Int("samples").pipe(Flag.withDescription("Samples a task"), Flag.optional),
    tasks: Flag.Int("tasks").pipe(Flag.withDescription("Test tasks at most"), Flag.optional),
    seed: overrides.seed,
    backend: overrides.backend,
    port: overrides.port,
    output: overrides.output,
    json,
  },
  Effect.fn(function* (options) {
    const base = yield* ConfigFile.load(options.config);
    const config = yield* ConfigFile.fromValue(options.config, {
      ...base,
      name: "eval",
      seed: Option.getOrElse(options.seed, () => base.seed),
      output: Option.getOrElse(options.output, () => base.output),
      compute: { ...base.compute, backend: Option.getOrElse(options.backend, () => base.compute.backend) },
      progress: { ...base.progress, port: Option.getOrElse(options.port, () => base.progress.port) },
      policy: { ...base.policy, path: options.policy, init: "weights" },
      evaluation: {
        ...base.evaluation,
        samples: Option.getOrElse(options.samples, () => base.evaluation.samples),
        tasks: Option.getOrElse(options.tasks, () => base.evaluation.tasks),
      },
      budget: { verifications: 0, generated: 0 },
      trainings: {},
      stages: [{ kind: "evaluate", label: "policy" }],
    }).pipe(Effect.flatMap((resolved) => ConfigFile.resolve(resolved, options.config)));
    yield* RunSession.session(config, { directory: null, json: options.json });
  }),
).pipe(
  Command.withDescription("Evaluate a policy on held-out tasks"),
  Command.withExamples([
    {
      command: "drydock eval policies/js-compose",
      description: "The shipped policy on its held-out problems",
    },
    { command: "drydock eval runs/ID/policy --samples 20 --json", description: "What a run made, as JSON" },
  ]),
);
