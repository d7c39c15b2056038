/** `drydock generate POLICY "prompt"`: writes on the terminal what a policy writes, as it writes it. */
import { randomInt } from "node:crypto";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stdio from "effect/Stdio";
import * as Stream from "effect/Stream";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities";
import { Compute } from "../compute/Compute.ts";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import * as ChatTemplate from "../model/tokenizer/ChatTemplate.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Sampling from "../model/generation/Sampling.ts";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";
import * as Text from "../policy/Text.ts";
import * as Random from "../random/Random.ts";
import * as Inference from "./Inference.ts";
import * as Screen from "./Screen.ts";
import * as ValueColour from "./ValueColour.ts";

/** Samples decoded at once. */
const MOST_AT_ONCE = 32;

type Token = Extract<StreamEvent, { readonly kind: "token" }>;
type Finished = Extract<StreamEvent, { readonly kind: "finished" }>;

/** The prompt as it was given, to the last byte. */
const readPrompt = Effect.fnUntraced(function* (
  argument: Option.Option<string>,
  file: Option.Option<string>,
) {
  if (Option.isSome(argument) && Option.isSome(file)) {
    return yield* new Inference.InferenceError({
      reason: "there is a prompt as an argument and one by --file",
      remedy: "give one of them",
    });
  }
  const given = Option.orElse(argument, () => file);
  if (Option.isSome(given)) return given.value;
  const stdio = yield* Stdio.Stdio;
  if (yield* stdio.stdinIsTerminal) {
    return yield* new Inference.InferenceError({
      reason: "there is no prompt",
      remedy:
        'give it as an argument (drydock generate POLICY "prompt"), by --file FILE, or on standard input',
    });
  }
  return yield* stdio.stdin.pipe(Stream.decodeText, Stream.mkString);
});

/**
 * Samples in their order: what the first unfinished one writes is shown at once, later ones wait for their turn.
 * `begin` is called before a sample's first text, `end` after its last.
 */
const inOrder = (
  count: number,
  show: {
    readonly begin: (sample: number) => void;
    readonly text: (text: string) => void;
    readonly end: (sample: number) => void;
  },
) => {
  const samples = Array.from({ length: count }, () => ({ waiting: "", done: false }));
  let current = -1;
  const advance = (): void => {
    for (;;) {
      const sample = samples[current];
      if (sample !== undefined) {
        show.text(sample.waiting);
        sample.waiting = "";
        if (!sample.done) return;
        show.end(current);
      }
      current++;
      if (current >= count) return;
      show.begin(current);
    }
  };
  return (sample: number, text: string, done: boolean): void => {
    const one = samples[sample];
    if (one === undefined) return;
    one.waiting += text;
    one.done = done;
    if (current < 0 || sample === current) advance();
  };
};

/** Control characters could move the cursor or worse: on a terminal they are shown as what they are not, U+FFFD. */
export const harmless = (text: string): string => text.replace(/(?![\n\t])\p{Cc}/gu, "\ufffd");

const round = (x: number): string => x.toFixed(2);

/** Shows text as it comes, and each sample's values where they are asked for. */
const toTerminal = (seeds: ReadonlyArray<number>, colours: boolean, values: boolean) => {
  const seen = seeds.map((): Array<number> => []);
  const write = inOrder(seeds.length, {
    begin: (i) => {
      if (seeds.length > 1)
        process.stdout.write(`--- sample ${i + 1} of ${seeds.length}, seed ${seeds[i]}\n`);
    },
    text: (text) => void (text !== "" && process.stdout.write(text)),
    end: (i) => {
      process.stdout.write("\n");
      const list = seen[i] ?? [];
      if (values && list.length > 0) {
        Screen.say(
          `value: ${round(list[0])} at the first token, ${round(list.at(-1) as number)} at the last`,
        );
      }
    },
  });
  const clean = process.stdout.isTTY ? harmless : (text: string) => text;
  if (values && colours) Screen.say(ValueColour.legend());
  return (event: Token | Finished): void => {
    const text = clean(event.text);
    if (event.kind === "finished") return write(event.sample, text, true);
    if (event.value !== null) seen[event.sample]?.push(event.value);
    write(event.sample, colours && event.value !== null ? ValueColour.paint(text, event.value) : text, false);
  };
};

