/**
 * `drydock data collect`: what a policy writes for the tasks of a dataset, verified within a budget.
 *
 * It is a run of one online stage without updates, so that budget, verdict cache, resumption and progress are a run's
 * own; what the run stored becomes attempts.
 */
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as ConfigFile from "../../config/ConfigFile.ts";
import { DatasetError } from "../../dataset/DatasetError.ts";
import * as Collected from "../../orchestrator/Collected.ts";
import * as RunDirectory from "../../store/RunDirectory.ts";
import * as RunReader from "../../store/RunReader.ts";
import { CONFIGS } from "../Configs.ts";
import * as Inference from "../Inference.ts";
import { json, percent, print } from "../Output.ts";
import * as RunSession from "../RunSession.ts";
import { root } from "../RunsRoot.ts";
import * as Screen from "../Screen.ts";
import { overrides } from "../Train.ts";
import * as Rewrite from "./Rewrite.ts";
import * as Verification from "./Verification.ts";

/** Programs of a round: what an interrupted command may have to write again. */
const ROUND = 256;

const runsOf = (out: string): string => `${out.replace(/\/+$/, "")}.runs`;

interface Asked {
  readonly policy: string;
  readonly tasks: string;
  readonly out: string;
  readonly verifications: number;
  readonly samples: number;
  readonly temperature: number;
  readonly seed: number;
  readonly config: string;
  readonly backend: Option.Option<"auto" | "native-gpu" | "native" | "wasm">;
  readonly remote: Option.Option<string>;
  readonly model: Option.Option<string>;
  readonly api: "completions" | "chat";
  readonly apiKeyEnv: Option.Option<string>;
  readonly slots: Option.Option<number>;
}

const missing = (reason: string, remedy: string) => new Inference.InferenceError({ reason, remedy });

const generatorOf = Effect.fnUntraced(function* (asked: Asked) {
  if (Option.isNone(asked.remote)) return { kind: "own" };
  if (Option.isNone(asked.model)) {
    return yield* missing("--remote names a server, and no --model which of its models", "give --model NAME");
  }
  return {
    kind: "remote",
    url: asked.remote.value,
    model: asked.model.value,
    api: asked.api,
    ...(Option.isSome(asked.apiKeyEnv) ? { apiKeyEnv: asked.apiKeyEnv.value } : {}),
  };
});

/** The run: one online stage that learns nothing. */
const configure = Effect.fnUntraced(function* (asked: Asked, tasks: number) {
  const base = yield* ConfigFile.load(asked.config);
  const generated = tasks * asked.samples;
  return yield* ConfigFile.fromValue(asked.config, {
    ...base,
    name: "collect",
    seed: asked.seed,
    output: runsOf(asked.out),
    policy: {
      ...base.policy,
      path: asked.policy,
      init: "weights",
      reasoning: "none",
      // Nothing is trained: no optimiser, and a checkpoint of next to nothing.
      trainable: { kind: "lora", rank: 0 },
    },
    dataset: { kind: "drydock", path: asked.tasks, attempts: "none" },
    limit: {},
    compute: { ...base.compute, backend: Option.getOrElse(asked.backend, () => base.compute.backend) },
    sandbox: { ...base.sandbox, ...(Option.isSome(asked.slots) ? { slots: asked.slots.value } : {}) },
    budget: { verifications: asked.verifications, generated },
    trainings: {},
    stages: [
      {
        kind: "online",
        label: "collect",
        programsPerRound: Math.min(generated, asked.samples * Math.max(1, Math.floor(ROUND / asked.samples))),
        samplesPerProblem: asked.samples,
        temperature: asked.temperature,
        generator: yield* generatorOf(asked),
        updates: [],
        validation: null,
      },
    ],
  }).pipe(Effect.flatMap((resolved) => ConfigFile.resolve(resolved, asked.config)));
});

/** The one run of an interrupted command, or null. */
const interrupted = Effect.fnUntraced(function* (out: string, resume: boolean, overwrite: boolean) {
  const runs = runsOf(out);
  // A run that ended before its first event leaves nothing in there.
  if (!Fs.existsSync(runs) || Fs.readdirSync(runs).length === 0) return null;
  if (resume) return yield* RunDirectory.find("latest", runs);
  if (!overwrite) {
    return yield* new DatasetError({
      path: runs,
      reason: "the run of a collection into this directory was begun and not finished.",
      remedy: "Go on with it by --resume, or begin again with --overwrite.",
    });
  }
  yield* Effect.sync(() => Fs.rmSync(runs, { recursive: true, force: true }));
  return null;
});

/** A run's candidates, and whether it has finished. */
const readRun = Effect.fnUntraced(function* (directory: string) {
  const reader = yield* RunReader.open(directory);
  const state = yield* reader.state;
  return {
    run: reader.runId,
    finished: state.status === "finished",
    spent: state.budgets.verifications.spent,
    candidates: yield* reader.candidates,
  };
}, Effect.scoped);

/** Runs, or goes on with, the run of a collection; its directory, or null where it was stopped. */
const collectRun = Effect.fnUntraced(function* (
  asked: Asked & { readonly resume: boolean; readonly overwrite: boolean },
  tasks: number,
) {
  const before = yield* interrupted(asked.out, asked.resume, asked.overwrite);
  if (before === null) {
    const config = yield* configure(asked, tasks);
    yield* RunSession.session(config, { directory: null, json: false, quiet: true });
  } else if (!(yield* readRun(before)).finished) {
    const config = yield* RunDirectory.readConfig(before);
    yield* RunSession.session(config, { directory: before, json: false, quiet: true });
  }
  const directory = yield* RunDirectory.find("latest", runsOf(asked.out));
  if ((yield* readRun(directory)).finished) return directory;
  Screen.say("Go on with the same command and --resume.");
  return null;
});

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
      const { run, spent, candidates } = yield* readRun(directory);
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
        return yield* missing(
          `${directory} was run on ${dataset.tasks}, which is no dataset directory`,
          "import that file by `drydock data import`, run on the directory, and collect from there",
        );
      }
      const source = yield* Rewrite.open(dataset.path);
      return yield* write(source, directory, null, { fromRun: options.fromRun.value });
    }
    const { policy, tasks, verifications } = options;
    if (Option.isNone(policy) || Option.isNone(tasks) || Option.isNone(verifications)) {
      return yield* missing(
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
    const directory = yield* collectRun(asked, training);
    if (directory === null) return;
    const name = Path.basename(Path.resolve(policy.value));
    const { samples, temperature, seed } = options;
    yield* write(source, directory, `policy:${name}`, {
      policy: name,
      samples,
      temperature,
      seed,
      verifications: verifications.value,
    });
    if (!options.keepRun) {
      yield* Effect.sync(() => Fs.rmSync(runsOf(out), { recursive: true, force: true }));
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
