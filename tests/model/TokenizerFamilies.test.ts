/** Tokenizers in the style of Llama 2, Llama 3 and Qwen2 beside Hugging Face's own libraries. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Fs from "node:fs";
import * as GgufTokenizer from "../../src/model/gguf/GgufTokenizer.ts";
import type { TokenizerFiles } from "../../src/model/directory/Policy.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";

interface Family {
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly answers: ReadonlyArray<{
    readonly text: string;
    readonly ids: ReadonlyArray<number>;
    /** With what the tokenizer puts in front. */
    readonly begun: ReadonlyArray<number>;
    readonly decoded: string;
  }>;
}

const golden = JSON.parse(
  Fs.readFileSync(new URL("golden/tiny-tokenizers.json", import.meta.url), "utf8"),
) as {
  readonly sentencepiece: Family & {
    readonly gguf: {
      readonly tokens: ReadonlyArray<string>;
      readonly scores: ReadonlyArray<number>;
      readonly types: ReadonlyArray<number>;
    };
  };
  readonly metaspace: Pick<Family, "answers"> & { readonly pre_tokenizer: object };
  readonly llama3: Family;
  readonly qwen2: Family;
};

const agree = (files: TokenizerFiles, { answers }: Pick<Family, "answers">) =>
  Effect.gen(function* () {
    const tokenizer = yield* Tokenizer.make(files, "tiny");
    for (const { text, ids, begun, decoded } of answers) {
      assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
      assert.deepEqual([...tokenizer.prefix, ...tokenizer.encode(text)], begun, JSON.stringify(text));
      assert.equal(tokenizer.decode(ids), decoded, JSON.stringify(text));
    }
    return tokenizer;
  });

type Model = {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: ReadonlyArray<readonly [string, string]>;
  };
};

/** The metadata that llama.cpp's converter writes for a byte-level tokenizer. */
const byteLevelMetadata = (family: Family, pre: string): Readonly<Record<string, unknown>> => {
  const { model } = family.tokenizer as unknown as Model;
  const tokens: Array<string> = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  const [bos, eos] = [family.config["bos_token"], family.config["eos_token"]] as ReadonlyArray<
    string | undefined
  >;
  return {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": pre,
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.merges": model.merges.map((pair) => pair.join(" ")),
    "tokenizer.ggml.token_type": tokens.map((token) => (token === bos || token === eos ? 3 : 1)),
    "tokenizer.ggml.eos_token_id": tokens.indexOf(eos ?? ""),
    ...(bos === undefined
      ? { "tokenizer.ggml.add_bos_token": false }
      : { "tokenizer.ggml.bos_token_id": tokens.indexOf(bos), "tokenizer.ggml.add_bos_token": true }),
  };
};

