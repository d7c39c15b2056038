/** `drydock eval POLICY`: pass@k of a policy on a dataset's held-out tasks, as a run of one stage. */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as ConfigFile from "../config/ConfigFile.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import { CONFIGS } from "./Configs.ts";
import * as Inference from "./Inference.ts";
import { json } from "./Output.ts";
import * as RunSession from "./RunSession.ts";
import { overrides } from "./Train.ts";

/** Temperatures as a configuration has them. */
const asConfigured = ([first, ...more]: ReadonlyArray<number>) =>
  first === undefined ? {} : { temperature: more.length === 0 ? first : [first, ...more] };

const atLeastZero = (name: string) =>
  Flag.Finite(name).pipe(
    Flag.filter(
      (x) => x >= 0,
      () => "a number of 0 or more",
    ),
  );

/** Refuses what a policy cannot do, and options that say two things. */
const check = Effect.fnUntraced(function* (options: {
  readonly policy: string;
  readonly samples: Option.Option<number>;
  readonly bestOf: Option.Option<number>;
  readonly tilt: Option.Option<number>;
}) {
  if (Option.isSome(options.samples) && Option.isSome(options.bestOf)) {
    return yield* new Inference.InferenceError({
      reason: "--best-of says how many samples there are to choose from, and so does --samples",
      remedy: "give one of them",
    });
  }
  if (Option.getOrElse(options.tilt, () => 0) === 0) return;
  const { heads } = yield* PolicyFiles.read(options.policy);
  if (heads === null) {
    return yield* new Inference.InferenceError({
      reason: `${options.policy} has no value heads, so nothing can tilt it`,
      remedy:
        "take a policy that was trained with a critic (a run whose training is CQL writes one into runs/ID/policy), or leave --tilt out",
    });
  }
});

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
    samples: Inference.count("samples").pipe(Flag.withDescription("Samples a task"), Flag.optional),
    bestOf: Inference.between("best-of", 2, 1000).pipe(
      Flag.withDescription(
        "Draw N samples a task and report the best by log-prob, by the critic's program score and by both, with the AUROC of each",
      ),
      Flag.optional,
    ),
    temperature: atLeastZero("temperature").pipe(
      Flag.withDescription("Temperature of the samples; may be given several times"),
      Flag.atLeast(0),
    ),
    tilt: atLeastZero("tilt").pipe(
      Flag.withDescription("How much the critic has a say in decoding; default: the policy's card"),
      Flag.optional,
    ),
    tasks: Inference.count("tasks").pipe(Flag.withDescription("Test tasks at most"), Flag.optional),
    seed: overrides.seed,
    backend: overrides.backend,
    port: overrides.port,
    output: overrides.output,
    json,
  },
  Effect.fn(function* (options) {
    yield* check(options);
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
        ...asConfigured(options.temperature),
        samples: Option.getOrElse(
          Option.orElse(options.bestOf, () => options.samples),
          () => base.evaluation.samples,
        ),
        rerank: base.evaluation.rerank || Option.isSome(options.bestOf),
        tasks: Option.getOrElse(options.tasks, () => base.evaluation.tasks),
      },
      budget: { verifications: 0, generated: 0 },
      trainings: {},
      stages: [
        {
          kind: "evaluate",
          label: "policy",
          ...Option.match(options.tilt, { onNone: () => ({}), onSome: (tilt) => ({ tilt }) }),
        },
      ],
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
    {
      command: "drydock eval runs/ID/policy --best-of 8 --tilt 2 --temperature 0.5 --temperature 1",
      description: "The best of 8 by each judge, decoded with the critic's say, at two temperatures",
    },
  ]),
);
