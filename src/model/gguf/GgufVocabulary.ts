/**
 * A tokenizer's metadata in GGUF: the inverse of GgufTokenizer.ts.
 *
 * llama.cpp holds the rules that cut a text before byte pairs are merged in its code, by name (tokenizer.ggml.pre). The
 * name is found by comparing tokenizer.json's rules with those that GgufTokenizer gives each name: a wrong one would
 * give other ids for some texts without a word.
 */
import * as Effect from "effect/Effect";
import { isRecord } from "../files/Files.ts";
import { preTokenizers } from "./GgufTokenizer.ts";
import type * as GgufWrite from "./GgufWrite.ts";
import type { PolicyFiles } from "../directory/Policy.ts";
import { PolicyError } from "../PolicyError.ts";
import * as TokenBytes from "../tokenizer/TokenBytes.ts";

export interface PreTokenizer {
  readonly name: string;
  /** How it was chosen. */
  readonly reason: string;
}

export interface Vocabulary {
  readonly metadata: Readonly<Record<string, GgufWrite.Meta>>;
  readonly preTokenizer: PreTokenizer;
}

/** tokenizer.ggml.token_type. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;

/** The rules of a pre-tokenizer in order, in one spelling for those that do the same. */
const rules = (pre: unknown): ReadonlyArray<string> => {
  const unknown = [JSON.stringify(pre)];
  if (!isRecord(pre)) return unknown;
  const { type, pretokenizers, pattern, behavior, invert } = pre;
  if (type === "Sequence" && Array.isArray(pretokenizers)) return pretokenizers.flatMap(rules);
  if (type === "Digits" && pre["individual_digits"] === true) return ["\\p{N}"];
  if (type === "ByteLevel" && pre["add_prefix_space"] !== true) {
    return pre["use_regex"] === false ? [] : ["GPT-2's"];
  }
  const isolates = behavior === "Isolated" ? invert !== true : behavior === "Removed" && invert === true;
  if (type === "Split" && isolates && isRecord(pattern) && typeof pattern["Regex"] === "string") {
    return [pattern["Regex"]];
  }
  return unknown;
};

const choose = (policy: PolicyFiles, named: string | undefined): Effect.Effect<PreTokenizer, PolicyError> => {
  const names = [...preTokenizers.keys()].join(", ");
  const refuse = (reason: string, remedy: string) =>
    Effect.fail(new PolicyError({ path: policy.directory, reason, remedy }));
  if (named !== undefined) {
    return preTokenizers.has(named)
      ? Effect.succeed({ name: named, reason: "as asked; tokenizer.json was not compared with it" })
      : refuse(`there is no pre-tokenizer ${JSON.stringify(named)}.`, `Choose one of ${names}.`);
  }
  const own = rules(policy.tokenizerFiles.tokenizer["pre_tokenizer"]).join("\n");
  for (const [name, pre] of preTokenizers) {
    if (rules(pre).join("\n") === own) {
      return Effect.succeed({ name, reason: "its rules are those of tokenizer.json's pre_tokenizer" });
    }
  }
  return refuse(
    "tokenizer.json cuts texts by rules that llama.cpp has no name for here.",
    `Choose the nearest of ${names} with --pre (llama.cpp will then give other ids for some texts), or export safetensors.`,
  );
};

const byteToken = /^<0x[0-9A-Fa-f]{2}>$/;

/** The token of each id, "[PAD7]" where there is none, its type, and the merges in order. */
const tokensOf = ({ config, tokenizer, tokenizerFiles: { tokenizer: parsed } }: PolicyFiles) => {
  const tokens = Array.from({ length: config.vocab_size }, (_, id) => `[PAD${id}]`);
  const types = tokens.map(() => UNUSED);
  const model = isRecord(parsed["model"]) ? parsed["model"] : {};
  const fallback = model["byte_fallback"] === true;
  for (const [token, id] of Object.entries(isRecord(model["vocab"]) ? model["vocab"] : {})) {
    tokens[Number(id)] = token;
    types[Number(id)] = fallback && byteToken.test(token) ? BYTE : NORMAL;
  }
  const added = Array.isArray(parsed["added_tokens"]) ? parsed["added_tokens"].filter(isRecord) : [];
  for (const { id, content, special } of added) {
    tokens[Number(id)] = String(content);
    types[Number(id)] = special === true ? CONTROL : USER_DEFINED;
    if (fallback && content === tokenizer.specialText.unk_token) types[Number(id)] = UNKNOWN;
  }
  const merges = Array.isArray(model["merges"]) ? model["merges"] : [];
  return {
    fallback,
    tokens,
    types,
    merges: merges.map((merge: unknown) => (Array.isArray(merge) ? merge.join(" ") : String(merge))),
  };
};

/**
 * SentencePiece's scores: llama.cpp joins the neighbours whose joint token has the highest one, tokenizer.json those
 * whose merge comes first; so a token's score is minus the place of the first merge that makes it.
 */
const scores = (tokens: ReadonlyArray<string>, merges: ReadonlyArray<string>): ReadonlyArray<number> => {
  const made = new Map<string, number>();
  for (const [place, merge] of merges.entries()) {
    const token = merge.replace(" ", "");
    if (!made.has(token)) made.set(token, -place);
  }
  return tokens.map((token) => made.get(token) ?? -merges.length);
};

/** The metadata of a policy's tokenizer. `pre` is llama.cpp's name of the pre-tokenizer, where it is to be forced. */
export const make = Effect.fn("GgufVocabulary.make")(function* (
  policy: PolicyFiles,
  pre?: string,
): Effect.fn.Return<Vocabulary, PolicyError> {
  const { config, tokenizer, tokenizerFiles } = policy;
  const { fallback, tokens, types, merges } = tokensOf(policy);
  const preTokenizer = fallback
    ? { name: "default", reason: "a SentencePiece vocabulary is not cut beforehand" }
    : yield* choose(policy, pre);
  const [eot, eom] = policy.endTokens.filter((id) => id !== tokenizer.eos);
  const ids = {
    bos: tokenizer.bos ?? config.bos_token_id,
    eos: tokenizer.eos,
    eot,
    eom,
    padding: tokenizer.tokenId(tokenizer.specialText.pad_token ?? "") ?? config.pad_token_id,
    unknown: tokenizer.tokenId(tokenizer.specialText.unk_token ?? ""),
  };
  const metadata: Record<string, GgufWrite.Meta> = {
    "tokenizer.ggml.model": fallback ? "llama" : "gpt2",
    "tokenizer.ggml.pre": preTokenizer.name,
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.token_type": { i32s: types },
    ...(fallback
      ? {
          "tokenizer.ggml.scores": { f32s: scores(tokens, merges) },
          "tokenizer.ggml.add_space_prefix":
            TokenBytes.kindOf(tokenizerFiles.tokenizer)?.spaceInFront === true,
        }
      : { "tokenizer.ggml.merges": merges }),
    "tokenizer.ggml.add_bos_token": tokenizer.prefix.length > 0,
    "tokenizer.ggml.add_eos_token": false,
  };
  for (const [name, id] of Object.entries(ids)) {
    if (typeof id === "number") metadata[`tokenizer.ggml.${name}_token_id`] = { u32: id };
  }
  if (tokenizer.chatTemplate !== null) metadata["tokenizer.chat_template"] = tokenizer.chatTemplate;
  // Where the name says less than the file does, the file goes with it: the format has a place for it.
  if (pre !== undefined) metadata["tokenizer.huggingface.json"] = JSON.stringify(tokenizerFiles.tokenizer);
  return { metadata, preTokenizer };
});
