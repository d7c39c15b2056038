/** `drydock bench [POLICY]`: what this machine does with a policy. */
import * as Path from "node:path";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { median } from "../domain/Numbers.ts";
import * as Layer from "effect/Layer";
import * as Option from "effect/Option";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { Compute, type ComputeError, type ModelInfo, type OpenSpec } from "../compute/Compute.ts";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Text from "../policy/Text.ts";
import * as Backend from "./Backend.ts";
import { ROOT } from "./Configs.ts";
import * as Inference from "./Inference.ts";
import { json, print, table } from "./Output.ts";
import * as Screen from "./Screen.ts";

const BATCHES = [1, 8, 32];
/** Tokens of a prompt and new ones, unless the model has fewer positions. */
const PROMPT_TOKENS = 128;
const NEW_TOKENS = 64;
const TRAIN_TOKENS = 256;
const TRAIN_BATCH = 4;
const MOST_ROUNDS = 9;
/** So hot that every token is about as probable as any other: the end comes by accident only. */
const TEMPERATURE = 100;

interface Generated {
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

interface Trained {
  readonly trainable: "full" | "lora";
  readonly batch: number;
  readonly tokens: number;
  readonly secondsPerStep: number;
  readonly tokensPerSecond: number;
}

export interface Report {
  readonly policy: string;
  readonly parameters: number;
  readonly backend: string;
  readonly threads: number;
  readonly dtype: string;
  /** From a policy directory to a model that can write. */
  readonly loadSeconds: number;
  readonly generation: ReadonlyArray<Generated>;
  readonly training: Trained | null;
  /** Of this process, after the largest batch. */
  readonly residentBytes: number;
}

const seconds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeNanos;
    const value = yield* effect;
    return { value, seconds: Number((yield* Clock.currentTimeNanos) - start) / 1e9 };
  });

/** The median of an effect's seconds, repeated for `long`, after one run that nobody times. */
const repeated = <E, R>(effect: Effect.Effect<unknown, E, R>, long: number) =>
  Effect.gen(function* () {
    yield* effect;
    const taken: Array<number> = [];
    let total = 0;
    do {
      const one = yield* seconds(effect);
      taken.push(one.seconds);
      total += one.seconds;
    } while (total < long && taken.length < MOST_ROUNDS);
    return median(taken);
  });

/** A text of `length` tokens or a few fewer, which begins with its number so that prompts share no prefix. */
const prompt = (text: Text.Text, number: number, length: number): string => {
  let long = `${number}:`;
  for (;;) {
    const next = `${long} const x${number} = ${number};`;
    if (text.prompt(next).length > length) return long;
    long = next;
  }
};

/** Prefill and decode at one batch: a request for one new token, and one for many. */
const generation = Effect.fnUntraced(function* (
  text: Text.Text,
  batch: number,
  limits: Limits,
  long: number,
) {
  const { maxPromptTokens, maxNewTokens } = limits;
  const prompts = Array.from({ length: batch }, (_, i) => prompt(text, i, maxPromptTokens));
  const promptTokens = prompts.reduce((sum, one) => sum + text.prompt(one).length, 0);
  const compute = yield* Compute;
  let written = 0;
  const write = (newTokens: number) =>
    compute
      .generate({
        items: prompts.map((one, seed) => ({ prompt: one, seed })),
        temperature: TEMPERATURE,
        maxNewTokens: newTokens,
        stop: [],
        tilt: 0,
      })
      .pipe(
        Effect.tap((programs) =>
          Effect.sync(() => {
            written = programs.reduce((sum, { tokens }) => sum + tokens.length, 0);
          }),
        ),
      );
  const first = yield* repeated(write(1), long);
  const all = yield* repeated(write(maxNewTokens), long);
  const step = (all - first) / (maxNewTokens - 1);
  return {
    batch,
    promptTokens: Math.round(promptTokens / batch),
    newTokens: maxNewTokens,
    prefillTokensPerSecond: promptTokens / Math.max(first - step, 1e-6),
    decodeTokensPerSecond: (written - batch) / (all - first),
  } satisfies Generated;
});

type Limits = Omit<OpenSpec["generation"], "batch">;

const training = Effect.fnUntraced(function* (
  spec: OpenSpec,
  trainable: "full" | "lora",
  text: Text.Text,
  long: number,
) {
  const compute = yield* Compute;
  const tokens = spec.maxTrainTokens;
  yield* compute.open(spec);
  const half = Math.floor(tokens / 2);
  yield* compute.addEpisodes(
    "offline",
    Array.from({ length: TRAIN_BATCH }, (_, i) => ({
      id: `bench-${i}`,
      taskId: `bench-${i}`,
      prompt: prompt(text, i, half),
      program: prompt(text, i + TRAIN_BATCH, half - 1),
      reward: 1,
      behaviourLogProbs: null,
      policyVersion: null,
    })),
  );
  const step = compute.trainStep({ training: "sft", learningRate: 1e-5, offlineFraction: 1 });
  const secondsPerStep = yield* repeated(step, long);
  return {
    trainable,
    batch: TRAIN_BATCH,
    tokens,
    secondsPerStep,
    tokensPerSecond: (TRAIN_BATCH * tokens) / secondsPerStep,
  } satisfies Trained;
});

