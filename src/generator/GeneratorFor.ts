/** The generator that an online stage's configuration asks for. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient";
import * as Config from "effect/Config";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { Compute } from "../compute/Compute.ts";
import type { OnlineStage, RemoteGenerator, RunConfig } from "../config/RunConfig.ts";
import type { PolicyError } from "../model/PolicyError.ts";
import * as Tokenizer from "../model/tokenizer/Tokenizer.ts";
import { type Generator, GeneratorError, layerOwnModel } from "./Generator.ts";
import * as Remote from "./Remote.ts";

/** The key of a server, from the environment; null where none is asked for. */
const keyOf = Effect.fnUntraced(function* ({ apiKeyEnv, url }: RemoteGenerator) {
  if (apiKeyEnv === undefined) return null;
  return yield* Config.Redacted(apiKeyEnv).pipe(
    Effect.mapError(
      () =>
        new GeneratorError({
          reason: `the environment variable ${apiKeyEnv}, which should hold the key for ${url}, is not set`,
          remedy: `set ${apiKeyEnv}, or remove apiKeyEnv from the stage's generator`,
          lasting: true,
        }),
    ),
  );
});

/** Refuses a run whose generators lack what they need from this machine, before anything is trained. */
export const check = Effect.fn("GeneratorFor.check")(function* (config: RunConfig) {
  for (const stage of config.stages) {
    if (stage.kind === "online" && stage.generator.kind === "remote") yield* keyOf(stage.generator);
  }
});

/** The generator of a stage, for the policy in `directory`. */
export const layer = (
  stage: OnlineStage,
  directory: string,
): Layer.Layer<Generator, GeneratorError | PolicyError, Compute> => {
  const config = stage.generator;
  if (config.kind === "own") return layerOwnModel;
  const remote = Effect.gen(function* () {
    const key = yield* keyOf(config);
    const tokenizer = yield* Tokenizer.make(yield* Tokenizer.readFiles(directory), directory);
    return Remote.layer({ config, tokenizer, key });
  });
  return Layer.unwrap(remote).pipe(Layer.provide(NodeHttpClient.layerNodeHttp));
};
