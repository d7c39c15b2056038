/**
 * A policy directory: a Llama-family model in Hugging Face's layout with Drydock's card beside it.
 *
 *     config.json  tokenizer.json  tokenizer_config.json  generation_config.json
 *     model.safetensors    weights under Hugging Face's names; transformers' from_pretrained loads them.
 *                          Or several files with model.safetensors.index.json
 *     heads.safetensors    optional: value heads of the critic that tilts the policy
 *     adapter/             optional: the LoRA adapter, in PEFT's layout, that is merged into the weights
 *     policy.json          the card: prompt template, stop strings, decoding defaults, provenance, figures
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import * as fs from "node:fs";
import * as path from "node:path";
import * as AtomicDirectory from "../files/AtomicDirectory.ts";
import { attempt, inSlices, readJson, readRecord } from "../files/Files.ts";
import * as GenerationConfig from "./GenerationConfig.ts";
import * as ModelConfig from "../ModelConfig.ts";
import type * as Peft from "./Peft.ts";
import * as PolicyChecks from "./PolicyChecks.ts";
import * as PolicyContents from "./PolicyContents.ts";
import { PolicyError } from "../PolicyError.ts";
import * as Safetensors from "../files/Safetensors.ts";
import * as SafetensorsIndex from "../files/SafetensorsIndex.ts";
import * as Tokenizer from "../tokenizer/Tokenizer.ts";

export const POLICY_FORMAT = 1;

/** How a task becomes a prompt; dataset/Prompt.ts renders them. */
export const TemplateName = Schema.Literals(["plain", "mbpp-3-shot", "mbpp-0-shot"]);
export type TemplateName = typeof TemplateName.Type;

/** policy.json. */
export const PolicyCard = Schema.Struct({
  formatVersion: Schema.Literal(POLICY_FORMAT),
  name: Schema.NonEmptyString,
  description: Schema.String,
  licence: Schema.NonEmptyString,
  /** Where the weights come from: a file with its hash, a training configuration with its seed, … */
  provenance: Schema.String,
  prompt: TemplateName,
  /** Generation ends before the first of these, and at the end-of-sequence token. */
  stop: Schema.Array(Schema.NonEmptyString),
  /** Decoding defaults; a run's configuration may override each. */
  generation: Schema.Struct({
    temperature: Schema.Finite,
    topK: Schema.optionalKey(Schema.Int),
    topP: Schema.optionalKey(Schema.Finite),
    maxNewTokens: Schema.Int,
  }),
  /** beta of logits' = log pi + beta (minQ - V); 0 where there are no heads or they are not used. */
  tilt: Schema.Finite,
  /** Measured figures, by name, for a person to read. */
  figures: Schema.Record(Schema.String, Schema.Json),
});
export type PolicyCard = typeof PolicyCard.Type;

export type StoredType = "F32" | "F16" | "BF16";

/** Tensors of a file, read one at a time so that two copies of a model are never in memory at once. */
export interface TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<
    string,
    { readonly dtype: StoredType; readonly shape: ReadonlyArray<number> }
  >;
  /** Reads one tensor, row-major, widened to float32, into `into` (of its size) where given. Synchronous; throws a PolicyError. */
  readonly read: (name: string, into?: Float32Array) => Float32Array;
  /** Its bytes as they are stored, little-endian; otherwise as `read`. */
  readonly readStored: (name: string, into?: Uint8Array) => Uint8Array;
  /** The file that a tensor lies in, and where its bytes begin. */
  readonly locate: (name: string) => { readonly file: string; readonly offset: number };
}

/** A tensor to write; `data` is called once, when its turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: ReadonlyArray<number>;
  readonly data: () => Float32Array;
}

export interface TokenizerFiles {
  /** Parsed tokenizer.json. */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** Parsed tokenizer_config.json. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** A policy directory that was read and checked: shapes, vocabulary and special tokens agree. */
