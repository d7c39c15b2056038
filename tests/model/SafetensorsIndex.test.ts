import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Safetensors from "../../src/model/files/Safetensors.ts";
import * as SafetensorsIndex from "../../src/model/files/SafetensorsIndex.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

/** Writes the tiny policy with its weights in two files and an index, as transformers' save_pretrained does. */
const writeSharded = (directory: string) =>
  Effect.gen(function* () {
    yield* Policy.write(directory, TinyPolicy.policy());
    Fs.rmSync(Path.join(directory, SafetensorsIndex.SINGLE));
    const weights = TinyPolicy.weights();
    const shards = [weights.slice(0, 8), weights.slice(8)];
    const map: Record<string, string> = {};
    for (const [i, tensors] of shards.entries()) {
      const name = `model-0000${i + 1}-of-00002.safetensors`;
      Safetensors.writeSync(Path.join(directory, name), tensors);
      for (const tensor of tensors) map[tensor.name] = name;
    }
    const index = { metadata: { total_size: 1 }, weight_map: map };
    Fs.writeFileSync(Path.join(directory, SafetensorsIndex.INDEX), JSON.stringify(index));
    return index;
  });

const withSharded = <E>(
  body: (directory: string, index: { readonly weight_map: Record<string, string> }) => Effect.Effect<void, E>,
) =>
  Effect.promise(() =>
    TinyPolicy.withDirectory((parent) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const directory = Path.join(parent, "tiny");
          yield* body(directory, yield* writeSharded(directory));
        }),
      ),
    ),
  );

const refusal = (damage: (directory: string, map: Record<string, string>) => void, expected: RegExp) =>
  withSharded((directory, index) =>
    Effect.gen(function* () {
      damage(directory, index.weight_map);
      Fs.writeFileSync(Path.join(directory, SafetensorsIndex.INDEX), JSON.stringify(index));
      assert.match((yield* Effect.flip(Policy.read(directory))).message, expected);
    }),
  );

describe("SafetensorsIndex", () => {
  it.effect("reads a model in several files as one", () =>
    withSharded((directory) =>
      Effect.gen(function* () {
        const policy = yield* Policy.read(directory);
        assert.equal(policy.weights?.tensors.size, ModelConfig.tensorShapes(TinyPolicy.config).length);
        for (const { name, shape, data } of TinyPolicy.weights()) {
          assert.deepEqual(policy.weights?.tensors.get(name)?.shape, shape);
          assert.deepEqual(policy.weights?.read(name), data());
          const bytes = policy.weights?.readStored(name) ?? new Uint8Array();
          assert.deepEqual(new Float32Array(bytes.buffer), data());
        }
        assert.throws(() => policy.weights?.read("nothing"), /no tensor "nothing"/);
      }),
    ),
  );

  it.effect("names the file that is missing", () =>
    refusal(
      (directory) => Fs.rmSync(Path.join(directory, "model-00002-of-00002.safetensors")),
      /index\.json: 1 of 2 files are missing: model-00002-of-00002\.safetensors\. Fetch/,
    ),
  );

  it.effect("refuses an index that is not the files' own", () =>
    Effect.gen(function* () {
      yield* refusal((_, map) => {
        map["model.norm.weight"] = "model-00001-of-00002.safetensors";
      }, /"model\.norm\.weight" is not in model-00001-of-00002/);
      yield* refusal((_, map) => {
        delete map["model.norm.weight"];
      }, /model-00002-of-00002\.safetensors holds tensor "model\.norm\.weight", which the index does not/);
      yield* refusal((_, map) => {
        map["model.norm.weight"] = "../secret.safetensors";
      }, /"model\.norm\.weight" is in "\.\.\/secret\.safetensors", expected the name/);
      yield* refusal((_, map) => {
        for (const name of Object.keys(map)) delete map[name];
      }, /weight_map is \{\}, expected file names by tensor/);
    }),
  );
});
