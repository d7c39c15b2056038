import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as ModelConfig from "../../src/model/ModelConfig.ts";
import { config } from "./TinyPolicy.ts";

type Change = Readonly<Record<string, unknown>>;

const decode = (change: Change) => ModelConfig.decode({ ...config, ...change }, "config.json");
const message = (change: Change) => Effect.map(Effect.flip(decode(change)), (error) => error.message);

const llama3 = {
  rope_type: "llama3",
  factor: 32,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
} as const;

/** config.json as published, without what describes files and versions. */
const published = {
  "Llama-3.2-1B-Instruct": {
    architectures: ["LlamaForCausalLM"],
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: 128000,
    eos_token_id: [128001, 128008, 128009],
    head_dim: 64,
    hidden_act: "silu",
    hidden_size: 2048,
    initializer_range: 0.02,
    intermediate_size: 8192,
    max_position_embeddings: 131072,
    mlp_bias: false,
    model_type: "llama",
    num_attention_heads: 32,
    num_hidden_layers: 16,
    num_key_value_heads: 8,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_scaling: {
      factor: 32,
      high_freq_factor: 4,
      low_freq_factor: 1,
      original_max_position_embeddings: 8192,
      rope_type: "llama3",
    },
    rope_theta: 500_000,
    tie_word_embeddings: true,
    use_cache: true,
    vocab_size: 128256,
  },
  "TinyLlama-1.1B-Chat-v1.0": {
    architectures: ["LlamaForCausalLM"],
    attention_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    hidden_act: "silu",
    hidden_size: 2048,
    initializer_range: 0.02,
    intermediate_size: 5632,
    max_position_embeddings: 2048,
    model_type: "llama",
    num_attention_heads: 32,
    num_hidden_layers: 22,
    num_key_value_heads: 4,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_scaling: null,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    use_cache: true,
    vocab_size: 32000,
  },
  "Qwen2.5-Coder-0.5B-Instruct": {
    architectures: ["Qwen2ForCausalLM"],
    attention_dropout: 0,
    bos_token_id: 151643,
    eos_token_id: 151645,
    hidden_act: "silu",
    hidden_size: 896,
    initializer_range: 0.02,
    intermediate_size: 4864,
    max_position_embeddings: 32768,
    max_window_layers: 24,
    model_type: "qwen2",
    num_attention_heads: 14,
    num_hidden_layers: 24,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    sliding_window: 32768,
    tie_word_embeddings: true,
    use_cache: true,
    use_sliding_window: false,
    vocab_size: 151936,
  },
};

