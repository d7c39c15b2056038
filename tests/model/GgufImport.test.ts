import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as fc from "fast-check";
import * as Fs from "node:fs";
import * as Os from "node:os";
import * as Path from "node:path";
import * as Gguf from "../../src/model/gguf/Gguf.ts";
import * as GgufBlocks from "../../src/model/gguf/GgufBlocks.ts";
import * as GgufImport from "../../src/model/gguf/GgufImport.ts";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";
import * as GgufBytes from "./GgufBytes.ts";
import * as TinyLlama from "./TinyLlama.ts";
import * as TinyPolicy from "./TinyPolicy.ts";

const { config } = TinyPolicy;

/** The tiny tokenizer in llama.cpp's words. */
const vocabulary = (): { tokens: Array<string>; merges: Array<string>; types: Array<number> } => {
  const model = TinyPolicy.tokenizer.tokenizer["model"] as {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: ReadonlyArray<readonly [string, string]>;
  };
  const tokens: Array<string> = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  const added = TinyPolicy.tokenizer.tokenizer["added_tokens"] as ReadonlyArray<{
    id: number;
    content: string;
  }>;
  for (const { id, content } of added) tokens[id] = content;
  const special = new Set(added.map(({ id }) => id));
  return {
    tokens,
    merges: model.merges.map(([a, b]) => `${a} ${b}`),
    types: tokens.map((_, id) => (special.has(id) ? 3 : 1)),
  };
};

const metadata = (): Record<string, GgufBytes.Meta> => {
  const { tokens, merges, types } = vocabulary();
  return {
    "general.architecture": { type: "string", value: "llama" },
    "general.name": { type: "string", value: "Tiny" },
    "general.license": { type: "string", value: "mit" },
    "llama.block_count": { type: "u32", value: config.num_hidden_layers },
    "llama.context_length": { type: "u32", value: config.max_position_embeddings },
    "llama.embedding_length": { type: "u32", value: config.hidden_size },
    "llama.feed_forward_length": { type: "u32", value: config.intermediate_size },
    "llama.attention.head_count": { type: "u32", value: config.num_attention_heads },
    "llama.attention.head_count_kv": { type: "u32", value: config.num_key_value_heads },
    "llama.rope.freq_base": { type: "f32", value: 10000 },
    "llama.rope.dimension_count": { type: "u32", value: config.head_dim },
    "llama.attention.layer_norm_rms_epsilon": { type: "f32", value: 1e-5 },
    "tokenizer.ggml.model": { type: "string", value: "gpt2" },
    "tokenizer.ggml.pre": { type: "string", value: "smollm" },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.merges": { type: "strings", value: merges },
    "tokenizer.ggml.token_type": { type: "i32s", value: types },
    "tokenizer.ggml.eos_token_id": { type: "u32", value: config.eos_token_id },
    "tokenizer.chat_template": { type: "string", value: "{{ messages }}" },
  };
};

/** llama.cpp's order of q and k rows: the inverse of `unpermute`, written the other way round. */
const permute = (data: Float32Array, heads: number): Float32Array => {
  const columns = config.hidden_size;
  const d = config.head_dim;
  return Float32Array.from(data, (_, at) => {
    const row = Math.floor(at / columns);
    const inHead = row % d;
    const from = row - inHead + (inHead % 2) * (d / 2) + Math.floor(inHead / 2);
    return data[from * columns + (at % columns)] ?? Number.NaN;
  }).subarray(0, heads * d * columns);
};

const tensors = (): Array<GgufBytes.TensorBytes> => {
  const read = TinyLlama.weights(config);
  return ModelConfig.tensorShapes(config).map(({ name, shape }) => {
    const own = read(name);
    const data = name.endsWith("q_proj.weight")
      ? permute(own, config.num_attention_heads)
      : name.endsWith("k_proj.weight")
        ? permute(own, config.num_key_value_heads)
        : own;
    return { name: GgufImport.ggufName(name), shape, type: 0, data: GgufBytes.floats(data) };
  });
};

const withGguf = <A, E>(
  bytes: Uint8Array,
  body: (file: string, directory: string) => Effect.Effect<A, E>,
): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "drydock-gguf-"))),
    (directory) => {
      const file = Path.join(directory, "tiny.gguf");
      Fs.writeFileSync(file, bytes);
      return body(file, directory);
    },
    (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true })),
  );

