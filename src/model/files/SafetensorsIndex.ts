/**
 * A model's weights in a directory: model.safetensors, or several files that model.safetensors.index.json lists.
 *
 * The index says which file holds which tensor. It is checked against the files' own headers, so that a shard
 * that is missing, or left over from another model, is named before anything is read.
 */
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as path from "node:path";
import { isRecord, readRecord } from "./Files.ts";
import type { TensorSource } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as Safetensors from "./Safetensors.ts";

export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

const REMEDY = "Fetch or copy all files of the model again, the index with them.";

/** The index's tensors by file. File names are plain: nothing outside the directory is opened. */
export const readShards = (
  file: string,
): Effect.Effect<ReadonlyMap<string, ReadonlyArray<string>>, PolicyError> =>
  Effect.gen(function* () {
    const { weight_map: map } = yield* readRecord(file);
    const refuse = (reason: string) => new PolicyError({ path: file, reason, remedy: REMEDY });
    if (!isRecord(map) || Object.keys(map).length === 0) {
      return yield* refuse(
        `weight_map is ${JSON.stringify(map) ?? "missing"}, expected file names by tensor.`,
      );
    }
    const shards = new Map<string, Array<string>>();
    for (const [tensor, shard] of Object.entries(map)) {
      if (typeof shard !== "string" || !/^[^/\\]+\.safetensors$/.test(shard)) {
        return yield* refuse(
          `tensor "${tensor}" is in ${JSON.stringify(shard)}, expected the name of a .safetensors file beside the index.`,
        );
      }
      const list = shards.get(shard);
      if (list === undefined) shards.set(shard, [tensor]);
      else list.push(tensor);
    }
    return shards;
  });

const openShards = (index: string): Effect.Effect<TensorSource, PolicyError> =>
  Effect.gen(function* () {
    const shards = yield* readShards(index);
    const refuse = (reason: string) => new PolicyError({ path: index, reason, remedy: REMEDY });
    const missing = [...shards.keys()].filter(
      (shard) => !fs.existsSync(path.join(path.dirname(index), shard)),
    );
    if (missing.length > 0) {
      return yield* refuse(`${missing.length} of ${shards.size} files are missing: ${missing.join(", ")}.`);
    }
    const sources = new Map<string, TensorSource>();
    for (const [shard, names] of shards) {
      const source = yield* Safetensors.open(path.join(path.dirname(index), shard));
      const listed = new Set(names);
      const absent = names.find((name) => !source.tensors.has(name));
      if (absent !== undefined) return yield* refuse(`tensor "${absent}" is not in ${shard}.`);
      const unlisted = [...source.tensors.keys()].find((name) => !listed.has(name));
      if (unlisted !== undefined) {
        return yield* refuse(`${shard} holds tensor "${unlisted}", which the index does not place there.`);
      }
      for (const name of names) sources.set(name, source);
    }
    const sourceOf = (name: string): TensorSource => {
      const source = sources.get(name);
      if (source === undefined)
        throw new PolicyError({ path: index, reason: `there is no tensor "${name}".` });
      return source;
    };
    return {
      path: index,
      tensors: new Map([...new Set(sources.values())].flatMap(({ tensors }) => [...tensors])),
      read: (name, into) => sourceOf(name).read(name, into),
      readStored: (name, into) => sourceOf(name).readStored(name, into),
      locate: (name) => sourceOf(name).locate(name),
    };
  });

/** The weights in a directory, headers checked; null where there are none. One file goes before an index, as in transformers. */
export const open = (directory: string): Effect.Effect<TensorSource | null, PolicyError> =>
  Effect.gen(function* () {
    const single = path.join(directory, SINGLE);
    const index = path.join(directory, INDEX);
    if (fs.existsSync(single)) return yield* Safetensors.open(single);
    return fs.existsSync(index) ? yield* openShards(index) : null;
  });
