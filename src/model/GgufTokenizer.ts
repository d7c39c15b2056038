/** A Hugging Face tokenizer.json and tokenizer_config.json from the tokenizer in a GGUF's metadata. */
import * as Effect from "effect/Effect";
import type { TokenizerFiles } from "./Policy.ts";
import { PolicyError } from "./PolicyError.ts";

/** tokenizer.ggml.token_type: a control token, and one that the model's users added. */
const CONTROL = 3;
const USER_DEFINED = 4;

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/**
 * Pre-tokenizers by llama.cpp's names (llama-vocab.cpp). Those of the "smollm" family cut every digit
 * apart, then split as GPT-2 does; "gpt-2" has no digit rule.
 */
const digitsThenGpt2 = {
  type: "Sequence",
  // What Hugging Face's `Digits` does; @huggingface/tokenizers' version of that knows ASCII digits only.
  pretokenizers: [
    { type: "Split", pattern: { Regex: "\\p{N}" }, behavior: "Isolated", invert: false },
    byteLevel,
  ],
};
const preTokenizers: ReadonlyMap<string, object> = new Map<string, object>([
  ["smollm", digitsThenGpt2],
  ["starcoder", digitsThenGpt2],
  ["refact", digitsThenGpt2],
  ["codeshell", digitsThenGpt2],
  ["gpt-2", byteLevel],
]);

const isStrings = (u: unknown): u is ReadonlyArray<string> =>
  Array.isArray(u) && u.every((x) => typeof x === "string");

/** The special tokens' ids; null where the metadata has none. */
export interface SpecialIds {
  readonly bos: number | null;
  readonly eos: number;
  readonly pad: number | null;
}

export const convert = (
  metadata: Readonly<Record<string, unknown>>,
  path: string,
): Effect.Effect<TokenizerFiles & { readonly special: SpecialIds; readonly size: number }, PolicyError> =>
  Effect.gen(function* () {
    const refuse = (reason: string) =>
      new PolicyError({
        path,
        reason,
        remedy: "Use a GGUF of a Llama model with a GPT-2 style tokenizer, such as SmolLM2.",
      });
    const model = metadata["tokenizer.ggml.model"];
    if (model !== "gpt2") {
      return yield* refuse(
        `the tokenizer is of model ${JSON.stringify(model)}; "gpt2" (byte-level BPE) is supported.`,
      );
    }
    const preName = metadata["tokenizer.ggml.pre"];
    const pre = typeof preName === "string" ? preTokenizers.get(preName) : undefined;
    if (pre === undefined) {
      return yield* refuse(
        `the pre-tokenizer is ${JSON.stringify(preName)}; ${[...preTokenizers.keys()].join(", ")} are supported.`,
      );
    }
    const tokens = metadata["tokenizer.ggml.tokens"];
    const merges = metadata["tokenizer.ggml.merges"];
    const types = metadata["tokenizer.ggml.token_type"];
    if (!isStrings(tokens) || !isStrings(merges)) {
      return yield* refuse("tokenizer.ggml.tokens or tokenizer.ggml.merges is missing.");
    }
    const typeOf = (id: number): unknown => (Array.isArray(types) ? types[id] : undefined);
    const id = (name: string): number | null => {
      const value = metadata[`tokenizer.ggml.${name}_token_id`];
      return typeof value === "number" && value < tokens.length ? value : null;
    };
    const eos = id("eos");
    if (eos === null) return yield* refuse("tokenizer.ggml.eos_token_id is missing or not a token.");
    const special: SpecialIds = { bos: id("bos"), eos, pad: id("padding") };
    const content = (i: number | null): string | null => (i === null ? null : (tokens[i] ?? null));

    const vocab = new Map<string, number>();
    for (const [i, token] of tokens.entries()) {
      const earlier = vocab.get(token);
      if (earlier !== undefined) {
        return yield* refuse(`the token ${JSON.stringify(token)} occurs twice (${earlier} and ${i}).`);
      }
      vocab.set(token, i);
    }
    const addedTokens = tokens.flatMap((token, i) => {
      const type = typeOf(i);
      if (type !== CONTROL && type !== USER_DEFINED) return [];
      return [
        {
          id: i,
          content: token,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
          special: type === CONTROL,
        },
      ];
    });
    const template = metadata["tokenizer.chat_template"];
    const contextLength = metadata["llama.context_length"];
    return {
      size: tokens.length,
      special,
      tokenizer: {
        version: "1.0",
        truncation: null,
        padding: null,
        added_tokens: addedTokens,
        normalizer: null,
        pre_tokenizer: pre,
        post_processor: null,
        decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
        model: {
          type: "BPE",
          dropout: null,
          unk_token: null,
          continuing_subword_prefix: null,
          end_of_word_suffix: null,
          fuse_unk: false,
          byte_fallback: false,
          ignore_merges: false,
          vocab: Object.fromEntries(vocab),
          // Tokens hold no space (it is written as another character), so a merge splits at its only one.
          merges: merges.map((merge) => merge.split(" ")),
        },
      },
      config: {
        // The class that takes tokenizer.json as it is: others put their own pre-tokenizer in.
        tokenizer_class: "PreTrainedTokenizerFast",
        add_prefix_space: false,
        clean_up_tokenization_spaces: false,
        bos_token: content(special.bos),
        eos_token: content(special.eos),
        pad_token: content(special.pad),
        unk_token: content(id("unknown")),
        ...(typeof contextLength === "number" ? { model_max_length: contextLength } : {}),
        ...(typeof template === "string" ? { chat_template: template } : {}),
      },
    };
  });
