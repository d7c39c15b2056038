/**
 * Who writes the online stage's programs: the policy that is trained, or a model behind a server.
 *
 * Evaluations, the validation guard and the tilt always ask the policy itself, by `Compute`.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as Schema from "effect/Schema";
import { Compute, type Completion, type ComputeError } from "../compute/Compute.ts";
import type * as Programs from "../policy/Programs.ts";

/** A request that was given up. `lasting`: every other request would fail in the same way. */
export class GeneratorError extends Schema.TaggedError<GeneratorError>()("GeneratorError", {
  reason: Schema.String,
  remedy: Schema.String,
  lasting: Schema.Boolean,
}) {}

export class Generator extends Context.Service<
  Generator,
  {
    /** Null: the own policy, which writes a round as one request. */
    readonly remote: {
      /** Where its programs come from, e.g. "remote:some-model". */
      readonly origin: string;
      /** Requests at once; each is for the samples of one prompt. */
      readonly concurrency: number;
    } | null;
    /**
     * One completion an item, in the items' order. `tokens` and `logProbs` of a remote completion are the own
     * tokenizer's tokens, end included, with the writer's log-probs; both are empty where these are not known one to one.
     */
    readonly generate: (
      request: Programs.Request,
    ) => Effect.Effect<ReadonlyArray<Completion>, GeneratorError | ComputeError>;
    /** What it took since this was last asked, for the metrics; nothing of the own policy. */
    readonly takeFigures: Effect.Effect<{ readonly [name: string]: number }>;
  }
>()("drydock/generator/Generator") {}

/** The policy that is trained. */
export const layerOwnModel: Layer.Layer<Generator, never, Compute> = Layer.effect(
  Generator,
  Effect.map(Compute, ({ generate }) =>
    Generator.of({ remote: null, generate, takeFigures: Effect.succeed({}) }),
  ),
);
