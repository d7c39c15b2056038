/**
 * The bytes that each token stands for, so that decoding is exact at any border between tokens.
 *
 * Two kinds of tokenizer.json have such a table: byte-level BPE, whose tokens are written in GPT-2's alphabet of
 * bytes, and SentencePiece's BPE with byte fallback, whose tokens are text with U+2581 for a space, or `<0x0A>`.
 */
import { isRecord } from "../files/Files.ts";
import { byteAlphabet, SPACE } from "./TokenizerJson.ts";

export interface Kind {
  /** A token's bytes. */
  readonly bytes: (token: string) => Uint8Array;
  /** Encoding puts a space in front of a text, which decoding takes away. */
  readonly spaceInFront: boolean;
}

const steps = (decoder: unknown): ReadonlyArray<Readonly<Record<string, unknown>>> => {
  if (!isRecord(decoder)) return [];
  return Array.isArray(decoder["decoders"]) ? decoder["decoders"].flatMap(steps) : [decoder];
};

const utf8 = new TextEncoder();

const byteLevel = (): Kind => {
  const alphabet = new Map(byteAlphabet().map((character, byte) => [character, byte]));
  return {
    spaceInFront: false,
    bytes: (token) =>
      Uint8Array.from(
        Array.from(token).flatMap((character) => {
          const byte = alphabet.get(character);
          // Not a byte's stand-in: taken as it is, which is what Hugging Face's decoder does.
          return byte === undefined ? [...utf8.encode(character)] : [byte];
        }),
      ),
  };
};

const sentencePiece = (spaceInFront: boolean): Kind => ({
  spaceInFront,
  bytes: (token) => {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    return byte === undefined
      ? utf8.encode(token.replaceAll(SPACE, " "))
      : Uint8Array.of(Number.parseInt(byte, 16));
  },
});

/** The kind of a parsed tokenizer.json; null where it is neither. */
export const kindOf = (tokenizer: Readonly<Record<string, unknown>>): Kind | null => {
  const all = steps(tokenizer["decoder"]);
  const step = (type: string) => all.find((one) => one["type"] === type);
  if (step("ByteLevel") !== undefined) return byteLevel();
  const model = tokenizer["model"];
  if (!isRecord(model) || model["type"] !== "BPE" || model["byte_fallback"] !== true) return null;
  const metaspace = step("Metaspace");
  if (metaspace !== undefined) return sentencePiece(metaspace["prepend_scheme"] !== "never");
  const spaces = all.some(
    ({ type, pattern, content }) =>
      type === "Replace" && isRecord(pattern) && pattern["String"] === SPACE && content === " ",
  );
  if (!spaces || step("ByteFallback") === undefined) return null;
  return sentencePiece(step("Strip") !== undefined);
};

const steppedWithout = (normalizer: unknown): unknown => {
  if (!isRecord(normalizer)) return normalizer;
  if (normalizer["type"] === "Prepend") return null;
  const list = normalizer["normalizers"];
  if (!Array.isArray(list)) return normalizer;
  return { ...normalizer, normalizers: list.map(steppedWithout).filter((one) => one !== null) };
};

const never = (pieces: unknown): unknown => {
  if (!isRecord(pieces)) return pieces;
  if (pieces["type"] === "Metaspace") return { ...pieces, prepend_scheme: "never", add_prefix_space: false };
  const list = pieces["pretokenizers"];
  return Array.isArray(list) ? { ...pieces, pretokenizers: list.map(never) } : pieces;
};

/** The same tokenizer for text that goes on: without the space in front. */
export const withoutSpaceInFront = (tokenizer: Readonly<Record<string, unknown>>) => ({
  ...tokenizer,
  normalizer: steppedWithout(tokenizer["normalizer"]),
  pre_tokenizer: never(tokenizer["pre_tokenizer"]),
});
