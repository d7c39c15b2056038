/** Makes a policy directory of a model from elsewhere: a GGUF file, a Hugging Face directory, a model on the hub. */
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as path from "node:path";
import { attempt } from "../files/Files.ts";
import * as GgufImport from "../gguf/GgufImport.ts";
import * as Hub from "./Hub.ts";
import * as HubDownload from "./HubDownload.ts";
import * as ModelConfig from "../ModelConfig.ts";
import * as Policy from "./Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as Room from "../files/Room.ts";
import * as SafetensorsIndex from "../files/SafetensorsIndex.ts";

export interface Options extends GgufImport.Options {
  readonly licence?: string;
}

export interface HubOptions {
  /** One file of the model, a GGUF; without it the model's safetensors. */
  readonly file?: string;
  /** Called as bytes of a file arrive. */
  readonly onDownload?: HubDownload.OnProgress;
}

/** How many tensors are stored as each type. */
export const typesOf = (
  weights: Policy.TensorSource,
): Readonly<Partial<Record<Policy.StoredType, number>>> => {
  const types: Partial<Record<Policy.StoredType, number>> = {};
  for (const { dtype } of weights.tensors.values()) types[dtype] = (types[dtype] ?? 0) + 1;
  return types;
};

/** The type that all tensors are stored as; F32, which holds every other, where there are several. */
export const storedType = (weights: Policy.TensorSource): Policy.StoredType => {
  const [only, ...others] = Object.keys(typesOf(weights)) as Array<Policy.StoredType>;
  return only === undefined || others.length > 0 ? "F32" : only;
};

/**
 * Imports a directory in Hugging Face's layout: checked, the weights in one order and by default in the type they
 * have, with a card, the directory's own where it has one.
 */
export const fromDirectory = Effect.fn("PolicyImport.fromDirectory")(function* (
  source: string,
  directory: string,
  options: Options = {},
): Effect.fn.Return<GgufImport.Summary, PolicyError> {
  if (path.resolve(source) === path.resolve(directory)) {
    return yield* new PolicyError({
      path: source,
      reason: "the model is in the directory that is to be written.",
      remedy: "A model's directory is a policy as it is; to have a copy, choose another place with --out.",
    });
  }
  const policy = yield* Policy.read(source);
  const { config, weights } = policy;
  if (weights === null) return yield* new PolicyError({ path: source, reason: "there are no weights." });
  const name = options.name ?? path.basename(path.resolve(directory));
  const own = GgufImport.card(name);
  const card: Policy.PolicyCard = fs.existsSync(path.join(source, "policy.json"))
    ? policy.card
    : {
        ...own,
        generation: {
          ...own.generation,
          ...policy.card.generation,
          maxNewTokens: own.generation.maxNewTokens,
        },
        ...(options.licence === undefined ? {} : { licence: options.licence }),
        provenance:
          options.provenance ?? `Imported from the directory ${path.basename(path.resolve(source))}.`,
      };
  const dtype = options.dtype ?? storedType(weights);
  yield* Room.checkWriting(directory, config, dtype);
  yield* Policy.write(directory, { ...Policy.rewritten(policy), card }, { ...options, dtype });
  return {
    directory,
    name: card.name,
    parameters: ModelConfig.parameterCount(config),
    tensors: ModelConfig.tensorShapes(config).length,
    types: typesOf(weights),
    vocabulary: config.vocab_size,
    chatTemplate: policy.tokenizer.chatTemplate !== null,
  };
});

/** Where the files of one commit are kept until they are imported: beside the directory to write. */
const downloads = (directory: string, commit: string): string => {
  const target = path.resolve(directory);
  return path.join(path.dirname(target), `${prefixOf(target)}${commit}`);
};
const prefixOf = (target: string): string => `.${path.basename(target)}.download-`;

/** Removes the downloads for `directory`, all but those of one commit. */
const clear = (directory: string, except?: string): Effect.Effect<void, PolicyError> =>
  attempt(directory, () => {
    const target = path.resolve(directory);
    const parent = path.dirname(target);
    if (!fs.existsSync(parent)) return;
    for (const name of fs.readdirSync(parent)) {
      if (!name.startsWith(prefixOf(target)) || name === `${prefixOf(target)}${except}`) continue;
      fs.rmSync(path.join(parent, name), { recursive: true, force: true });
    }
  });

/**
 * Fetches a model from the hub and imports it; only what a policy needs, or the one GGUF file that `file` names. What
 * was fetched is kept beside `directory` until the import has succeeded, so that a second attempt goes on from there.
 */
export const fromHub = Effect.fn("PolicyImport.fromHub")(function* (
  access: Hub.Access,
  name: Hub.Name,
  directory: string,
  options: Options & HubOptions = {},
): Effect.fn.Return<GgufImport.Summary, PolicyError> {
  // Asked first: a download of an hour that cannot be written is an hour lost.
  yield* Policy.checkPlace(directory, options);
  const model = yield* Hub.look(access, name);
  yield* clear(directory, model.commit);
  const place = downloads(directory, model.commit);
  const get = (entry: Parameters<typeof HubDownload.download>[2]) =>
    HubDownload.download(access, model, entry, place, options.onDownload);
  const { host } = new URL(access.endpoint);
  const described = {
    ...options,
    ...(model.licence === null ? {} : { licence: model.licence }),
    provenance: `Fetched from ${host}: ${name.repo}${options.file === undefined ? "" : `, ${options.file}`}, commit ${model.commit}.`,
  };
  if (options.file !== undefined) {
    const file = yield* get(yield* Hub.oneFile(model, options.file));
    const summary = yield* GgufImport.run(file, directory, described);
    yield* clear(directory);
    return summary;
  }
  const { small, weights } = yield* Hub.policyFiles(model);
  for (const entry of small) yield* get(entry);
  const first = yield* get(weights);
  if (weights.path === SafetensorsIndex.INDEX) {
    const shards = yield* SafetensorsIndex.readShards(first);
    for (const shard of shards.keys()) yield* get(yield* Hub.oneFile(model, shard));
  }
  const summary = yield* fromDirectory(place, directory, described);
  yield* clear(directory);
  return summary;
});
