import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import type * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Room from "../../src/model/files/Room.ts";
import * as MemoryLimit from "../../src/tensor/MemoryLimit.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

/** The shape of Llama 3.1 405B: 1.6 TB as float32. */
const huge: ModelConfig.ModelConfig = {
  ...TinyPolicy.config,
  vocab_size: 128_256,
  hidden_size: 16_384,
  intermediate_size: 53_248,
  num_hidden_layers: 126,
  num_attention_heads: 128,
  num_key_value_heads: 8,
  head_dim: 128,
  tie_word_embeddings: false,
};

describe("Room", () => {
  it.effect("refuses a model whose weights alone are more than the process may take", () =>
    Effect.gen(function* () {
      yield* Room.checkMemory("tiny", TinyPolicy.config);
      const error = yield* Effect.flip(Room.checkMemory("huge", huge, "F32", 8e9));
      assert.match(
        error.message,
        /^huge: the model is too large for this machine: its 405,853,388,800 weights take 1623\.41 GB as F32, and the process may take 8\.00 GB\. .*bfloat16, which takes half/,
      );
      // Between half and all of it.
      const needed = Room.weights(TinyPolicy.config, "F32");
      yield* Room.checkMemory("tiny", TinyPolicy.config, "BF16", needed - 1);
      yield* Effect.flip(Room.checkMemory("tiny", TinyPolicy.config, "F32", needed - 1));
    }),
  );

  it.effect("refuses to write what the disk has no room for, also where the directory is not there yet", () =>
    Effect.gen(function* () {
      yield* Room.checkWriting("/tmp/not/there", TinyPolicy.config, "F32");
      const error = yield* Effect.flip(Room.checkWriting("/tmp/not/there", huge, "BF16"));
      assert.match(error.message, /811\.71 GB are to be written, but the disk has .* free.*--out/);
    }),
  );

  it("knows how much memory there is", () => {
    assert.isAbove(MemoryLimit.limit(), 1e8);
    assert.isTrue(Number.isFinite(MemoryLimit.limit()));
  });
});
