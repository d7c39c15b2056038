/** Weights in one file or in several with an index. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Shards from "../../src/model/files/Shards.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const sized = (...sizes: ReadonlyArray<number>): ReadonlyArray<Policy.TensorToWrite> =>
  sizes.map((size, i) => ({ name: `t${i}`, shape: [size], data: () => new Float32Array(size) }));
const cut = (...args: Parameters<typeof Shards.split>) =>
  Shards.split(...args).map((shard) => shard.map(({ name }) => name));

describe("Shards", () => {
  it("cuts before the tensor that would not fit; one that is too large has a file of its own", () => {
    assert.deepEqual(cut(sized(10, 10, 10), "F32", 80), [["t0", "t1"], ["t2"]]);
    assert.deepEqual(cut(sized(10, 10, 10), "F16", 80), [["t0", "t1", "t2"]]);
    assert.deepEqual(cut(sized(50, 1, 1, 50, 1), "F32", 80), [["t0"], ["t1", "t2"], ["t3"], ["t4"]]);
    assert.deepEqual(cut(sized(), "F32", 80), [[]]);
  });

  it.effect("what is cut is read back whole, and the index says where everything is", () =>
    Effect.promise(() =>
      TinyPolicy.withDirectory((parent) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const directory = Path.join(parent, "tiny");
            yield* Policy.write(directory, TinyPolicy.policy(), { maxShardBytes: 30_000 });
            const index = JSON.parse(
              Fs.readFileSync(Path.join(directory, "model.safetensors.index.json"), "utf8"),
            ) as {
              readonly metadata: { readonly total_size: number };
              readonly weight_map: Readonly<Record<string, string>>;
            };
            assert.equal(index.metadata.total_size, 4 * ModelConfig.parameterCount(TinyPolicy.config));
            const files = [...new Set(Object.values(index.weight_map))].sort();
            const found = Fs.readdirSync(directory).filter((name) => name.endsWith(".safetensors"));
            assert.deepEqual(files, found.sort());
            assert.isAbove(files.length, 2);
            const { weights } = yield* Policy.read(directory);
            for (const { name, data } of TinyPolicy.weights()) assert.deepEqual(weights?.read(name), data());
          }),
        ),
      ),
    ),
  );
});
