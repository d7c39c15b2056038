/** Policies as GGUF: read back by our own reader, and the metadata that llama.cpp needs. */
import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as Fs from "node:fs";
import * as Path from "node:path";
import * as Gguf from "../../src/model/gguf/Gguf.ts";
import * as GgufExport from "../../src/model/gguf/GgufExport.ts";
import * as GgufImport from "../../src/model/gguf/GgufImport.ts";
import * as GgufVocabulary from "../../src/model/gguf/GgufVocabulary.ts";
import * as GgufTokenizer from "../../src/model/gguf/GgufTokenizer.ts";
import * as HalfFloat from "../../src/model/files/HalfFloat.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
import * as TinyFamilies from "./TinyFamilies.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const withPolicy = (
  policy: Policy.NewPolicy,
  body: (read: Policy.PolicyFiles, directory: string) => Effect.Effect<void, unknown>,
) =>
  Effect.promise(() =>
    TinyPolicy.withDirectory((parent) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const directory = Path.join(parent, "tiny");
          yield* Policy.write(directory, policy);
          yield* body(yield* Policy.read(directory), parent);
        }),
      ),
    ),
  );

/** What is left of values that were stored as `dtype`. */
const rounded = (data: Float32Array, dtype: Policy.StoredType): Float32Array => {
  const table = HalfFloat.halfTable();
  if (dtype === "F16") return data.map((x) => table[HalfFloat.floatToHalf(x)] ?? Number.NaN);
  if (dtype === "F32") return data;
  const bits = Uint32Array.from(data, (x) => HalfFloat.floatToBfloat(x) << 16);
  return new Float32Array(bits.buffer);
};

