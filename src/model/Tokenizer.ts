/**
 * Text to token ids and back, for byte-level BPE tokenizers in Hugging Face's format.
 *
 * Encoding is @huggingface/tokenizers'. Decoding is a table of bytes by id, which is exact: a
 * character may be spread over several tokens.
 */
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as path from "node:path";
import { byteAlphabet } from "./BpeTrainer.ts";
import { attempt, isRecord, readRecord } from "./Files.ts";
import type { TokenizerFiles } from "./Policy.ts";
import { PolicyError } from "./PolicyError.ts";

export interface Tokenizer {
  /** Where its files are. */
  readonly directory: string;
  /** Number of ids: the highest id plus one. */
  readonly size: number;
  readonly bos: number | null;
  readonly eos: number;
  /** The padding token, or end-of-sequence where there is none. */
  readonly pad: number;
  /** Ids that `decode` leaves out: control tokens. */
  readonly special: ReadonlySet<number>;
  /** What the tokenizer's own rule puts in front of a text: the beginning-of-sequence token, or nothing. */
  readonly prefix: ReadonlyArray<number>;
  /** No token is added in front or behind. Control tokens written out in the text become their ids. */
  readonly encode: (text: string) => ReadonlyArray<number>;
  /** Control tokens are left out; bytes that are not UTF-8 become U+FFFD. */
  readonly decode: (ids: Iterable<number>) => string;
  /** The bytes that a token stands for; empty for control tokens and unknown ids. */
  readonly bytes: (id: number) => Uint8Array;
  readonly tokenId: (token: string) => number | undefined;
  /** The model's Jinja chat template, where it has one. */
  readonly chatTemplate: string | null;
  /** Text of the control tokens, by the names that chat templates use. */
  readonly specialText: Readonly<
    Record<"bos_token" | "eos_token" | "pad_token" | "unk_token", string | null>
  >;
}

/** A token of tokenizer_config.json is a string or a record with its content. */
const content = (u: unknown): string | null =>
  typeof u === "string" ? u : isRecord(u) && typeof u["content"] === "string" ? u["content"] : null;

const isByteLevel = (decoder: unknown): boolean =>
  isRecord(decoder) &&
  (decoder["type"] === "ByteLevel" ||
    (Array.isArray(decoder["decoders"]) && decoder["decoders"].some(isByteLevel)));

/** A template is a text, or a list of named ones, of which a plain conversation takes "default". */
const chatTemplate = (value: unknown, directory: string): Effect.Effect<string | null, PolicyError> => {
  if (value === undefined || value === null) return Effect.succeed(null);
  if (typeof value === "string") return Effect.succeed(value);
  const named = Array.isArray(value) ? value.filter(isRecord) : [];
  const chosen = named.find(({ name }) => name === "default") ?? (named.length === 1 ? named[0] : undefined);
  const text = chosen?.["template"];
  return typeof text === "string"
    ? Effect.succeed(text)
    : Effect.fail(
        new PolicyError({
          path: path.join(directory, "tokenizer_config.json"),
          reason: `chat_template holds ${named.length === 0 ? "no text" : `the templates ${named.map(({ name }) => String(name)).join(", ")}`}, expected a text or a template named "default".`,
          remedy: "Put the one to use into chat_template.jinja in this directory.",
        }),
      );
};