export interface PolicyFiles {
  readonly directory: string;
  readonly config: ModelConfig.ModelConfig;
  readonly card: PolicyCard;
  readonly tokenizer: Tokenizer.Tokenizer;
  /** Tokens that end a text: the tokenizer's eos first, then those of config.json and generation_config.json. */
  readonly endTokens: ReadonlyArray<number>;
  /** As read, for writing a policy that has the same tokenizer. */
  readonly tokenizerFiles: TokenizerFiles;
  /** Holds every tensor of `ModelConfig.tensorShapes(config)` with its shape; null where `weights: "optional"` found none. */
  readonly weights: TensorSource | null;
  readonly heads: TensorSource | null;
}

/** What a new policy directory is made of. */
export interface NewPolicy {
  readonly config: ModelConfig.ModelConfig;
  readonly card: PolicyCard;
  readonly tokenizer: TokenizerFiles;
  /** Tokens that end a text; config.eos_token_id alone by default. */
  readonly endTokens?: ReadonlyArray<number>;
  /** Every tensor of `ModelConfig.tensorShapes(config)`; null for a directory to initialise from. */
  readonly weights: ReadonlyArray<TensorToWrite> | null;
  readonly heads?: ReadonlyArray<TensorToWrite>;
  /** What LoRA trained, already merged into `weights`; kept beside them. */
  readonly adapter?: Peft.Adapter;
}