const refusal = (bytes: Uint8Array): Effect.Effect<string> =>
  withGguf(bytes, (file, directory) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(GgufImport.run(file, Path.join(directory, "policy")));
      assert.deepEqual(Fs.readdirSync(directory), ["tiny.gguf"], "a refused import leaves nothing behind");
      return error.message;
    }),
  ).pipe(Effect.orDie);

describe("GgufBlocks", () => {
  const golden = JSON.parse(
    Fs.readFileSync(new URL("golden/gguf-blocks.json", import.meta.url), "utf8"),
  ) as Readonly<Record<string, { readonly bytes: string; readonly values: string }>>;
  it("has golden blocks of every type", () => {
    assert.deepEqual(Object.keys(golden).sort(), [...GgufBlocks.formats.keys()].sort());
  });

  for (const [type, { bytes, values }] of Object.entries(golden)) {
    it(`dequantises ${type} as the gguf package does, bit for bit`, () => {
      const expected = Buffer.from(values, "base64");
      const out = new Float32Array(expected.length / 4);
      GgufBlocks.dequantise(type, Buffer.from(bytes, "base64"), out);
      assert.equal(Buffer.from(out.buffer).toString("hex"), expected.toString("hex"));
    });
  }
});

describe("GgufImport", () => {
  it.effect("makes a policy directory with the weights in Hugging Face's order", () =>
    withGguf(GgufBytes.encode(metadata(), tensors()), (file, directory) =>
      Effect.gen(function* () {
        const seen: Array<number> = [];
        const out = Path.join(directory, "policy");
        const summary = yield* GgufImport.run(file, out, { onProgress: (done) => seen.push(done) });
        assert.equal(summary.parameters, ModelConfig.parameterCount(config));
        assert.equal(summary.name, "policy");
        assert.isTrue(summary.chatTemplate);
        assert.deepEqual(summary.types, { F32: summary.tensors });
        assert.deepEqual(
          seen,
          [...seen.keys()].map((i) => i + 1),
        );
        assert.equal(seen.length, summary.tensors);
        const policy = yield* Policy.read(out);
        assert.deepEqual(policy.config, { ...config });
        assert.equal(policy.card.licence, "mit");
        assert.equal(policy.card.description, "Tiny");
        const read = TinyLlama.weights(config);
        for (const { name } of ModelConfig.tensorShapes(config)) {
          assert.deepEqual(policy.weights?.read(name), read(name), name);
        }
        assert.equal(policy.tokenizer.chatTemplate, "{{ messages }}");
        const text = "xs.map(x => 12)";
        assert.equal(policy.tokenizer.decode(policy.tokenizer.encode(text)), text);
      }),
    ),
  );

  it.effect("reads Qwen2: biases, and rows of q and k as they are", () =>
    Effect.gen(function* () {
      const qwen = { ...config, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2" } as const;
      const read = TinyLlama.weights(qwen);
      const shapes = ModelConfig.tensorShapes(qwen);
      const list = shapes.map(({ name, shape }) => ({
        name: GgufImport.ggufName(name),
        shape,
        type: 0,
        data: GgufBytes.floats(read(name)),
      }));
      const renamed = Object.entries(metadata()).map(
        ([key, value]) => [key.replace(/^llama\./, "qwen2."), value] as const,
      );
      const bytes = GgufBytes.encode(
        {
          ...Object.fromEntries(renamed),
          "general.architecture": { type: "string", value: "qwen2" },
          "tokenizer.ggml.pre": { type: "string", value: "qwen2" },
        },
        list,
      );
      yield* withGguf(bytes, (file, directory) =>
        Effect.gen(function* () {
          const out = Path.join(directory, "policy");
          yield* GgufImport.run(file, out);
          const policy = yield* Policy.read(out);
          assert.deepEqual(policy.config, { ...qwen, architectures: ["Qwen2ForCausalLM"] });
          assert.isAbove(shapes.filter(({ name }) => name.endsWith("bias")).length, 0);
          for (const { name } of shapes) assert.deepEqual(policy.weights?.read(name), read(name), name);
        }),
      );
    }),
  );

  it.effect("reads scaled rotary embeddings: linear, and Llama 3's by its table of factors", () =>
    Effect.gen(function* () {
      const scalingOf = (bytes: Uint8Array) =>
        withGguf(bytes, (file, directory) =>
          Effect.gen(function* () {
            const out = Path.join(directory, "policy");
            yield* GgufImport.run(file, out);
            return (yield* Policy.read(out)).config.rope_scaling;
          }),
        );
      const linear = {
        ...metadata(),
        "llama.rope.scaling.type": { type: "string", value: "linear" },
        "llama.rope.scaling.factor": { type: "f32", value: 4 },
      } as const;
      assert.deepEqual(yield* scalingOf(GgufBytes.encode(linear, tensors())), {
        rope_type: "linear",
        factor: 4,
      });
      // What llama.cpp's converter writes for a head of 8 at theta 500,000 (Llama 3.2: factor 32).
      const theta = { ...metadata(), "llama.rope.freq_base": { type: "f32", value: 500_000 } } as const;
      const factorsOf = (factor: number) =>
        Float32Array.from({ length: 4 }, (_, i) => {
          const wave = 2 * Math.PI * 500_000 ** (i / 4);
          if (wave < 8192 / 4) return 1;
          if (wave > 8192) return factor;
          const smooth = (8192 / wave - 1) / 3;
          return 1 / ((1 - smooth) / factor + smooth);
        });
      const withFactors = (factors: Float32Array) =>
        GgufBytes.encode(theta, [
          ...tensors(),
          { name: "rope_freqs.weight", shape: [4], type: 0, data: GgufBytes.floats(factors) },
        ]);
      assert.deepEqual(yield* scalingOf(withFactors(factorsOf(32))), {
        rope_type: "llama3",
        factor: 32,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      });
      assert.match(
        yield* refusal(withFactors(Float32Array.of(1, 2, 3, 32))),
        /"rope_freqs\.weight" has 4 factors up to 32 that are not Llama 3's/,
      );
    }),
  );

  it.effect("refuses hostile headers before it takes memory for them", () =>
    Effect.gen(function* () {
      const whole = GgufBytes.encode(metadata(), tensors());
      const edited = (change: (bytes: Buffer) => void): Buffer => {
        const bytes = Buffer.from(whole);
        change(bytes);
        return bytes;
      };
      assert.match(
        yield* refusal(edited((b) => b.writeBigUInt64LE(1_000_000_000n, 8))),
        /claims 1000000000 tensors; a file of \d+ bytes has room for at most \d+/,
      );
      assert.match(
        yield* refusal(edited((b) => b.writeBigUInt64LE(2n ** 63n, 16))),
        /claims 9223372036854775808 metadata values/,
      );
      // The length of the first key.
      assert.match(
        yield* refusal(edited((b) => b.writeBigUInt64LE(2n ** 60n, 24))),
        /String length 1152921504606846976/,
      );
      const at = whole.indexOf("token_embd.weight") + "token_embd.weight".length + 4;
      assert.match(yield* refusal(edited((b) => b.writeBigUInt64LE(2n ** 40n, at))), /dimension/);
      assert.match(
        yield* refusal(edited((b) => b.writeBigUInt64LE(2n ** 31n, at))),
        /truncated: expected at least|inside "token_embd/,
      );
      assert.match(yield* refusal(edited((b) => b.writeBigUInt64LE(0n, at))), /shape/);
      // Two dimensions, the type, the offset.
      const offset = at + 8 + 8 + 4;
      assert.match(
        yield* refusal(edited((b) => b.writeBigUInt64LE(2n ** 60n, offset))),
        /"token_embd\.weight" has the offset 1152921504606846976, expected a multiple of 8 inside/,
      );
      assert.match(
        yield* refusal(edited((b) => b.writeBigUInt64LE(b.readBigUInt64LE(offset) + 32n, offset))),
        /begins at byte \d+, inside "token_embd\.weight"/,
      );
      for (const value of [0, 4_294_967_295]) {
        const zero = { ...metadata(), "general.alignment": { type: "u32", value } } as const;
        assert.match(yield* refusal(GgufBytes.encode(zero, tensors())), /alignment|inside the header/);
      }
    }),
  );

  it("takes a changed file or refuses it, and never fails otherwise", async () => {
    const whole = GgufBytes.encode(metadata(), tensors());
    await TinyPolicy.withDirectory(async (directory) => {
      const path = Path.join(directory, "x.gguf");
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.nat(12_000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          fc.oneof(fc.constant(whole.length), fc.nat(whole.length)),
          async (changes, length) => {
            const bytes = Buffer.from(whole.subarray(0, length));
            for (const [at, byte] of changes) if (at < length) bytes[at] = byte;
            Fs.writeFileSync(path, bytes);
            const target = Path.join(directory, "policy");
            await Effect.runPromise(
              GgufImport.run(path, target).pipe(Effect.catchTag("PolicyError", () => Effect.void)),
            );
            Fs.rmSync(target, { recursive: true, force: true });
            assert.deepEqual(Fs.readdirSync(directory), ["x.gguf"]);
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  it.effect("refuses a file cut anywhere, and says how long it should be", () =>
    Effect.gen(function* () {
      const whole = GgufBytes.encode(metadata(), tensors());
      const lengths = [0, 3, 4, 20, 100, 3000, Math.floor(whole.length / 2), whole.length - 40];
      for (const length of lengths) {
        const message = yield* refusal(whole.subarray(0, length));
        assert.match(message, new RegExp(`${length}\\b`), message);
        assert.match(message, /truncated/, message);
      }
      const message = yield* refusal(whole.subarray(0, whole.length - 40));
      assert.match(message, /expected at least \d+ bytes, found \d+/);
    }),
  );

  it.effect("names the tensor and the type that is not supported", () =>
    Effect.gen(function* () {
      const list = tensors().map((t) => (t.name === "blk.1.ffn_up.weight" ? { ...t, type: 10 } : t));
      const message = yield* refusal(GgufBytes.encode(metadata(), list));
      assert.match(message, /"blk\.1\.ffn_up\.weight" is of type Q2_K; F32, F16.*are supported/);
    }),
  );

  it.effect("refuses other models, tensors and tokenizers", () =>
    Effect.gen(function* () {
      const change = (key: string, value: GgufBytes.Meta) =>
        refusal(GgufBytes.encode({ ...metadata(), [key]: value }, tensors()));
      assert.match(
        yield* change("general.architecture", { type: "string", value: "gemma" }),
        /architecture is "gemma", expected "llama" or "qwen2"/,
      );
      assert.match(
        yield* change("tokenizer.ggml.model", { type: "string", value: "bert" }),
        /model "bert"; "gpt2"/,
      );
      assert.match(
        yield* change("tokenizer.ggml.pre", { type: "string", value: "tekken" }),
        /pre-tokenizer is "tekken"; smollm/,
      );
      assert.match(
        yield* change("llama.rope.scaling.type", { type: "string", value: "yarn" }),
        /rotary embeddings are scaled by "yarn"/,
      );
      assert.match(
        yield* change("llama.feed_forward_length", { type: "u32", value: 47 }),
        /"blk\.0\.ffn_gate\.weight" is \[48, 32\], expected \[47, 32\]/,
      );
      assert.match(
        yield* refusal(GgufBytes.encode(metadata(), tensors().slice(0, -1))),
        /"output_norm\.weight" is missing/,
      );
      const bias = { name: "blk.1.attn_q.bias", shape: [32], type: 0, data: new Uint8Array(128) };
      assert.match(
        yield* refusal(GgufBytes.encode(metadata(), [...tensors(), bias])),
        /"blk\.1\.attn_q\.bias" has no place/,
      );
      const fewer = vocabulary().tokens.slice(0, 100);
      assert.match(yield* change("tokenizer.ggml.tokens", { type: "strings", value: fewer }), /tokenizer/);
      const [first] = tensors();
      assert.match(
        yield* refusal(GgufBytes.encode(metadata(), first === undefined ? [] : [...tensors(), first])),
        /occurs twice/,
      );
      assert.match(yield* refusal(Buffer.alloc(5000, "not a model ")), /not a readable GGUF file/);
    }),
  );

  it.effect("says that a file is not there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Gguf.open("/nowhere/model.gguf"));
      assert.match(error.message, /^\/nowhere\/model\.gguf: no such file/);
    }),
  );
});
