import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const make = Tokenizer.make(TinyPolicy.tokenizer, "tiny");

describe("Tokenizer", () => {
  it.effect("gives every text back, whatever is in it", () =>
    Effect.map(make, (tokenizer) => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.string({ unit: "binary" }),
            fc.string({ unit: "grapheme" }),
            fc.string({ unit: "grapheme-ascii" }),
          ),
          (text) => {
            // Text that spells a control token becomes that token, which has no text.
            fc.pre(!text.includes("<|"));
            const ids = tokenizer.encode(text);
            assert.equal(tokenizer.decode(ids), text);
            assert.isTrue(ids.every((id) => id >= 0 && id < tokenizer.size));
          },
        ),
        { numRuns: 300 },
      );
    }),
  );

  it.effect("knows its special tokens and leaves them out of the text", () =>
    Effect.map(make, (tokenizer) => {
      const ids = tokenizer.encode("a<|endoftext|>b");
      assert.equal(ids[1], tokenizer.eos);
      assert.equal(tokenizer.decode(ids), "ab");
      assert.equal(tokenizer.pad, tokenizer.eos);
      assert.isNull(tokenizer.bos);
      assert.isTrue(tokenizer.special.has(tokenizer.eos));
      assert.equal(tokenizer.bytes(tokenizer.eos).length, 0);
      assert.equal(tokenizer.bytes(1_000_000).length, 0);
      assert.equal(tokenizer.tokenId("<|endoftext|>"), tokenizer.eos);
      assert.equal(tokenizer.specialText.eos_token, "<|endoftext|>");
      assert.isNull(tokenizer.chatTemplate);
    }),
  );

  it.effect("shows a broken character as U+FFFD and one spread over tokens as itself", () =>
    Effect.map(make, (tokenizer) => {
      // The trainer saw this character once, so that it is several tokens.
      const ids = tokenizer.encode("\u{1F680}");
      assert.isAbove(ids.length, 1);
      assert.equal(tokenizer.decode(ids), "\u{1F680}");
      assert.equal(tokenizer.decode(ids.slice(0, -1)), "\uFFFD");
      assert.equal(tokenizer.decode([...ids.slice(0, -1), ...tokenizer.encode("x")]), "\uFFFDx");
    }),
  );

  it.effect("refuses tokenizers of other kinds", () =>
    Effect.gen(function* () {
      const { tokenizer, config } = TinyPolicy.tokenizer;
      const message = (files: typeof TinyPolicy.tokenizer) =>
        Effect.map(Effect.flip(Tokenizer.make(files, "tiny")), (error) => error.message);
      assert.match(
        yield* message({ tokenizer: { ...tokenizer, decoder: { type: "Metaspace" } }, config }),
        /tiny\/tokenizer\.json: the decoder is "Metaspace" and the model "BPE", expected byte-level/,
      );
      assert.match(
        yield* message({ tokenizer: { ...tokenizer, model: { type: "Nothing" } }, config }),
        /not a usable tokenizer/,
      );
      assert.match(
        yield* message({ tokenizer, config: { ...config, pad_token: "<pad>" } }),
        /pad_token is "<pad>", which is not a token/,
      );
    }),
  );
});