export interface WriteOptions {
  /** Stored type of the weights; F32 by default, which keeps every bit. */
  readonly dtype?: StoredType;
  /** Replace the policy that is there. */
  readonly replace?: boolean;
  /** Weights of more bytes are cut into several files; 5 GB by default. */
  readonly maxShardBytes?: number;
  /** Called after each of the model's tensors, from 1 to `total`. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The card of a directory that has none: a plain Hugging Face model. */
export const defaultCard = (name: string): PolicyCard => ({
  formatVersion: POLICY_FORMAT,
  name,
  description: "",
  licence: "unknown",
  provenance: "unknown",
  prompt: "plain",
  stop: [],
  generation: { temperature: 1, maxNewTokens: 128 },
  tilt: 0,
  figures: {},
});

const decodeCard = Schema.decodeUnknownResult(PolicyCard, { errors: "all" });

const readCard = (
  directory: string,
  generation: GenerationConfig.GenerationConfig,
): Effect.Effect<PolicyCard, PolicyError> =>
  Effect.gen(function* () {
    const file = path.join(directory, "policy.json");
    if (!fs.existsSync(file)) {
      const card = defaultCard(path.basename(path.resolve(directory)));
      return { ...card, generation: { ...card.generation, ...GenerationConfig.defaults(generation) } };
    }
    const json = yield* readJson(file);
    const version =
      typeof json === "object" && json !== null && "formatVersion" in json ? json.formatVersion : undefined;
    if (typeof version === "number" && version > POLICY_FORMAT) {
      return yield* new PolicyError({
        path: file,
        reason: `the policy is of format ${version}, this program reads up to ${POLICY_FORMAT}.`,
        remedy: "Use a newer Drydock.",
      });
    }
    const card = decodeCard(json);
    if (card._tag === "Success") return card.success;
    return yield* new PolicyError({
      path: file,
      reason: `not a policy card: ${card.failure.message.replaceAll("\n", " ")}.`,
      remedy: "Correct the file; docs/policies.md lists its fields.",
    });
  });

/**
 * Reads and checks a policy directory; tensors are read later, one at a time.
 *
 * With `weights: "optional"` they may be absent, for a model that is to be initialised at random.
 */
export const read = Effect.fn("Policy.read")(function* (
  directory: string,
  options: { readonly weights?: "required" | "optional" } = {},
): Effect.fn.Return<PolicyFiles, PolicyError> {
  if (!fs.existsSync(path.join(directory, "config.json"))) {
    return yield* new PolicyError({
      path: directory,
      reason: !fs.existsSync(directory)
        ? "no such directory."
        : fs.statSync(directory).isDirectory()
          ? "no config.json in this directory."
          : "this is a file, expected a directory.",
      remedy:
        "Give a policy directory (one with config.json, tokenizer.json and model.safetensors), or make one with `drydock policy import SOURCE` (a GGUF file, a model's directory, or ORG/NAME of the hub).",
    });
  }
  const configFile = path.join(directory, "config.json");
  const configJson = yield* readRecord(configFile);
  const decoded = yield* ModelConfig.decode(configJson, configFile);
  const generation = yield* GenerationConfig.read(directory);
  const card = yield* readCard(directory, generation);
  const tokenizerFiles = yield* Tokenizer.readFiles(directory);
  const tokenizer = yield* Tokenizer.make(tokenizerFiles, directory);
  const named = GenerationConfig.tokenIds(configJson["eos_token_id"], generation.eos_token_id);
  yield* PolicyChecks.tokenizer(directory, decoded, tokenizer, named);
  const endTokens = [...new Set([tokenizer.eos, ...named])];
  // Of several the tokenizer's is the one that training puts at a program's end.
  const config = { ...decoded, eos_token_id: tokenizer.eos };
  const weights = yield* SafetensorsIndex.open(directory);
  if (weights !== null) yield* PolicyChecks.shapes(weights.path, config, weights.tensors);
  else if (options.weights !== "optional") {
    return yield* new PolicyError({
      path: path.join(directory, SafetensorsIndex.SINGLE),
      reason: `there are no weights: neither this file nor ${SafetensorsIndex.INDEX} is there.`,
      remedy: "Import the policy again, or train it from scratch.",
    });
  }
  const headsFile = path.join(directory, "heads.safetensors");
  const heads = fs.existsSync(headsFile) ? yield* Safetensors.open(headsFile) : null;
  return { directory, config, card, tokenizer, endTokens, tokenizerFiles, weights, heads };
});

const isPolicy = (directory: string): boolean => fs.existsSync(path.join(directory, "config.json"));

/** Fails where a policy cannot be written: something is there, and it is no policy or must not be replaced. */
export const checkPlace = (
  directory: string,
  options: Pick<WriteOptions, "replace">,
): Effect.Effect<void, PolicyError> =>
  attempt(directory, () => {
    const target = path.resolve(directory);
    AtomicDirectory.clearLeftovers(target);
    if (!AtomicDirectory.isOccupied(target) || (options.replace === true && isPolicy(target))) return;
    throw new PolicyError({
      path: directory,
      reason: isPolicy(target) ? "there is a policy here already." : "the directory holds other files.",
      remedy: isPolicy(target) ? "Choose another name, or replace it with --force." : "Choose another name.",
    });
  });

/**
 * Writes a policy directory: all files under a temporary name beside it, synced, then one rename.
 *
 * The directory must be absent or empty, unless `replace` is set and it holds a policy. One tensor is in memory at a
 * time; between two the effect can be interrupted, which leaves nothing behind.
 */
export const write = Effect.fn("Policy.write")(function* (
  directory: string,
  policy: NewPolicy,
  options: WriteOptions = {},
): Effect.fn.Return<void, PolicyError> {
  const target = path.resolve(directory);
  const tokenizer = yield* Tokenizer.make(policy.tokenizer, directory);
  yield* PolicyChecks.tokenizer(
    directory,
    policy.config,
    tokenizer,
    policy.endTokens ?? [policy.config.eos_token_id],
  );
  if (policy.weights !== null) {
    yield* PolicyChecks.shapes(directory, policy.config, new Map(policy.weights.map((t) => [t.name, t])));
  }
  yield* checkPlace(directory, options);
  yield* inSlices(directory, () =>
    AtomicDirectory.write(target, (temporary) => PolicyContents.writing(temporary, policy, options)),
  );
});

/** A policy that was read, to be written again: every file's content is the same but for the weights' type. */
export const rewritten = (policy: PolicyFiles): NewPolicy => {
  const { config, card, tokenizerFiles, endTokens, weights, heads } = policy;
  return {
    config,
    card,
    tokenizer: tokenizerFiles,
    endTokens,
    weights:
      weights === null
        ? null
        : ModelConfig.tensorShapes(config).map((t) => ({ ...t, data: () => weights.read(t.name) })),
    ...(heads === null
      ? {}
      : {
          heads: [...heads.tensors].map(([name, { shape }]) => ({
            name,
            shape,
            data: () => heads.read(name),
          })),
        }),
  };
};
