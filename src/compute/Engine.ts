/**
 * What the compute worker does, without the worker: one policy, one graph, one session; every method is
 * synchronous, and those that take long are generators that yield between slices.
 */
import * as Effect from "effect/Effect";
import * as path from "node:path";
import type * as Learner from "../learner/Learner.ts";
import * as Generation from "../model/generation/Generation.ts";
import * as ModelConfig from "../model/ModelConfig.ts";
import * as Peft from "../model/directory/Peft.ts";
import * as Policy from "../model/directory/Policy.ts";
import * as Room from "../model/files/Room.ts";
import type { PolicyError } from "../model/PolicyError.ts";
import * as Scoring from "../model/Scoring.ts";
import * as Programs from "../policy/Programs.ts";
import * as Streaming from "../policy/Streaming.ts";
import * as Text from "../policy/Text.ts";
import * as MemoryLimit from "../tensor/MemoryLimit.ts";
import type { Executor } from "../tensor/Session.ts";
import * as EngineGraph from "./EngineGraph.ts";
import type {
  ExportedPolicy,
  Completion,
  GenerateRequest,
  ModelInfo,
  OpenSpec,
  ProgramScore,
  ScoreItem,
} from "./Compute.ts";
import type { Episode } from "../domain/Episode.ts";
import type { StreamEvent, StreamRequest } from "../policy/Streaming.ts";

export interface Engine {
  readonly info: ModelInfo;
  readonly addEpisodes: (
    part: "offline" | "online",
    episodes: ReadonlyArray<Episode>,
  ) => { readonly added: number; readonly tooLong: number };
  readonly trainStep: Learner.Learner["trainStep"];
  readonly probe: Learner.Learner["probe"];
  readonly clearEpisodes: Learner.Learner["clearEpisodes"];
  readonly setReference: Learner.Learner["setReference"];
  readonly generate: (request: GenerateRequest) => Generator<void, ReadonlyArray<Completion>, void>;
  /** Starts a stream, which advances with `step` (and with the steps of `generate`). */
  readonly stream: (request: StreamRequest, emit: (event: StreamEvent) => void) => Generation.Submission;
  readonly step: () => void;
  readonly countTokens: (texts: ReadonlyArray<string>) => ReadonlyArray<number>;
  readonly score: (
    items: ReadonlyArray<ScoreItem>,
  ) => Generator<void, ReadonlyArray<ProgramScore | null>, void>;
  readonly save: (directory: string) => void;
  readonly restore: (directory: string) => void;
  readonly exportPolicy: (exported: ExportedPolicy) => Effect.Effect<void, PolicyError>;
  readonly tensors: () => number;
  readonly dispose: () => void;
}

/** Scoring batches a slice. */
const SCORE_SLICE = 4;

/** Reads the policy, records every program and opens the session. */
export const open = (
  spec: OpenSpec,
  { executor, threads }: { readonly executor: Executor; readonly threads: number },
): Effect.Effect<Engine, PolicyError> =>
  Effect.gen(function* () {
    const policy = yield* Policy.read(spec.policy.path, {
      weights: spec.policy.init === "random" ? "optional" : "required",
    });
    const halved = spec.frozenType === "bfloat16" && spec.trainable.kind !== "full";
    yield* Room.checkMemory(spec.policy.path, policy.config, halved ? "BF16" : "F32");
    const {
      graph,
      learner: recorded,
      generation,
      scoring,
      referenceScoring,
      scored,
    } = yield* EngineGraph.recordFitting(policy, spec, MemoryLimit.limit());
    const session = executor.open(graph, recorded.initial, recorded.files);
    const learner = recorded.attach(session, executor.name);
    const generator = new Generation.Generator(session, generation);
    const text = Text.make(policy);

    const engine: Engine = {
      info: {
        backend: executor.name,
        threads,
        parameters: ModelConfig.parameterCount(policy.config),
        trainableParameters: recorded.trainableParameters,
        vocabulary: policy.config.vocab_size,
        tilt: policy.heads === null ? 0 : policy.card.tilt,
      },
      addEpisodes: (part, episodes) => learner.addEpisodes(part, episodes.map(text.episode)),
      trainStep: learner.trainStep,
      probe: learner.probe,
      clearEpisodes: learner.clearEpisodes,
      setReference: learner.setReference,
      generate: (request) => Programs.write(generator, text, policy.endTokens, request),
      stream: (request, emit) => Streaming.start(generator, text, policy.endTokens, request, emit),
      step: () => void generator.step(),
      countTokens: (texts) => texts.map((prompt) => text.prompt(prompt).length),
      *score(items) {
        const out = items.map((): ProgramScore | null => null);
        // A program cut at the limit can be a token longer when its text is tokenised afresh.
        const fitting = items
          .map(({ prompt, program, tokens, tilt = 0, reference = false }, index) => ({
            index,
            promptIds: text.prompt(prompt),
            programIds: tokens ?? text.program(program),
            tilt,
            reference,
          }))
          .filter(({ promptIds, programIds }) => promptIds.length + programIds.length <= scored.tokens);
        const slice = scored.batch * SCORE_SLICE;
        for (let at = 0; at < fitting.length; at += slice) {
          const some = fitting.slice(at, at + slice);
          Scoring.score(session, scoring, some).forEach((score, i) => {
            out[some[i].index] = { ...score, referenceLogProb: null };
          });
          if (referenceScoring !== null) {
            const asked = some.filter(({ reference }) => reference).map((item) => ({ ...item, tilt: 0 }));
            Scoring.score(session, referenceScoring, asked).forEach(({ logProb }, i) => {
              const { index } = asked[i];
              const score = out[index];
              if (score !== null) out[index] = { ...score, referenceLogProb: logProb };
            });
          }
          yield;
        }
        return out;
      },
      save: learner.save,
      restore: learner.restore,
      exportPolicy: ({ directory, provenance, tilt }) =>
        Effect.suspend(() => {
          const { policy: read, heads: live, adapter } = learner.weights();
          const exported: Policy.NewPolicy = {
            config: policy.config,
            card: { ...policy.card, provenance, tilt, figures: {} },
            tokenizer: policy.tokenizerFiles,
            endTokens: policy.endTokens,
            weights: ModelConfig.tensorShapes(policy.config).map(({ name, shape }) => ({
              name,
              shape,
              data: () => read(name),
            })),
            ...(live.length === 0 ? {} : { heads: live }),
            ...(adapter === null
              ? {}
              : {
                  adapter: Peft.adapter(
                    policy.config,
                    adapter.lora,
                    path.resolve(spec.policy.path),
                    adapter.variable,
                  ),
                }),
          };
          // A run that was killed after its export writes the same policy again when it is resumed.
          return Policy.write(directory, exported, { replace: true });
        }),
      tensors: session.tensors,
      dispose: session.dispose,
    };
    return engine;
  });
