/** Opening a policy to write with it: the options and the steps that `generate`, `serve` and `bench` share. */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Schema from "effect/Schema";
import * as Argument from "effect/cli/Argument";
import * as Flag from "effect/cli/Flag";
import { type Backend as BackendName, Compute, type OpenSpec } from "../compute/Compute.ts";
import type { PolicyFiles } from "../model/directory/Policy.ts";
import * as Backend from "./Backend.ts";

/** A policy that cannot do what is asked of it. */
export class InferenceError extends Schema.TaggedError<InferenceError>()("InferenceError", {
  reason: Schema.String,
  remedy: Schema.String,
}) {}

export const policy = Argument.String("policy").pipe(
  Argument.withDescription("A policy directory, e.g. policies/js-compose or runs/ID/policy"),
);

/** An option that is a whole number in a range. */
export const between = (name: string, minimum: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (n) => n >= minimum && n <= maximum,
      () => `a whole number from ${minimum} to ${maximum}`,
    ),
  );

/** An option that is a whole number of 1 or more. */
export const count = (name: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (n) => n >= 1,
      () => "a whole number of 1 or more",
    ),
  );

export const flags = {
  backend: Flag.Literals("backend", ["auto", "native-gpu", "native", "wasm"]).pipe(
    Flag.withDescription("Tensor backend"),
    Flag.withDefault("auto"),
  ),
  threads: count("threads").pipe(
    Flag.withDescription("Threads of native TensorFlow; default: one a core"),
    Flag.optional,
  ),
  dtype: Flag.Literals("dtype", ["float32", "bfloat16"]).pipe(
    Flag.withDescription("How the weights are stored; bfloat16 halves their memory"),
    Flag.withDefault("float32"),
  ),
};

export interface Options {
  readonly backend: BackendName;
  readonly threads: Option.Option<number>;
  readonly dtype: "float32" | "bfloat16";
}

/** Fails where prompt and new tokens are more than the model has positions. */
export const checkLength = (
  { config, directory }: PolicyFiles,
  promptTokens: number,
  newTokens: number,
): Effect.Effect<void, InferenceError> => {
  const positions = config.max_position_embeddings;
  if (promptTokens + newTokens <= positions) return Effect.void;
  return Effect.fail(
    new InferenceError({
      reason: `${promptTokens} prompt tokens and ${newTokens} new ones are more than the ${positions} positions of ${directory}`,
      remedy:
        promptTokens < positions
          ? `ask for at most ${positions - promptTokens} new tokens (--max-tokens), or shorten the prompt`
          : "shorten the prompt",
    }),
  );
};

/** What is opened where nothing trains. */
export const spec = (files: PolicyFiles, options: Options, generation: OpenSpec["generation"]): OpenSpec => ({
  policy: { path: Path.resolve(files.directory), init: "weights" },
  backend: options.backend,
  ...Option.match(options.threads, { onNone: () => ({}), onSome: (threads) => ({ threads }) }),
  seed: 0,
  trainable: { kind: "heads" },
  heads: files.heads !== null,
  frozenType: options.dtype,
  trainings: [],
  maxTrainTokens: 2,
  generation,
});

/** Prepares the backend and opens the policy in the compute worker. */
export const open = Effect.fnUntraced(function* (
  files: PolicyFiles,
  options: Options,
  generation: OpenSpec["generation"],
) {
  yield* Backend.prepare(options.backend);
  const compute = yield* Compute;
  return yield* compute.open(spec(files, options, generation));
});
