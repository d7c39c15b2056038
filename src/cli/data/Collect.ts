/** `drydock data collect`: what a policy writes for the tasks of a dataset, verified within a budget. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { DatasetError } from "../../dataset/DatasetError.ts";
import * as Collected from "../../orchestrator/Collected.ts";
import * as RunDirectory from "../../store/RunDirectory.ts";
import { CONFIGS } from "../Configs.ts";
import * as Inference from "../Inference.ts";
import { json, percent, print } from "../Output.ts";
import { root } from "../RunsRoot.ts";
import { overrides } from "../Train.ts";
import * as CollectRun from "./CollectRun.ts";
import * as Rewrite from "./Rewrite.ts";
import * as Verification from "./Verification.ts";

export const collect = Command.make(
  "collect",
  {
    policy: Argument.String("policy").pipe(
      Argument.withDescription(
        "A policy directory; with --remote, the one whose tokenizer counts the prompts",
      ),
      Argument.optional,
    ),
    fromRun: Flag.String("from-run").pipe(
      Flag.withDescription("Take what this run wrote online, in place of writing: its id or directory"),
      Flag.optional,
    ),
    tasks: Flag.String("tasks").pipe(
      Flag.withDescription("Dataset directory whose training tasks are solved"),
      Flag.optional,
    ),
    out: Flag.String("out").pipe(Flag.withDescription("Dataset directory to write")),
    verifications: Inference.count("verifications").pipe(
      Flag.withDescription("Verifications at most"),
      Flag.optional,
    ),
    samples: Inference.count("samples").pipe(Flag.withDescription("Programs a task"), Flag.withDefault(4)),
    temperature: Flag.Finite("temperature").pipe(
      Flag.filter(
        (x) => x > 0,
        () => "a number above 0",
      ),
      Flag.withDescription("Temperature of the programs"),
      Flag.withDefault(0.8),
    ),
    seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of the programs"), Flag.withDefault(1)),
    config: Flag.String("config").pipe(
      Flag.withDescription("Run configuration whose prompt, stop strings, token limits and sandbox are used"),
      Flag.withDefault(Path.join(CONFIGS, "default.json")),
    ),
    remote: Flag.String("remote").pipe(
      Flag.withDescription("Root of an OpenAI-compatible server that writes in place of the policy"),
      Flag.optional,
    ),
    model: Flag.String("model").pipe(Flag.withDescription("Model at the server"), Flag.optional),
    api: Flag.Literals("api", ["completions", "chat"]).pipe(
      Flag.withDescription("API of the server"),
      Flag.withDefault("completions"),
    ),
    apiKeyEnv: Flag.String("api-key-env").pipe(
      Flag.withDescription("Environment variable that holds the server's key"),
      Flag.optional,
    ),
    unverified: Flag.Boolean("unverified").pipe(
      Flag.withDescription("Keep programs without a verdict too, unlabelled"),
      Flag.withDefault(false),
    ),
    logProbs: Flag.Boolean("log-probs").pipe(
      Flag.withDescription("Keep each program's tokens and log-probs in its meta"),
      Flag.withDefault(false),
    ),
    keepRun: Flag.Boolean("keep-run").pipe(
      Flag.withDescription("Leave the run's directory, OUT.runs, where it is"),
      Flag.withDefault(false),
    ),
    backend: overrides.backend,
    slots: Verification.flags.slots,
    resume: Verification.flags.resume,
    overwrite: Verification.flags.overwrite,
    root,
    json,
  },
  Effect.fn(function* (options) {
    const { out, overwrite } = options;
    yield* Verification.checkOut(out, overwrite);
    const write = Effect.fnUntraced(function* (
      source: Rewrite.Source,
      directory: string,
      origin: string | null,
      decides: Readonly<Record<string, string | number>>,
    ) {
      const { run, spent, candidates } = yield* CollectRun.readRun(directory);
      const { unverified, logProbs } = options;
      const { attempts, counts } = Collected.attempts(candidates, { origin, unverified, logProbs, run });
      yield* Rewrite.write(source, options, {
        command: "collect",
        options: { ...decides, run },
        counts: { verifications: spent, ...counts },
        tasks: source.tasks,
        attempts,
      });
      const summary = { out, run, verifications: spent, attempts: attempts.length, ...counts };
      yield* print(options.json, summary, (it) =>
        [
          `${it.written} programs written, ${it.repeats} of them repeats; ${it.verifications} verifications.`,
          `${it.passed} distinct programs pass, ${it.failed} do not (pass rate ${percent(it.passed + it.failed === 0 ? null : it.passed / (it.passed + it.failed))}); ${it.unverified} have no verdict${unverified ? "" : " and are left out"}.`,
          `Wrote ${it.attempts} attempts to ${out}`,
        ].join("\n"),
      );
    });

    if (Option.isSome(options.fromRun)) {
      const directory = yield* RunDirectory.find(options.fromRun.value, options.root);
      const { dataset } = yield* RunDirectory.readConfig(directory);
      if (dataset.kind !== "drydock") {
        return yield* CollectRun.missing(
          `${directory} was run on ${dataset.tasks}, which is no dataset directory`,
          "import that file by `drydock data import`, run on the directory, and collect from there",
        );
      }
      const source = yield* Rewrite.open(dataset.path);
      return yield* write(source, directory, null, { fromRun: options.fromRun.value });
    }
    const { policy, tasks, verifications } = options;
    if (Option.isNone(policy) || Option.isNone(tasks) || Option.isNone(verifications)) {
      return yield* CollectRun.missing(
        "a policy, --tasks and --verifications are needed, or --from-run",
        "see `drydock data collect --help`",
      );
    }
    const source = yield* Rewrite.open(tasks.value);
    let training = 0;
    for (const { split } of source.tasks) if (split === "train") training += 1;
    if (training === 0) {
      return yield* new DatasetError({
        path: tasks.value,
        reason: "it has no training tasks, and what is evaluated is not trained on.",
        remedy: "Name a dataset with tasks of the split train; `drydock data split` makes one.",
      });
    }
    const asked = {
      ...options,
      policy: policy.value,
      tasks: tasks.value,
      verifications: verifications.value,
    };
    const directory = yield* CollectRun.run(asked, training);
    if (directory === null) return;
    const name = Path.basename(Path.resolve(policy.value));
    const { samples, temperature, seed } = options;
    yield* write(source, directory, `policy:${name}`, {
      policy: name,
      ...CollectRun.serverOf(asked),
      samples,
      temperature,
      seed,
      verifications: verifications.value,
    });
    if (!options.keepRun) {
      yield* Effect.sync(() => Fs.rmSync(CollectRun.runsOf(out), { recursive: true, force: true }));
    }
  }, Effect.scoped),
).pipe(
  Command.withDescription("Make a dataset of what a policy writes, verified within a budget"),
  Command.withExamples([
    {
      command:
        "drydock data collect policies/js-compose --tasks datasets/js-compose --out /tmp/collected --verifications 1000 --samples 4",
      description: "Four programs for each training task of the shipped dataset, 1,000 verifications at most",
    },
    {
      command: "drydock data collect --from-run latest --out /tmp/online",
      description: "What the latest run wrote and verified online",
    },
  ]),
);