/** Runs with a compute worker of its own, which is gone afterwards. */
const withWorker = <A, E>(effect: Effect.Effect<A, E, Compute>): Effect.Effect<A, E | ComputeError> =>
  effect.pipe(Effect.provide(Layer.fresh(ComputeWorker.layer)));

const rate = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

const render = (report: Report): string => {
  const rows = report.generation.map((one) => [
    `batch ${one.batch}`,
    `${rate(one.prefillTokensPerSecond)} tokens/s`,
    `${rate(one.decodeTokensPerSecond)} tokens/s`,
    rate(one.decodeTokensPerSecond / one.batch),
  ]);
  const [first] = report.generation;
  const lines = [
    `${report.policy}: ${(report.parameters / 1e6).toFixed(1)}M parameters, ${report.backend}, ${report.dtype}`,
    `ready to write after ${report.loadSeconds.toFixed(2)} s; ${(report.residentBytes / 2 ** 20).toFixed(0)} MiB resident at the largest batch`,
    table(
      [
        "generation",
        `prompt (${first.promptTokens} tokens)`,
        `writing (${first.newTokens} tokens)`,
        "of one sample",
      ],
      rows,
    ),
  ];
  if (report.training !== null) {
    const { trainable, batch, tokens, secondsPerStep, tokensPerSecond } = report.training;
    lines.push(
      table(
        ["training step", "batch × tokens", "time", "rate"],
        [
          [
            `${trainable}, Adam`,
            `${batch} × ${tokens}`,
            `${secondsPerStep.toFixed(3)} s`,
            `${rate(tokensPerSecond)} tokens/s`,
          ],
        ],
      ),
    );
  }
  return lines.join("\n");
};

const trainSpec = (spec: OpenSpec, trainable: "full" | "lora", positions: number): OpenSpec => ({
  ...spec,
  trainable:
    trainable === "full" ? { kind: "full" } : { kind: "lora", rank: 8, alpha: 16, targets: ["q", "v"] },
  maxTrainTokens: Math.min(TRAIN_TOKENS, positions),
  trainings: [
    {
      id: "sft",
      algorithm: "sft",
      config: {},
      batchSize: TRAIN_BATCH,
      optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
      episodes: "all",
    },
  ],
});

export const bench = Command.make(
  "bench",
  {
    policy: Argument.String("policy").pipe(
      Argument.withDescription("A policy directory; default: the shipped one"),
      Argument.withDefault(Path.join(ROOT, "policies", "js-compose")),
    ),
    train: Flag.Literals("train", ["full", "lora"]).pipe(
      Flag.withDescription("Measure a training step too"),
      Flag.optional,
    ),
    seconds: Flag.Finite("seconds").pipe(
      Flag.withDescription("How long each measurement is repeated"),
      Flag.withDefault(1.5),
    ),
    json,
    ...Inference.flags,
  },
  Effect.fn(function* (options) {
    const files = yield* PolicyFiles.read(options.policy);
    const text = Text.make(files);
    const positions = files.config.max_position_embeddings;
    const maxPromptTokens = Math.min(PROMPT_TOKENS, Math.floor(positions / 2));
    const limits = { maxPromptTokens, maxNewTokens: Math.min(NEW_TOKENS, positions - maxPromptTokens) };
    yield* Backend.prepare(options.backend);
    const opened: Array<{ readonly value: ModelInfo; readonly seconds: number }> = [];
    const measured: Array<Generated> = [];
    let residentBytes = 0;
    for (const batch of BATCHES) {
      Screen.say(`Writing ${batch === 1 ? "one sample" : `${batch} samples`} at once …`);
      yield* withWorker(
        Effect.gen(function* () {
          const compute = yield* Compute;
          const spec = Inference.spec(files, options, { batch, ...limits });
          opened.push(yield* seconds(compute.open(spec)));
          measured.push(yield* generation(text, batch, limits, options.seconds));
          residentBytes = (yield* compute.stats).residentBytes;
        }),
      );
    }
    const spec = Inference.spec(files, options, { batch: 1, maxPromptTokens: 2, maxNewTokens: 2 });
    const trained = yield* Option.match(options.train, {
      onNone: () => Effect.succeed(null),
      onSome: (trainable) => {
        Screen.say(`Training (${trainable}) …`);
        return withWorker(training(trainSpec(spec, trainable, positions), trainable, text, options.seconds));
      },
    });
    const [{ value: info, seconds: loadSeconds }] = opened;
    const report: Report = {
      policy: files.card.name,
      parameters: info.parameters,
      backend: info.backend,
      threads: info.threads,
      dtype: options.dtype,
      loadSeconds,
      generation: measured,
      training: trained,
      residentBytes,
    };
    yield* print(options.json, report, render);
  }),
).pipe(
  Command.withDescription("Measure what this machine does with a policy: loading, reading prompts, writing"),
  Command.withExamples([
    { command: "drydock bench", description: "The shipped policy" },
    {
      command: "drydock bench policies/smollm2-135m --dtype bfloat16 --train lora",
      description: "With a training step",
    },
  ]),
);
