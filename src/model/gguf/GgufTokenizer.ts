/** A Hugging Face tokenizer.json and tokenizer_config.json from the tokenizer in a GGUF's metadata. */
import * as Effect from "effect/Effect";
import { isRecord } from "../files/Files.ts";
import * as GgufMerges from "./GgufMerges.ts";
import type { TokenizerFiles } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as TokenizerJson from "../tokenizer/TokenizerJson.ts";

/** tokenizer.ggml.token_type: unknown, a control token, and one that the model's users added. */
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;

const afterSplit = (regex: string): object => ({
  type: "Sequence",
  pretokenizers: [TokenizerJson.splitPieces(regex), TokenizerJson.byteLevelPieces(false)],
});

/** Llama 3's rule, and Qwen2's, which differ in how many digits stay together. */
const words = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/**
 * Pre-tokenizers by llama.cpp's names (llama-vocab.cpp). Those of the "smollm" family cut every digit
 * apart, then split as GPT-2 does; "gpt-2" has no digit rule.
 */
const digitsThenGpt2 = {
  type: "Sequence",
  // What Hugging Face's `Digits` does; @huggingface/tokenizers' version of that knows ASCII digits only.
  pretokenizers: [TokenizerJson.splitPieces(String.raw`\p{N}`), TokenizerJson.byteLevelPieces(true)],
};
export const preTokenizers: ReadonlyMap<string, object> = new Map<string, object>([
  ["smollm", digitsThenGpt2],
  ["starcoder", digitsThenGpt2],
  ["refact", digitsThenGpt2],
  ["codeshell", digitsThenGpt2],
  ["gpt-2", TokenizerJson.byteLevelPieces(true)],
  ["llama-bpe", afterSplit(words(String.raw`\p{N}{1,3}`))],
  ["qwen2", afterSplit(words(String.raw`\p{N}`))],
]);

const isStrings = (u: unknown): u is ReadonlyArray<string> =>
  Array.isArray(u) && u.every((x) => typeof x === "string");

/** The special tokens' ids; null where the metadata has none. */
export interface SpecialIds {
  readonly bos: number | null;
  readonly eos: number;
  readonly pad: number | null;
  /** The end of a turn, of a message: tokens that end a text beside eos. */
  readonly ends: ReadonlyArray<number>;
}

/** Where a file has its whole tokenizer.json; llama.cpp does without. */
const HUGGING_FACE = "tokenizer.huggingface.json";

type Metadata = Readonly<Record<string, unknown>>;

interface Converted extends TokenizerFiles {
  readonly special: SpecialIds;
}

export const convert = (metadata: Metadata, path: string): Effect.Effect<Converted, PolicyError> =>
  Effect.gen(function* () {
    const refuse = (reason: string) =>
      new PolicyError({ path, reason, remedy: "Use a GGUF of a Llama or Qwen2 model, such as SmolLM2." });
    const tokens = metadata["tokenizer.ggml.tokens"];
    if (!isStrings(tokens)) return yield* refuse("tokenizer.ggml.tokens is missing.");
    const vocab = new Map<string, number>();
    for (const [i, token] of tokens.entries()) {
      const earlier = vocab.get(token);
      if (earlier !== undefined) {
        return yield* refuse(`the token ${JSON.stringify(token)} occurs twice (${earlier} and ${i}).`);
      }
      vocab.set(token, i);
    }
    const id = (name: string): number | null => {
      const value = metadata[`tokenizer.ggml.${name}_token_id`];
      return typeof value === "number" && value < tokens.length ? value : null;
    };
    const eos = id("eos");
    if (eos === null) {
      return yield* refuse(
        `tokenizer.ggml.eos_token_id is ${JSON.stringify(metadata["tokenizer.ggml.eos_token_id"]) ?? "missing"}, expected one of ${tokens.length} tokens.`,
      );
    }
    const ends = [eos, id("eot"), id("eom")].filter((end) => end !== null);
    const special: SpecialIds = { bos: id("bos"), eos, pad: id("padding"), ends: [...new Set(ends)] };
    const content = (i: number | null): string | null => (i === null ? null : (tokens[i] ?? null));

    const types = metadata["tokenizer.ggml.token_type"];
    const addedTokens = tokens.flatMap((token, i) => {
      const type: unknown = Array.isArray(types) ? types[i] : undefined;
      const isSpecial = type === CONTROL || type === UNKNOWN;
      return isSpecial || type === USER_DEFINED ? [TokenizerJson.addedToken(i, token, isSpecial)] : [];
    });
    const begins = metadata["tokenizer.ggml.add_bos_token"] ?? metadata["tokenizer.ggml.model"] === "llama";
    const begin =
      begins === true && special.bos !== null
        ? TokenizerJson.addedToken(special.bos, tokens[special.bos], true)
        : undefined;
    const parts = { vocab: Object.fromEntries(vocab), addedTokens, begin };
    const unknown = content(id("unknown"));
    const build = HUGGING_FACE in metadata ? fromFile : fromParts;
    const tokenizer = yield* build(metadata, { ...parts, tokens, unknown, refuse });
    const template = metadata["tokenizer.chat_template"];
    const contextLength = metadata[`${String(metadata["general.architecture"])}.context_length`];
    return {
      special,
      tokenizer: { ...tokenizer },
      config: {
        // The class that takes tokenizer.json as it is: others put their own pre-tokenizer in.
        tokenizer_class: "PreTrainedTokenizerFast",
        add_prefix_space: false,
        clean_up_tokenization_spaces: false,
        bos_token: content(special.bos),
        eos_token: content(special.eos),
        pad_token: content(special.pad),
        unk_token: unknown,
        // A rule of tokenizer.json too, but not of every one.
        ...(HUGGING_FACE in metadata && begin !== undefined ? { add_bos_token: true } : {}),
        ...(typeof contextLength === "number" ? { model_max_length: contextLength } : {}),
        ...(typeof template === "string" ? { chat_template: template } : {}),
      },
    };
  });