describe("GgufExport", () => {
  const cases = TinyFamilies.names.flatMap((name) =>
    (["F32", "F16", "BF16"] as const).map((dtype) => ({ name, dtype })),
  );
  it.effect.each(cases)("$name in $dtype holds the weights, bit for bit after rounding", ({ name, dtype }) =>
    withPolicy(TinyFamilies.policy(name), (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        const seen: Array<number> = [];
        const summary = yield* GgufExport.run(policy, file, { dtype, onProgress: (done) => seen.push(done) });
        const gguf = yield* Gguf.open(file);
        assert.equal(gguf.size, summary.bytes);
        assert.equal(gguf.tensors.size, summary.tensors);
        assert.deepEqual(
          seen,
          Array.from({ length: summary.tensors }, (_, i) => i + 1),
        );
        const { config: c, weights } = policy;
        for (const { name: own, shape } of ModelConfig.tensorShapes(c)) {
          const tensor = gguf.tensors.get(GgufImport.ggufName(own));
          assert.deepEqual(tensor?.shape, shape, own);
          assert.equal(tensor?.type, shape.length === 1 ? "F32" : dtype, own);
          const stored = gguf.read(GgufImport.ggufName(own));
          const heads = /\.q_proj\./.test(own) ? c.num_attention_heads : c.num_key_value_heads;
          const found =
            c.model_type === "llama" && /\.[qk]_proj\./.test(own)
              ? GgufImport.unpermute(stored, heads, c.head_dim)
              : stored;
          const values = weights?.read(own) ?? new Float32Array();
          assert.deepEqual(found, shape.length === 1 ? values : rounded(values, dtype), own);
        }
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["tiny", "tiny.gguf"]);
      }),
    ),
  );

  it.effect.each(TinyFamilies.names)("%s: the tokenizer comes back with the same ids", (name) =>
    withPolicy(TinyFamilies.policy(name), (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        const { preTokenizer } = yield* GgufExport.run(policy, file);
        const expected = { sentencepiece: "default", llama3: "llama-bpe", qwen2: "qwen2" }[name];
        assert.equal(preTokenizer.name, expected);
        const { metadata } = yield* Gguf.open(file);
        const files = yield* GgufTokenizer.convert(metadata, file);
        const tokenizer = yield* Tokenizer.make(files, file);
        assert.deepEqual(tokenizer.prefix, policy.tokenizer.prefix);
        assert.equal(tokenizer.eos, policy.tokenizer.eos);
        assert.equal(tokenizer.chatTemplate, "{{ messages[0].content }}");
        for (const { text, ids } of TinyFamilies.tokenizers[name].answers) {
          assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
        }
      }),
    ),
  );

  it.effect.each(TinyFamilies.names)("%s: a policy comes back from its GGUF", (name) => {
    const family = TinyFamilies.policy(name);
    const { rope_scaling: scaling } = family.config;
    // GGUF keeps Llama 3's scaling as factors alone: the import knows the numbers that Meta's models have.
    const config: ModelConfig.ModelConfig =
      scaling?.rope_type === "llama3"
        ? {
            ...family.config,
            rope_theta: 500000,
            rope_scaling: { ...scaling, original_max_position_embeddings: 8192 },
          }
        : family.config;
    return withPolicy({ ...family, config }, (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        yield* GgufExport.run(policy, file, { dtype: "F32" });
        const directory = Path.join(parent, "again");
        yield* GgufImport.run(file, directory);
        const again = yield* Policy.read(directory);
        assert.deepEqual(again.config, policy.config);
        for (const { name: tensor } of ModelConfig.tensorShapes(config)) {
          assert.deepEqual(again.weights?.read(tensor), policy.weights?.read(tensor), tensor);
        }
      }),
    );
  });

  it.effect("a tokenizer that llama.cpp has no name for comes back whole: js-compose", () =>
    Effect.gen(function* () {
      const policy = yield* Policy.read(Path.resolve(import.meta.dirname, "../../policies/js-compose"));
      yield* Effect.promise(() =>
        TinyPolicy.withDirectory((parent) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const file = Path.join(parent, "js.gguf");
              const again = Path.join(parent, "again");
              yield* GgufExport.run(policy, file, { pre: "gpt-2" });
              yield* GgufImport.run(file, again);
              const read = yield* Policy.read(again);
              const { tokenizer } = policy;
              assert.deepEqual(read.tokenizerFiles.tokenizer, policy.tokenizerFiles.tokenizer);
              assert.deepEqual([...read.endTokens], [...policy.endTokens]);
              assert.deepEqual([...read.tokenizer.prefix], [...tokenizer.prefix]);
              const text =
                "Given numbers xs, double each, drop multiples of 3.\nfunction f(xs) { return xs.map((x) => x * 17) }";
              const ids = tokenizer.encode(text);
              assert.deepEqual([...read.tokenizer.encode(text)], [...ids]);
              assert.equal(read.tokenizer.decode(ids), tokenizer.decode(ids));
              for (const { name, shape } of ModelConfig.tensorShapes(policy.config)) {
                const values = policy.weights?.read(name) ?? new Float32Array();
                const expected = shape.length === 1 ? values : rounded(values, "F16");
                assert.deepEqual(read.weights?.read(name), expected, name);
              }
            }),
          ),
        ),
      );
    }),
  );

  it.effect("a tokenizer.json in a GGUF that is not what the rest says is refused", () =>
    withPolicy(TinyFamilies.policy("qwen2"), (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        yield* GgufExport.run(policy, file, { pre: "qwen2" });
        const { metadata } = yield* Gguf.open(file);
        for (const [json, says] of [
          ["{", /tiny\.gguf: tokenizer\.huggingface\.json: .*JSON/],
          ["[]", /no model\.vocab/],
          [7, /expected a text/],
          ['{"model": {"vocab": {"other": 2}}}', /token 2 is "other", but ".*" in tokenizer\.ggml\.tokens/],
          ['{"model": {"vocab": {"other": "__proto__"}}}', /token __proto__ is "other", but undefined/],
        ] as const) {
          const changed = { ...metadata, "tokenizer.huggingface.json": json };
          const error = yield* Effect.flip(GgufTokenizer.convert(changed, file));
          assert.match(error.message, says);
        }
      }),
    ),
  );

  it.effect("further end tokens come back: the end of a turn, of a message", () =>
    withPolicy({ ...TinyFamilies.policy("llama3"), endTokens: [1, 5, 7] }, (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        yield* GgufExport.run(policy, file);
        const { metadata } = yield* Gguf.open(file);
        const ids = ["eos", "eot", "eom"].map((name) => metadata[`tokenizer.ggml.${name}_token_id`]);
        assert.deepEqual(ids, [1, 5, 7]);
        const { special } = yield* GgufTokenizer.convert(metadata, file);
        assert.deepEqual(special.ends, policy.endTokens);
      }),
    ),
  );

  it.effect("metadata: what llama.cpp asks for", () =>
    withPolicy(TinyFamilies.policy("sentencepiece"), (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        yield* GgufExport.run(policy, file);
        const { metadata: m } = yield* Gguf.open(file);
        const expected: Readonly<Record<string, unknown>> = {
          "general.architecture": "llama",
          "general.name": "sentencepiece",
          "general.license": "mit",
          "general.file_type": 1,
          "llama.vocab_size": 420,
          "llama.context_length": 64,
          "llama.embedding_length": 32,
          "llama.block_count": 2,
          "llama.feed_forward_length": 48,
          "llama.rope.dimension_count": 8,
          "llama.rope.freq_base": 10000,
          "llama.rope.scaling.type": "linear",
          "llama.rope.scaling.factor": 4,
          "llama.attention.head_count": 4,
          "llama.attention.head_count_kv": 2,
          "llama.attention.layer_norm_rms_epsilon": Math.fround(1e-5),
          "tokenizer.ggml.model": "llama",
          "tokenizer.ggml.bos_token_id": 1,
          "tokenizer.ggml.eos_token_id": 2,
          "tokenizer.ggml.unknown_token_id": 0,
          "tokenizer.ggml.add_bos_token": true,
        };
        for (const [key, value] of Object.entries(expected)) assert.equal(m[key], value, key);
        const types = m["tokenizer.ggml.token_type"] as ReadonlyArray<number>;
        // Unknown, two control tokens, then the 256 bytes.
        assert.deepEqual(types.slice(0, 4), [2, 3, 3, 6]);
        assert.equal(types.filter((type) => type === 6).length, 256);
      }),
    ),
  );

  it.effect(
    "Llama 3's scaling is written as llama.cpp's converter computes it, and rows without a token are named",
    () =>
      withPolicy(TinyFamilies.policy("llama3"), (policy, parent) =>
        Effect.gen(function* () {
          const file = Path.join(parent, "tiny.gguf");
          yield* GgufExport.run(policy, file);
          const gguf = yield* Gguf.open(file);
          // convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors, in float64.
          const factors = Array.from({ length: 8 }, (_, i) => {
            const wave = 2 * Math.PI * 10000 ** ((2 * i) / 16);
            if (wave < 32 / 4) return 1;
            if (wave > 32) return 8;
            const smooth = (32 / wave - 1) / 3;
            return 1 / ((1 - smooth) / 8 + smooth);
          });
          const found = gguf.read("rope_freqs.weight");
          factors.forEach((factor, i) => assert.closeTo(found[i] ?? 0, factor, 1e-5, String(i)));
          assert.isTrue(factors.some((factor) => factor !== 1 && factor !== 8));
          assert.isUndefined(gguf.metadata["llama.rope.scaling.type"]);
          const tokens = gguf.metadata["tokenizer.ggml.tokens"] as ReadonlyArray<string>;
          assert.equal(tokens.length, 448);
          assert.equal(tokens[447], "[PAD447]");
          assert.equal((gguf.metadata["tokenizer.ggml.token_type"] as ReadonlyArray<number>)[447], 5);
        }),
      ),
  );

  it.effect("a pre-tokenizer that llama.cpp has no name for is refused, unless the nearest is named", () =>
    withPolicy(TinyPolicy.policy(), (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        const error = yield* Effect.flip(GgufExport.run(policy, file));
        assert.match(error.message, /no name for here.*smollm.*--pre/);
        const unknown = yield* Effect.flip(GgufExport.run(policy, file, { pre: "tekken" }));
        assert.match(unknown.message, /no pre-tokenizer "tekken"\. Choose one of smollm/);
        assert.isFalse(Fs.existsSync(file));
        yield* GgufExport.run(policy, file, { pre: "gpt-2" });
        const { metadata } = yield* Gguf.open(file);
        assert.equal(metadata["tokenizer.ggml.pre"], "gpt-2");
        assert.deepEqual(
          JSON.parse(String(metadata["tokenizer.huggingface.json"])),
          JSON.parse(JSON.stringify(TinyPolicy.tokenizer.tokenizer)),
        );
      }),
    ),
  );

  it.effect("other spellings of the same rules have the same name", () =>
    withPolicy(TinyFamilies.policy("llama3"), (policy) =>
      Effect.gen(function* () {
        const named = (rules: ReadonlyArray<object>) =>
          GgufVocabulary.make({
            ...policy,
            tokenizerFiles: {
              ...policy.tokenizerFiles,
              tokenizer: {
                ...policy.tokenizerFiles.tokenizer,
                pre_tokenizer: { type: "Sequence", pretokenizers: rules },
              },
            },
          }).pipe(Effect.map(({ preTokenizer }) => preTokenizer.name));
        const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
        // As SmolLM2's and GPT-2's own files have them.
        assert.equal(yield* named([{ type: "Digits", individual_digits: true }, bytes]), "smollm");
        assert.equal(yield* named([{ ...bytes, use_regex: true }]), "gpt-2");
        const own = policy.tokenizerFiles.tokenizer["pre_tokenizer"] as { pretokenizers: Array<object> };
        const [split = {}, last = {}] = own.pretokenizers;
        assert.equal(yield* named([{ ...split, behavior: "Removed", invert: true }, last]), "llama-bpe");
        yield* Effect.flip(named([{ ...split, behavior: "MergedWithNext" }, last]));
        yield* Effect.flip(named([{ ...bytes, add_prefix_space: true }]));
        yield* Effect.flip(named([{ type: "Digits", individual_digits: false }, bytes]));
        yield* Effect.flip(named([]));
      }),
    ),
  );

  it.effect("refuses a place that is taken, a policy without weights, and values beyond F16", () =>
    withPolicy(TinyFamilies.policy("qwen2"), (policy, parent) =>
      Effect.gen(function* () {
        const file = Path.join(parent, "tiny.gguf");
        const refusal = (...args: Parameters<typeof GgufExport.run>) =>
          Effect.map(Effect.flip(GgufExport.run(...args)), ({ message }) => message);
        Fs.writeFileSync(file, "years of work");
        assert.match(yield* refusal(policy, file), /there is a file here already/);
        assert.match(yield* refusal(policy, parent, { replace: true }), /this is a directory/);
        assert.match(
          yield* refusal({ ...policy, weights: null }, file, { replace: true }),
          /no weights in this directory/,
        );
        assert.match(yield* refusal(policy, Path.join(parent, "no", "x.gguf")), /no such file/);
        const { weights } = policy;
        assert(weights !== null);
        const large = { ...weights, read: (name: string) => weights.read(name).map((x) => x * 1e6) };
        assert.match(
          yield* refusal({ ...policy, weights: large }, file, { replace: true }),
          /tensor ".*" holds -?\d+(\.\d+)?, beyond the largest F16 \(65504\)\. Store it as BF16 or F32/,
        );
        assert.equal(Fs.readFileSync(file, "utf8"), "years of work");
        yield* GgufExport.run({ ...policy, weights: large }, file, { replace: true, dtype: "BF16" });
        assert.deepEqual(Fs.readdirSync(parent).sort(), ["tiny", "tiny.gguf"]);
      }),
    ),
  );
});
