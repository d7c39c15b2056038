/**
 * Hugging Face's tokenizer.json, as far as it is written here: byte-level BPE (GPT-2, Llama 3, Qwen2), and BPE over
 * characters with single bytes as the fallback (SentencePiece's, of Llama 2 and TinyLlama).
 */

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface TokenizerJson {
  readonly version: "1.0";
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: ReadonlyArray<AddedToken>;
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly post_processor: object | null;
  readonly decoder: object;
  readonly model: {
    readonly type: "BPE";
    readonly dropout: null;
    readonly unk_token: string | null;
    readonly continuing_subword_prefix: null;
    readonly end_of_word_suffix: null;
    readonly fuse_unk: boolean;
    readonly byte_fallback: boolean;
    /** A piece that is a token is that token, whatever the merges make of it. */
    readonly ignore_merges: boolean;
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: ReadonlyArray<readonly [string, string]>;
  };
}

interface Parts {
  readonly vocab: TokenizerJson["model"]["vocab"];
  readonly merges: TokenizerJson["model"]["merges"];
  readonly addedTokens: ReadonlyArray<AddedToken>;
  /** Put in front of every text; none by default. */
  readonly begin?: AddedToken | undefined;
}

/** What SentencePiece writes for a space. */
export const SPACE = "\u2581";

/** GPT-2's printable stand-in for each byte. */
export const byteAlphabet = (): ReadonlyArray<string> => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++));
};

/** A token that is found in text before anything else is done with it; special ones are control tokens. */
export const addedToken = (id: number, content: string, special: boolean): AddedToken => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special,
});

/** GPT-2's pre-tokenizer (`split`), or only its bytes, for behind another one. */
export const byteLevelPieces = (split: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: split,
});

/** Cuts text into the matches of a regular expression and what is between them. */
export const splitPieces = (regex: string) => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: "Isolated",
  invert: false,
});

const postProcessor = ({ content, id }: AddedToken) => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: content, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [
    { SpecialToken: { id: content, type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
    { SpecialToken: { id: content, type_id: 1 } },
    { Sequence: { id: "B", type_id: 1 } },
  ],
  special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
});

const assemble = (
  { vocab, merges, addedTokens, begin }: Parts,
  own: Pick<TokenizerJson, "normalizer" | "pre_tokenizer" | "decoder"> & {
    readonly model: Partial<TokenizerJson["model"]>;
  },
): TokenizerJson => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: addedTokens,
  normalizer: own.normalizer,
  pre_tokenizer: own.pre_tokenizer,
  post_processor: begin === undefined ? null : postProcessor(begin),
  decoder: own.decoder,
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    ...own.model,
    vocab,
    merges,
  },
});

/** Byte-level BPE: tokens are written in `byteAlphabet`'s characters. */
export const byteLevel = (
  parts: Parts & {
    readonly pieces: object;
    readonly normalizer?: object | undefined;
    readonly ignoreMerges?: boolean | undefined;
  },
): TokenizerJson =>
  assemble(parts, {
    normalizer: parts.normalizer ?? null,
    pre_tokenizer: parts.pieces,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { ignore_merges: parts.ignoreMerges ?? false },
  });

/** SentencePiece's BPE with byte fallback (tokens `<0x00>` to `<0xFF>`), as transformers converts Llama 2's. */
export const sentencePiece = (
  parts: Parts & { readonly unknown: string | null; readonly spaceInFront: boolean },
): TokenizerJson => {
  const spaces = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const front = parts.spaceInFront;
  return assemble(parts, {
    normalizer: {
      type: "Sequence",
      normalizers: [...(front ? [{ type: "Prepend", prepend: SPACE }] : []), spaces],
    },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(front ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: { unk_token: parts.unknown, fuse_unk: true, byte_fallback: true },
  });
};
