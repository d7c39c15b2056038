/** `drydock eval POLICY --dataset DIR`: pass@k of a policy on a dataset's held-out tasks, as a run of one stage. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as ConfigFile from "../config/ConfigFile.ts";
import * as RunDirectory from "../store/RunDirectory.ts";
import { json } from "./Output.ts";
import * as RunSession from "./RunSession.ts";

export const evaluate = Command.make(
  "eval",
  {
    policy: Argument.String("policy").pipe(
      Argument.withDescription("A policy directory, e.g. runs/ID/policy"),
    ),
    config: Flag.String("config").pipe(
      Flag.withDescription("Run configuration whose dataset, limits and sandbox are used"),
      Flag.withDefault("configs/default.json"),
    ),
    samples: Flag.Int("samples").pipe(Flag.withDescription("Samples a task"), Flag.optional),
    tasks: Flag.Int("tasks").pipe(Flag.withDescription("Test tasks at most"), Flag.optional),
    json,
  },
  Effect.fn(function* (options) {
    const base = yield* ConfigFile.load(options.config);
    const config = yield* ConfigFile.fromValue(options.config, {
      ...base,
      name: "eval",
      policy: { ...base.policy, path: options.policy, init: "weights" },
      evaluation: {
        ...base.evaluation,
        samples: Option.getOrElse(options.samples, () => base.evaluation.samples),
        tasks: Option.getOrElse(options.tasks, () => base.evaluation.tasks),
      },
      budget: { verifications: 0, generated: 0 },
      trainings: {},
      stages: [{ kind: "evaluate", label: "policy" }],
    }).pipe(Effect.flatMap((config) => ConfigFile.resolve(config, options.config)));
    const { directory } = yield* RunDirectory.create(config);
    yield* RunSession.session(config, { directory, mode: "create", json: options.json });
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