/** Builds a tokenizer from parsed files; `directory` is named in errors. */
export const make = (files: TokenizerFiles, directory: string): Effect.Effect<Tokenizer, PolicyError> =>
  Effect.gen(function* () {
    const file = path.join(directory, "tokenizer.json");
    const refuse = (reason: string, remedy = "Restore the tokenizer's files or import the policy again.") =>
      new PolicyError({ path: file, reason, remedy });
    if (!isByteLevel(files.tokenizer["decoder"])) {
      return yield* refuse("the decoder is not ByteLevel.", "Only byte-level BPE tokenizers are supported.");
    }
    const hf = yield* Effect.try({
      try: () => new HfTokenizer({ ...files.tokenizer }, { ...files.config }),
      catch: (cause) =>
        refuse(`not a usable tokenizer (${cause instanceof Error ? cause.message : String(cause)}).`),
    });
    const added = hf.get_added_tokens_decoder();
    const alphabet = new Map(byteAlphabet().map((character, byte) => [character, byte]));
    const vocabulary = hf.get_vocab(true);
    let size = 0;
    for (const id of vocabulary.values()) size = Math.max(size, id + 1);
    if (size > 4 * vocabulary.size + 1024) {
      return yield* refuse(`the highest id is ${size - 1}, but there are ${vocabulary.size} tokens.`);
    }
    const bytes: Array<Uint8Array> = Array.from({ length: size }, () => new Uint8Array());
    const special = new Set<number>();
    const utf8 = new TextEncoder();
    for (const [token, id] of vocabulary) {
      const addedToken = added.get(id);
      if (addedToken?.special === true) special.add(id);
      else if (addedToken !== undefined) bytes[id] = utf8.encode(token);
      else {
        const list: Array<number> = [];
        for (const character of token) {
          const byte = alphabet.get(character);
          // Not a byte's stand-in: taken as it is, which is what Hugging Face's decoder does.
          if (byte === undefined) list.push(...utf8.encode(character));
          else list.push(byte);
        }
        bytes[id] = Uint8Array.from(list);
      }
    }
    const idOf = (name: string) =>
      Effect.suspend(() => {
        const token = content(files.config[name]);
        if (token === null) return Effect.succeed(null);
        const id = hf.token_to_id(token);
        return id === undefined
          ? Effect.fail(
              refuse(`tokenizer_config.json's ${name} is ${JSON.stringify(token)}, which is not a token.`),
            )
          : Effect.succeed(id);
      });
    const eos = yield* idOf("eos_token");
    if (eos === null) {
      return yield* refuse("there is no end-of-sequence token: tokenizer_config.json has no eos_token.");
    }
    const bos = yield* idOf("bos_token");
    const pad = (yield* idOf("pad_token")) ?? eos;
    special.add(eos);
    if (bos !== null) special.add(bos);
    for (const id of special) bytes[id] = new Uint8Array();
    const none = new Uint8Array();
    // Either a rule in tokenizer.json says so, or the flag that Llama's tokenizer class turns into one.
    const ruled = hf.encode("", { add_special_tokens: true }).ids[0] === bos;
    const begins = bos !== null && (ruled || files.config["add_bos_token"] === true);
    const tokenizer: Tokenizer = {
      directory,
      size,
      bos,
      eos,
      pad,
      special,
      prefix: begins ? [bos] : [],
      encode: (text) => hf.encode(text, { add_special_tokens: false }).ids,
      decode: (ids) => {
        const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        let text = "";
        for (const id of ids) text += decoder.decode(bytes[id] ?? none, { stream: true });
        return text + decoder.decode();
      },
      bytes: (id) => bytes[id] ?? none,
      tokenId: (token) => hf.token_to_id(token),
      chatTemplate: yield* chatTemplate(files.config["chat_template"], directory),
      specialText: {
        bos_token: content(files.config["bos_token"]),
        eos_token: content(files.config["eos_token"]),
        pad_token: content(files.config["pad_token"]),
        unk_token: content(files.config["unk_token"]),
      },
    };
    return tokenizer;
  });

/** Reads tokenizer.json and tokenizer_config.json of a directory; a chat_template.jinja beside them goes before the latter's template. */
export const readFiles = (directory: string): Effect.Effect<TokenizerFiles, PolicyError> =>
  Effect.gen(function* () {
    const template = path.join(directory, "chat_template.jinja");
    const own = fs.existsSync(template)
      ? { chat_template: yield* attempt(template, () => fs.readFileSync(template, "utf8")) }
      : {};
    return {
      tokenizer: yield* readRecord(path.join(directory, "tokenizer.json")),
      config: { ...(yield* readRecord(path.join(directory, "tokenizer_config.json"))), ...own },
    };
  });
