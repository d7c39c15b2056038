/**
 * Text to token ids and back, for BPE tokenizers in Hugging Face's format: byte-level ones, and SentencePiece's.
 *
 * Encoding is @huggingface/tokenizers'. Decoding is a table of bytes by id, which is exact: a
 * character may be spread over several tokens.
 */
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import * as Effect from "effect/Effect";
import * as fs from "node:fs";
import * as path from "node:path";
import { attempt, isRecord, readRecord } from "../files/Files.ts";
import type { TokenizerFiles } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as TokenBytes from "./TokenBytes.ts";

/**
 * Whether a text is the beginning (the default), or goes on after another. SentencePiece tokenizers put a space in
 * front of a beginning, and take it away again; for byte-level ones there is no difference.
 */
export type Place = "start" | "inside";

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
  readonly encode: (text: string, place?: Place) => ReadonlyArray<number>;
  /** Control tokens are left out; bytes that are not UTF-8 become U+FFFD. */
  readonly decode: (ids: Iterable<number>, place?: Place) => string;
  /** The bytes that a token stands for; empty for control tokens and unknown ids. */
  readonly bytes: (id: number) => Uint8Array;
  readonly tokenId: (token: string) => number | undefined;
  /** The token as tokenizer.json writes it; undefined for unknown ids. */
  readonly tokenText: (id: number) => string | undefined;
  /** The model's Jinja chat template, where it has one. */
  readonly chatTemplate: string | null;
  /** Text of the control tokens, by the names that chat templates use. */
  readonly specialText: Readonly<
    Record<"bos_token" | "eos_token" | "pad_token" | "unk_token", string | null>
  >;
}

const none = new Uint8Array();
const utf8 = new TextEncoder();

const typeOf = (part: unknown): string => JSON.stringify(isRecord(part) ? part["type"] : part) ?? "missing";

/** A token of tokenizer_config.json is a string or a record with its content. */
const content = (u: unknown): string | null =>
  typeof u === "string" ? u : isRecord(u) && typeof u["content"] === "string" ? u["content"] : null;

/** The largest id that a parsed tokenizer.json gives a token, and how many tokens it has. */
const ids = (
  tokenizer: Readonly<Record<string, unknown>>,
): { readonly last: number; readonly count: number } => {
  const model = tokenizer["model"];
  const vocab = isRecord(model) && isRecord(model["vocab"]) ? Object.values(model["vocab"]) : [];
  const added = Array.isArray(tokenizer["added_tokens"]) ? tokenizer["added_tokens"].filter(isRecord) : [];
  let last = -1;
  for (const id of [...vocab, ...added.map((token) => token["id"])]) last = Math.max(last, Number(id));
  return { last, count: vocab.length + added.length };
};

/** A template is a text, or a list of named ones, of which a plain conversation takes "default". */
const chatTemplate = (value: unknown, directory: string): string | null => {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  const named = Array.isArray(value) ? value.filter(isRecord) : [];
  const chosen = named.find(({ name }) => name === "default") ?? (named.length === 1 ? named[0] : undefined);
  const text = chosen?.["template"];
  if (typeof text === "string") return text;
  throw new PolicyError({
    path: path.join(directory, "tokenizer_config.json"),
    reason: `chat_template holds ${named.length === 0 ? "no text" : `the templates ${named.map(({ name }) => String(name)).join(", ")}`}, expected a text or a template named "default".`,
    remedy: "Put the one to use into chat_template.jinja in this directory.",
  });
};

const REMEDY = "Restore the tokenizer's files or import the policy again.";

/** The kind of tokenizer, after what can be checked before one is built of the file. */
const kindOf = (tokenizer: TokenizerFiles["tokenizer"], file: string): TokenBytes.Kind => {
  const kind = TokenBytes.kindOf(tokenizer);
  if (kind === null) {
    const { model, decoder } = tokenizer;
    throw new PolicyError({
      path: file,
      reason: `the decoder is ${typeOf(decoder)} and the model ${typeOf(model)}, expected byte-level BPE (decoder ByteLevel), or BPE with byte_fallback (decoder ByteFallback).`,
      remedy: "Choose a model with one of these: those of the Llama and Qwen2 families have them.",
    });
  }
  const { last, count } = ids(tokenizer);
  if (!(last < 4 * count + 1024)) {
    const reason = `the highest id is ${last}, but there are ${count} tokens.`;
    throw new PolicyError({ path: file, reason, remedy: REMEDY });
  }
  return kind;
};

