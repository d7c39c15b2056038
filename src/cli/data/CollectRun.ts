/**
 * The run of a collection: one online stage without updates, so that budget, verdict cache, resumption and progress are
 * a run's own; what the run stored becomes attempts.
 */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as ConfigFile from "../../config/ConfigFile.ts";
import type { RunConfig } from "../../config/RunConfig.ts";
import { DatasetError } from "../../dataset/DatasetError.ts";
import * as RunDirectory from "../../store/RunDirectory.ts";
import * as RunReader from "../../store/RunReader.ts";
import * as Inference from "../Inference.ts";
import * as RunSession from "../RunSession.ts";

/** Programs of a round: what an interrupted command may have to write again. */
const ROUND = 256;

export const runsOf = (out: string): string => `${out.replace(/\/+$/, "")}.runs`;

export interface Asked {
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

export const missing = (reason: string, remedy: string) => new Inference.InferenceError({ reason, remedy });

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
export const readRun = Effect.fnUntraced(function* (directory: string) {
  const reader = yield* RunReader.open(directory);
  const state = yield* reader.state;
  return {
    run: reader.runId,
    finished: state.status === "finished",
    spent: state.budgets.verifications.spent,
    candidates: yield* reader.candidates,
  };
}, Effect.scoped);

/** What of a run decides what it writes and verifies. */
const decisive = ({ policy, dataset, seed, budget, stages }: RunConfig): string =>
  JSON.stringify({ policy, dataset, seed, budget, stages });

const GO_ON = "the same command with --resume";

/** Runs, or goes on with, the run of a collection; its directory, or null where it was stopped. */
export const run = Effect.fnUntraced(function* (
  asked: Asked & { readonly resume: boolean; readonly overwrite: boolean },
  tasks: number,
) {
  const before = yield* interrupted(asked.out, asked.resume, asked.overwrite);
  const session = { json: false, quiet: true, goOn: GO_ON };
  const config = yield* configure(asked, tasks);
  if (before === null) yield* RunSession.session(config, { ...session, directory: null });
  else {
    const begun = yield* RunDirectory.readConfig(before);
    if (decisive(begun) !== decisive(config)) {
      return yield* new DatasetError({
        path: before,
        reason: "the interrupted collection was of another policy, server or dataset, or with other options.",
        remedy: "Repeat the command as it was with --resume, or begin again with --overwrite.",
      });
    }
    if (!(yield* readRun(before)).finished)
      yield* RunSession.session(begun, { ...session, directory: before });
  }
  const directory = yield* RunDirectory.find("latest", runsOf(asked.out));
  return (yield* readRun(directory)).finished ? directory : null;
});

/** The server that wrote, for the manifest; without what a URL may hold of a password. */
export const serverOf = ({ remote, model, api }: Asked): Readonly<Record<string, string>> => {
  if (Option.isNone(remote)) return {};
  const { origin, pathname } = new URL(remote.value);
  return { remote: `${origin}${pathname}`, model: Option.getOrElse(model, () => ""), api };
};