interface Vocabulary {
  readonly vocab: Readonly<Record<string, number>>;
  readonly addedTokens: ReadonlyArray<TokenizerJson.AddedToken>;
  readonly begin: TokenizerJson.AddedToken | undefined;
  readonly tokens: ReadonlyArray<string>;
  readonly unknown: string | null;
  readonly refuse: (reason: string) => PolicyError;
}

/** A tokenizer.json says all that the other keys would have to be turned into; its tokens are to be theirs. */
const fromFile = (metadata: Metadata, { refuse, tokens }: Vocabulary): Effect.Effect<object, PolicyError> =>
  Effect.try({
    try: () => {
      const text = metadata[HUGGING_FACE];
      // The parser of the header lets no text of more than 10 million bytes through.
      if (typeof text !== "string") throw new Error("expected a text");
      const tokenizer: unknown = JSON.parse(text);
      const model = isRecord(tokenizer) ? tokenizer["model"] : undefined;
      if (!isRecord(tokenizer) || !isRecord(model) || !isRecord(model["vocab"])) {
        throw new Error("there is no model.vocab in it");
      }
      for (const [token, id] of Object.entries(model["vocab"])) {
        const other = tokens[Number(id)];
        if (other !== token) {
          throw new Error(
            `token ${String(id)} is ${JSON.stringify(token)}, but ${JSON.stringify(other)} in tokenizer.ggml.tokens`,
          );
        }
      }
      return tokenizer;
    },
    catch: (cause) => refuse(`${HUGGING_FACE}: ${cause instanceof Error ? cause.message : String(cause)}.`),
  });

/** A tokenizer.json of what llama.cpp needs. */
const fromParts = (metadata: Metadata, vocabulary: Vocabulary): Effect.Effect<object, PolicyError> => {
  switch (metadata["tokenizer.ggml.model"]) {
    case "gpt2":
      return byteLevel(metadata, vocabulary);
    case "llama":
      return sentencePiece(metadata, vocabulary);
    default:
      return Effect.fail(
        vocabulary.refuse(
          `the tokenizer is of model ${JSON.stringify(metadata["tokenizer.ggml.model"])}; "gpt2" (byte-level BPE) and "llama" (SentencePiece) are supported.`,
        ),
      );
  }
};

const byteLevel = (
  metadata: Metadata,
  { refuse, ...parts }: Vocabulary,
): Effect.Effect<TokenizerJson.TokenizerJson, PolicyError> =>
  Effect.gen(function* () {
    const name = metadata["tokenizer.ggml.pre"];
    const pieces = typeof name === "string" ? preTokenizers.get(name) : undefined;
    if (pieces === undefined) {
      return yield* refuse(
        `the pre-tokenizer is ${JSON.stringify(name)}; ${[...preTokenizers.keys()].join(", ")} are supported.`,
      );
    }
    const merges = metadata["tokenizer.ggml.merges"];
    if (!isStrings(merges)) return yield* refuse("tokenizer.ggml.merges is missing.");
    return TokenizerJson.byteLevel({
      ...parts,
      pieces,
      ...(name === "qwen2" ? { normalizer: { type: "NFC" } } : {}),
      ignoreMerges: name === "llama-bpe",
      // Tokens hold no space (it is written as another character), so a merge splits at its only one.
      merges: merges.map((merge) => {
        const at = merge.indexOf(" ", 1);
        return [merge.slice(0, at), merge.slice(at + 1)];
      }),
    });
  });

const sentencePiece = (
  metadata: Metadata,
  { refuse, tokens, ...parts }: Vocabulary,
): Effect.Effect<TokenizerJson.TokenizerJson, PolicyError> => {
  const scores = metadata["tokenizer.ggml.scores"];
  if (!Array.isArray(scores) || scores.length !== tokens.length) {
    const found = Array.isArray(scores) ? `has ${scores.length} numbers` : "is missing";
    return Effect.fail(refuse(`tokenizer.ggml.scores ${found}, expected ${tokens.length} numbers.`));
  }
  return Effect.succeed(
    TokenizerJson.sentencePiece({
      ...parts,
      merges: GgufMerges.fromScores(tokens, scores.map(Number)),
      spaceInFront: metadata["tokenizer.ggml.add_space_prefix"] !== false,
    }),
  );
};