/** The ids of the special tokens that tokenizer_config.json names. */
const specialIds = (hf: HfTokenizer, config: TokenizerFiles["config"], file: string) => {
  const idOf = (name: string): number | null => {
    const token = content(config[name]);
    if (token === null) return null;
    const id = hf.token_to_id(token);
    if (id !== undefined) return id;
    const reason = `tokenizer_config.json's ${name} is ${JSON.stringify(token)}, which is not a token.`;
    throw new PolicyError({ path: file, reason, remedy: REMEDY });
  };
  const eos = idOf("eos_token");
  if (eos === null) {
    const controls = [...hf.get_added_tokens_decoder().values()]
      .filter((token) => token.special)
      .map((token) => token.content);
    throw new PolicyError({
      path: file,
      reason: `there is no end-of-sequence token: tokenizer_config.json has no eos_token, expected one of the control tokens (${controls.length === 0 ? "there are none" : controls.slice(0, 8).join(", ")}).`,
      remedy: "Name it as eos_token in tokenizer_config.json.",
    });
  }
  return { eos, bos: idOf("bos_token"), pad: idOf("pad_token") ?? eos };
};

const build = (files: TokenizerFiles, directory: string, file: string): Tokenizer => {
  const kind = kindOf(files.tokenizer, file);
  const hf = new HfTokenizer({ ...files.tokenizer }, { ...files.config });
  const inside = kind.spaceInFront
    ? new HfTokenizer(TokenBytes.withoutSpaceInFront(files.tokenizer), { ...files.config })
    : hf;
  const { bos, eos, pad } = specialIds(hf, files.config, file);
  const added = hf.get_added_tokens_decoder();
  const size = ids(files.tokenizer).last + 1;
  const special = new Set(bos === null ? [eos] : [bos, eos]);
  for (const [id, token] of added) if (token.special) special.add(id);
  const bytes = Array.from({ length: size }, (_, id): Uint8Array => {
    const token = hf.id_to_token(id);
    if (token === undefined || special.has(id)) return none;
    return added.has(id) ? utf8.encode(token) : kind.bytes(token);
  });
  // Either a rule in tokenizer.json says so, or the flag that Llama's tokenizer class turns into one.
  const ruled = hf.encode("", { add_special_tokens: true }).ids[0] === bos;
  const begins = bos !== null && (ruled || files.config["add_bos_token"] === true);
  return {
    directory,
    size,
    bos,
    eos,
    pad,
    special,
    prefix: begins ? [bos] : [],
    encode: (text, place = "start") =>
      (place === "start" ? hf : inside).encode(text, { add_special_tokens: false }).ids,
    decode: (list, place = "start") => {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      let text = "";
      for (const id of list) text += decoder.decode(bytes[id] ?? none, { stream: true });
      text += decoder.decode();
      return kind.spaceInFront && place === "start" && text.startsWith(" ") ? text.slice(1) : text;
    },
    bytes: (id) => bytes[id] ?? none,
    tokenId: (token) => hf.token_to_id(token),
    tokenText: (id) => hf.id_to_token(id),
    chatTemplate: chatTemplate(files.config["chat_template"], directory),
    specialText: {
      bos_token: content(files.config["bos_token"]),
      eos_token: content(files.config["eos_token"]),
      pad_token: content(files.config["pad_token"]),
      unk_token: content(files.config["unk_token"]),
    },
  };
};

/** Builds a tokenizer from parsed files; `directory` is named in errors. */
export const make = (files: TokenizerFiles, directory: string): Effect.Effect<Tokenizer, PolicyError> => {
  const file = path.join(directory, "tokenizer.json");
  return Effect.try({
    try: () => build(files, directory, file),
    catch: (cause) => {
      if (cause instanceof PolicyError) return cause;
      // What the library throws at a file that is not what it says.
      const reason = `not a usable tokenizer (${cause instanceof Error ? cause.message : String(cause)}).`;
      return new PolicyError({ path: file, reason, remedy: REMEDY });
    },
  });
};

/** Reads tokenizer.json and tokenizer_config.json of a directory; a chat_template.jinja beside them goes before the latter's template. */
export const readFiles = (directory: string): Effect.Effect<TokenizerFiles, PolicyError> =>
  Effect.gen(function* () {
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      if (fs.existsSync(path.join(directory, name))) continue;
      return yield* new PolicyError({
        path: directory,
        reason: `there is no ${name} beside config.json.`,
        remedy:
          "Copy it from where the model came from. A model that has a tokenizer.model alone gets one by transformers: AutoTokenizer.from_pretrained(...).save_pretrained(...).",
      });
    }
    const template = path.join(directory, "chat_template.jinja");
    const own = fs.existsSync(template)
      ? { chat_template: yield* attempt(template, () => fs.readFileSync(template, "utf8")) }
      : {};
    return {
      tokenizer: yield* readRecord(path.join(directory, "tokenizer.json")),
      config: { ...(yield* readRecord(path.join(directory, "tokenizer_config.json"))), ...own },
    };
  });
