/** `drydock serve POLICY`: OpenAI's completions and chat API over a policy. */
import * as Deferred from "effect/Deferred";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import { Compute } from "../compute/Compute.ts";
import * as ComputeWorker from "../compute/ComputeWorker.ts";
import * as ChatTemplate from "../model/tokenizer/ChatTemplate.ts";
import * as PolicyFiles from "../model/directory/Policy.ts";
import * as Text from "../policy/Text.ts";
import * as Server from "../serve/Server.ts";
import * as Inference from "./Inference.ts";
import * as Screen from "./Screen.ts";
import * as Signals from "./Signals.ts";

/** Positions of a prompt and its continuation, unless the model has fewer. */
const CONTEXT = 1024;

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** The key in the environment variable of this name; not an option's value, which every user of the machine can see. */
const keyOf = (name: Option.Option<string>): Effect.Effect<string | null, Inference.InferenceError> => {
  if (Option.isNone(name)) return Effect.succeed(null);
  const key = process.env[name.value];
  if (key !== undefined && key !== "") return Effect.succeed(key);
  return Effect.fail(
    new Inference.InferenceError({
      reason: `--api-key names the environment variable ${name.value}, which is not set`,
      remedy: `set it to the key that clients are to send: ${name.value}=... drydock serve ...`,
    }),
  );
};

/** Positions of a prompt and its continuation together. */
const contextOf = (
  { config, directory }: PolicyFiles.PolicyFiles,
  asked: Option.Option<number>,
): Effect.Effect<number, Inference.InferenceError> => {
  const positions = config.max_position_embeddings;
  const context = Option.getOrElse(asked, () => Math.min(positions, CONTEXT));
  if (context >= 2 && context <= positions) return Effect.succeed(context);
  return Effect.fail(
    new Inference.InferenceError({
      reason: `--context is ${context}, but ${directory} has ${positions} positions, and a prompt and its continuation need two`,
      remedy: `give --context a number from 2 to ${positions}`,
    }),
  );
};

export const serve = Command.make(
  "serve",
  {
    policy: Inference.policy,
    host: Flag.String("host").pipe(
      Flag.withDescription("Address to listen on; only this machine can reach the default"),
      Flag.withDefault("127.0.0.1"),
    ),
    port: Inference.between("port", 0, 65_535).pipe(
      Flag.withDescription("Port; 0: a free one"),
      Flag.withDefault(8000),
    ),
    modelName: Flag.String("model-name").pipe(
      Flag.withDescription("What clients call the model; default: the policy's name"),
      Flag.optional,
    ),
    apiKey: Flag.String("api-key").pipe(
      Flag.withDescription("Name of the environment variable with the key that clients must send"),
      Flag.withMetavar("ENV"),
      Flag.optional,
    ),
    slots: Inference.count("slots").pipe(
      Flag.withDescription("Choices decoded at once"),
      Flag.withDefault(8),
    ),
    maxQueue: Inference.between("max-queue", 0, 1_000_000).pipe(
      Flag.withDescription("Choices that may wait for a slot; requests beyond are answered 429"),
      Flag.withDefault(64),
    ),
    context: Flag.Int("context").pipe(
      Flag.withDescription(
        `Positions of prompt and new tokens together; default: the model's, at most ${CONTEXT}`,
      ),
      Flag.optional,
    ),
    ...Inference.flags,
  },
  Effect.fn(
    function* (options) {
      const files = yield* PolicyFiles.read(options.policy);
      const apiKey = yield* keyOf(options.apiKey);
      const context = yield* contextOf(files, options.context);
      yield* Server.checkPlace(options);
      const info = yield* Inference.open(files, options, {
        batch: options.slots,
        maxPromptTokens: context - 1,
        maxNewTokens: context - 1,
        maxTokens: context,
      });
      const compute = yield* Compute;
      const name = Option.getOrElse(options.modelName, () => files.card.name);
      const { url } = yield* Server.serve({
        model: {
          name,
          files,
          text: Text.make(files),
          chat: yield* ChatTemplate.make(),
          context,
          stream: compute.stream,
        },
        host: options.host,
        port: options.port,
        apiKey,
        capacity: options.slots + options.maxQueue,
        alive: compute.stats,
      });
      Screen.say(
        [
          `Serving ${name} at ${url} (${info.backend}; ${options.slots} slots)`,
          `  ${context} tokens for a prompt and its continuation together; Ctrl-C stops`,
          ...(apiKey === null && !LOOPBACK.test(options.host)
            ? [`  Anyone who can reach ${options.host} may use it: --api-key ENV asks for a key`]
            : []),
        ].join("\n"),
      );
      const stopped = yield* Deferred.make<void>();
      yield* Signals.onFirst(
        Effect.andThen(
          Effect.sync(() => Screen.say("Stopping: requests under way have 5 seconds.")),
          Effect.asVoid(Deferred.succeed(stopped, undefined)),
        ),
      );
      yield* Deferred.await(stopped);
    },
    Effect.scoped,
    Effect.provide(ComputeWorker.layer),
  ),
).pipe(
  Command.withDescription("Serve a policy to OpenAI's clients: completions and chat, streamed or whole"),
  Command.withExamples([
    { command: "drydock serve policies/js-compose", description: "At http://127.0.0.1:8000/v1" },
    {
      command: "KEY=secret drydock serve runs/ID/policy --host 0.0.0.0 --api-key KEY --slots 16",
      description: "For other machines, with a key",
    },
  ]),
);