describe("ModelConfig", () => {
  it.effect("takes published models, and counts their parameters", () =>
    Effect.gen(function* () {
      const count = (json: unknown) =>
        Effect.map(ModelConfig.decode(json, "config.json"), ModelConfig.parameterCount);
      assert.equal(yield* count(published["Llama-3.2-1B-Instruct"]), 1_235_814_400);
      assert.equal(yield* count(published["TinyLlama-1.1B-Chat-v1.0"]), 1_100_048_384);
      assert.equal(yield* count(published["Qwen2.5-Coder-0.5B-Instruct"]), 494_032_768);
    }),
  );

  it.effect("takes what transformers 4 and 5 write", () =>
    Effect.gen(function* () {
      const { rope_theta: _, rope_scaling: __, head_dim: ___, ...rest } = config;
      const five = yield* ModelConfig.decode(
        { ...rest, rope_parameters: { rope_theta: 5000, rope_type: "default" }, dtype: "float32" },
        "config.json",
      );
      assert.equal(five.rope_theta, 5000);
      assert.equal(five.rope_scaling, null);
      assert.equal(five.head_dim, 8);
      const lists = yield* decode({
        eos_token_id: [2, 3],
        rope_scaling: null,
        num_key_value_heads: undefined,
      });
      assert.equal(lists.eos_token_id, 2);
      assert.equal(lists.num_key_value_heads, config.num_attention_heads);
    }),
  );

  it.effect("takes Llama 3's and linear scaling, in the form of each version", () =>
    Effect.gen(function* () {
      const four = yield* decode({ rope_theta: 500_000, rope_scaling: llama3 });
      const { rope_theta: _, rope_scaling: __, ...rest } = config;
      const parameters = { rope_parameters: { ...llama3, rope_theta: 500_000 } };
      const five = yield* ModelConfig.decode({ ...rest, ...parameters }, "config.json");
      for (const c of [four, five]) {
        assert.deepEqual(c.rope_scaling, llama3);
        assert.equal(c.rope_theta, 500_000);
      }
      const linear = yield* decode({ rope_scaling: { type: "linear", factor: 4 } });
      assert.deepEqual(linear.rope_scaling, { rope_type: "linear", factor: 4 });
    }),
  );

  it.effect("takes Qwen2, whose q, k and v have biases, and Llama's biases where it has them", () =>
    Effect.gen(function* () {
      const names = (c: ModelConfig.ModelConfig) =>
        ModelConfig.tensorShapes(c)
          .filter(({ name }) => name.startsWith("model.layers.1.") && name.endsWith(".bias"))
          .map(({ name, shape }) => `${name.split(".").slice(4).join(".")} ${shape.join()}`);
      const qwen = yield* decode({ architectures: ["Qwen2ForCausalLM"], use_sliding_window: false });
      assert.equal(qwen.model_type, "qwen2");
      assert.deepEqual(names(qwen), ["q_proj.bias 32", "k_proj.bias 16", "v_proj.bias 16"]);
      assert.deepEqual(names(yield* decode({})), []);
      assert.deepEqual(names(yield* decode({ attention_bias: true, mlp_bias: true })), [
        ...names(qwen),
        "o_proj.bias 32",
        "gate_proj.bias 48",
        "up_proj.bias 48",
        "down_proj.bias 32",
      ]);
    }),
  );

  it.effect("reads back what it writes", () =>
    Effect.gen(function* () {
      for (const change of [
        {},
        { rope_scaling: llama3 },
        { rope_scaling: { rope_type: "linear", factor: 2 } },
        { architectures: ["Qwen2ForCausalLM"] },
      ]) {
        const c = yield* decode(change);
        assert.deepEqual(yield* ModelConfig.decode(ModelConfig.toJson(c), "config.json"), c);
      }
    }),
  );

  it.effect("refuses what the model code does not compute", () =>
    Effect.gen(function* () {
      const refusals: ReadonlyArray<readonly [Change, RegExp]> = [
        [{ rope_scaling: { rope_type: "yarn", factor: 4 } }, /of type "yarn", expected "default", "linear"/],
        [{ rope_scaling: { type: "dynamic" } }, /rotary embeddings of type "dynamic"/],
        [{ rope_scaling: { rope_type: "llama3", factor: 8 } }, /low_freq_factor/],
        [{ rope_scaling: { ...llama3, high_freq_factor: 1 } }, /high_freq_factor \(1\) is not above/],
        [{ rope_scaling: { rope_type: "linear" } }, /factor/],
        [{ partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0\.5, expected 1/],
        [{ model_type: "qwen2", use_sliding_window: true }, /use_sliding_window is true, expected false/],
        [{ layer_types: ["full_attention", "sliding_attention"] }, /layer_types holds "sliding_attention"/],
        [{ hidden_act: "gelu" }, /hidden_act/],
        [{ attention_bias: "yes" }, /attention_bias/],
        [{ num_hidden_layers: 0 }, /num_hidden_layers/],
        [{ num_key_value_heads: 3 }, /num_key_value_heads \(3\) does not divide/],
        [{ head_dim: 7 }, /head_dim is 7, expected an even number/],
        [{ eos_token_id: 100_000 }, /eos_token_id is 100000, but vocab_size/],
        [{ hidden_size: "32" }, /hidden_size/],
      ];
      for (const [change, expected] of refusals) assert.match(yield* message(change), expected);
    }),
  );
});