/** One line of JSON a sample, when it is finished. */
const toJson = (seeds: ReadonlyArray<number>, values: boolean) => {
  const tokens = seeds.map((): Array<Token> => []);
  return (event: Token | Finished): void => {
    const list = tokens[event.sample];
    if (event.kind === "token") return void list.push(event);
    const line = {
      sample: event.sample,
      seed: seeds[event.sample],
      text: list.map(({ text }) => text).join("") + event.text,
      finished: event.reason,
      tokens: list.map(({ token }) => token),
      logProbs: list.map(({ logProb }) => logProb),
      ...(values ? { values: list.map(({ value }) => value), qs: list.map(({ q }) => q) } : {}),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
};

export const generate = Command.make(
  "generate",
  {
    policy: Inference.policy,
    prompt: Argument.String("prompt").pipe(
      Argument.withDescription("The text to go on from; default: --file, or standard input"),
      Argument.optional,
    ),
    file: Flag.FileText("file").pipe(Flag.withDescription("File that holds the prompt"), Flag.optional),
    chat: Flag.Boolean("chat").pipe(
      Flag.withDescription("Put the prompt into the model's chat template, as a user's message"),
      Flag.withDefault(false),
    ),
    maxTokens: Inference.count("max-tokens").pipe(
      Flag.withDescription("New tokens at most; default: the policy's card"),
      Flag.optional,
    ),
    temperature: Flag.Finite("temperature").pipe(
      Flag.filter(
        (x) => x >= 0,
        () => "a number of 0 or more",
      ),
      Flag.withDescription("0 is greedy; default: the policy's card"),
      Flag.optional,
    ),
    topK: Inference.between("top-k", 1, Sampling.WINDOW).pipe(
      Flag.withDescription("Choose among the K most probable tokens; default: the policy's card"),
      Flag.optional,
    ),
    topP: Flag.Finite("top-p").pipe(
      Flag.filter(
        (x) => x > 0 && x <= 1,
        () => "a number above 0 and up to 1",
      ),
      Flag.withDescription("Choose among the most probable tokens that hold P; default: the policy's card"),
      Flag.optional,
    ),
    stop: Flag.String("stop").pipe(
      Flag.withDescription("End before this text; may be given several times; default: the policy's card"),
      Flag.atLeast(0),
    ),
    seed: Flag.Int("seed").pipe(
      Flag.withDescription("Seed of the first sample; default: a new one each time"),
      Flag.optional,
    ),
    samples: Inference.count("samples").pipe(Flag.withDescription("How many samples"), Flag.withDefault(1)),
    tilt: Flag.Finite("tilt").pipe(
      Flag.withDescription("How much the critic has a say; default: the policy's card"),
      Flag.optional,
    ),
    value: Flag.Boolean("value").pipe(
      Flag.withDescription("Colour the text by the critic's value: how probable it holds success"),
      Flag.withDefault(false),
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print a line of JSON for each sample: text, tokens, log-probs"),
      Flag.withDefault(false),
    ),
    ...Inference.flags,
  },
  Effect.fn(function* (options) {
    const files = yield* PolicyFiles.read(options.policy);
    const { card, tokenizer, heads } = files;
    const tilt = Option.getOrElse(options.tilt, () => (heads === null ? 0 : card.tilt));
    if (heads === null && (options.value || tilt !== 0)) {
      return yield* new Inference.InferenceError({
        reason: `${options.policy} has no value heads, so ${options.value ? "there are no values to show" : "nothing can tilt it"}`,
        remedy:
          "take a policy that was trained with a critic (a run whose training is CQL writes one into runs/ID/policy), or leave the option out",
      });
    }
    const text = yield* readPrompt(options.prompt, options.file);
    const prompt = options.chat
      ? tokenizer.encode(
          yield* ChatTemplate.render(tokenizer, [{ role: "user", content: text }], {
            addGenerationPrompt: true,
          }),
        )
      : Text.make(files).prompt(text);
    if (prompt.length === 0) {
      return yield* new Inference.InferenceError({ reason: "the prompt is empty", remedy: "give some text" });
    }
    const maxNewTokens = Option.getOrElse(options.maxTokens, () =>
      Math.max(
        1,
        Math.min(card.generation.maxNewTokens, files.config.max_position_embeddings - prompt.length),
      ),
    );
    yield* Inference.checkLength(files, prompt.length, maxNewTokens);
    yield* Inference.open(files, options, {
      batch: Math.min(options.samples, MOST_AT_ONCE),
      maxPromptTokens: prompt.length,
      maxNewTokens,
    });
    const first = Option.getOrElse(options.seed, () => randomInt(2 ** 31));
    const seeds = Array.from({ length: options.samples }, (_, i) =>
      i === 0 ? first : Random.make(`${first}/${i}`).int(2 ** 31),
    );
    const topK = Option.orElse(options.topK, () => Option.fromUndefinedOr(card.generation.topK));
    const topP = Option.orElse(options.topP, () => Option.fromUndefinedOr(card.generation.topP));
    const request: StreamRequest = {
      prompt,
      seeds,
      temperature: Option.getOrElse(options.temperature, () => card.generation.temperature),
      ...(Option.isSome(topK) ? { topK: topK.value } : {}),
      ...(Option.isSome(topP) ? { topP: topP.value } : {}),
      maxNewTokens,
      // The card's stop strings belong to its own prompts, not to a chat.
      stop: options.stop.length > 0 ? options.stop : options.chat ? [] : card.stop,
      tilt,
      values: options.value,
    };
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities;
    const show = options.json ? toJson(seeds, options.value) : toTerminal(seeds, canColor, options.value);
    const compute = yield* Compute;
    yield* compute.stream(request).pipe(
      Stream.runForEach((event) => Effect.sync(() => event.kind !== "started" && show(event))),
      // What stands on the terminal stays readable after Ctrl-C.
      Effect.onInterrupt(() => Effect.sync(() => void (options.json || process.stdout.write("\n")))),
    );
  }, Effect.provide(ComputeWorker.layer)),
).pipe(
  Command.withDescription("Write what a policy writes after a prompt, token by token"),
  Command.withExamples([
    {
      command:
        "echo 'Given numbers xs, add 5 to each, give the last or 0.' | drydock generate policies/js-compose --samples 3 --seed 1",
      description: "Three samples, the same each time",
    },
    {
      command: 'drydock generate policies/smollm2-135m --chat "What is a closure?" --temperature 0',
      description: "An answer of a chat model, greedy",
    },
    {
      command: "drydock generate runs/ID/policy --value --file prompt.txt",
      description: "Coloured by the critic's value",
    },
  ]),
);