describe("Tokenizer families", () => {
  for (const name of ["sentencepiece", "llama3", "qwen2"] as const) {
    it.effect(`${name}: ids and texts are those of Hugging Face's library`, () =>
      agree(golden[name], golden[name]),
    );
  }

  it.effect("metaspace: the space in front of the first piece only", () =>
    Effect.gen(function* () {
      const { pre_tokenizer, answers } = golden.metaspace;
      const { tokenizer, config } = golden.sentencepiece;
      const files = { tokenizer: { ...tokenizer, normalizer: null, pre_tokenizer }, config };
      const made = yield* agree(files, { answers });
      assert.equal(made.decode(made.encode("  x", "inside"), "inside"), "  x");
    }),
  );

  it.effect("the same from GGUF metadata: Llama 3 and Qwen2", () =>
    Effect.gen(function* () {
      for (const [name, pre] of [
        ["llama3", "llama-bpe"],
        ["qwen2", "qwen2"],
      ] as const) {
        const files = yield* GgufTokenizer.convert(byteLevelMetadata(golden[name], pre), "x.gguf");
        yield* agree(files, golden[name]);
      }
    }),
  );

  it.effect("the same from GGUF metadata: SentencePiece, merges rebuilt from scores", () =>
    Effect.gen(function* () {
      const { tokens, scores, types } = golden.sentencepiece.gguf;
      const metadata = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
      };
      const files = yield* GgufTokenizer.convert(metadata, "x.gguf");
      const { model } = golden.sentencepiece.tokenizer as unknown as Model;
      assert.deepEqual((files.tokenizer as unknown as Model).model.merges, model.merges);
      yield* agree(files, golden.sentencepiece);
      const short = { ...metadata, "tokenizer.ggml.scores": [1, 2] };
      const error = yield* Effect.flip(GgufTokenizer.convert(short, "x.gguf"));
      assert.match(error.message, /scores has 2 numbers, expected 420/);
    }),
  );

  it.effect("SentencePiece gives every text back, at the start and inside another", () =>
    Effect.gen(function* () {
      const tokenizer = yield* Tokenizer.make(golden.sentencepiece, "tiny");
      assert.deepEqual(tokenizer.prefix, [1]);
      fc.assert(
        fc.property(fc.string({ unit: "grapheme" }), fc.constantFrom("start", "inside"), (text, place) => {
          // U+2581 is a space to such a tokenizer, and control tokens have no text.
          fc.pre(!/[\u2581<]/.test(text));
          assert.equal(tokenizer.decode(tokenizer.encode(text, place), place), text);
        }),
        { numRuns: 200 },
      );
      // A program goes on after its prompt: its indentation is its own.
      const [prompt, program] = ["def f():", "    return 1"];
      const ids = [...tokenizer.encode(prompt), ...tokenizer.encode(program, "inside")];
      assert.equal(tokenizer.decode(ids), prompt + program);
      assert.equal(tokenizer.decode(tokenizer.encode(program, "inside"), "inside"), program);
    }),
  );

  it.effect("shows bytes of a broken character as U+FFFD, and the rest as it is", () =>
    Effect.gen(function* () {
      const tokenizer = yield* Tokenizer.make(golden.sentencepiece, "tiny");
      const ids = tokenizer.encode("a\u{1F680}", "inside");
      assert.equal(tokenizer.decode(ids, "inside"), "a\u{1F680}");
      assert.equal(
        tokenizer.decode([...ids.slice(0, -1), ...tokenizer.encode("b", "inside")], "inside"),
        "a\uFFFDb",
      );
    }),
  );

  it.effect("refuses tokens without an end, and ids that leave room for nothing", () =>
    Effect.gen(function* () {
      const { tokenizer, config } = golden.sentencepiece;
      const { eos_token: _, ...without } = config;
      assert.match(
        (yield* Effect.flip(Tokenizer.make({ tokenizer, config: without }, "tiny"))).message,
        /no end-of-sequence token: .* expected one of the control tokens \(<unk>, <s>, <\/s>\)\. Name it as eos_token/,
      );
      const far = { id: 2 ** 40, content: "<far>", special: true };
      const added = [...(tokenizer["added_tokens"] as ReadonlyArray<object>), far];
      assert.match(
        (yield* Effect.flip(
          Tokenizer.make({ tokenizer: { ...tokenizer, added_tokens: added }, config }, "tiny"),
        )).message,
        /the highest id is 1099511627776, but there are 424 tokens/,
      );
    }),
  );

  it("takes changed files or refuses them, and never fails otherwise", async () => {
    const families = [golden.sentencepiece, golden.llama3];
    const junk = fc.oneof(
      fc.constantFrom(null, [], {}, "", "<s>", -1, 1e9, true, [null], { type: "BPE" }),
      fc.json().map((text) => JSON.parse(text) as unknown),
    );
    /** Puts junk in a place that a walk along `path` reaches. */
    const damage = (value: unknown, path: ReadonlyArray<number>, put: unknown): unknown => {
      const [step, ...rest] = path;
      if (step === undefined || typeof value !== "object" || value === null) return put;
      const keys = Object.keys(value);
      if (keys.length === 0) return put;
      const key = keys[step % keys.length];
      const changed = damage((value as Record<string, unknown>)[key], rest, put);
      return Array.isArray(value)
        ? value.map((one: unknown, i) => (String(i) === key ? changed : one))
        : { ...value, [key]: changed };
    };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...families),
        fc.constantFrom("tokenizer", "config"),
        fc.array(fc.nat(1000), { minLength: 1, maxLength: 5 }),
        junk,
        async (family, part, path, put) => {
          const { tokenizer, config } = family;
          const changed = damage({ tokenizer, config }[part], path, put);
          const files = { tokenizer, config, [part]: changed } as unknown as TokenizerFiles;
          await Effect.runPromise(
            Tokenizer.make(files, "tiny").pipe(Effect.catchTag("PolicyError", () => Effect.void)),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
