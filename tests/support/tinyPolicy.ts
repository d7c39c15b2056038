/** A policy directory with a tiny random model and its own tokenizer, and episodes that it can learn. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as Effect from "effect/Effect";
import { afterAll } from "vitest";
import type { Episode } from "../../src/domain/Episode.ts";
import * as BpeTrainer from "../../src/model/tokenizer/BpeTrainer.ts";
import type { ModelConfig } from "../../src/model/ModelConfig.ts";
import * as Policy from "../../src/model/directory/Policy.ts";

const words = ["red", "blue", "green", "gold", "pink", "grey", "teal", "lime"];

/** Problems "say W": the program is W twice; the failing one says it once. */
export const episodes = (tasks = words.length): ReadonlyArray<Episode> =>
  words.slice(0, tasks).flatMap((word, i) =>
    [true, false, false].map(
      (passes, j): Episode => ({
        id: `${word}-${j}`,
        taskId: `task-${i}`,
        prompt: `say ${word}\n`,
        program: passes
          ? `${word} ${word};`
          : j === 1
            ? `${word};`
            : `${words[(i + 1) % words.length]} ${word};`,
        reward: passes ? 1 : 0,
        behaviourLogProbs: null,
        policyVersion: null,
      }),
    ),
  );

export const config = (vocabulary: number, size: Partial<ModelConfig> = {}): ModelConfig => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: vocabulary,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 256,
  rope_theta: 10000,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.05,
  bos_token_id: null,
  eos_token_id: 0,
  pad_token_id: null,
  ...size,
});

const made: Array<string> = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

/** A fresh directory, removed after the test file's tests. */
export const temporary = (name: string): string => {
  const directory = mkdtempSync(join(tmpdir(), `drydock-${name}-`));
  made.push(directory);
  return directory;
};

/** Writes a directory to initialise from: tokenizer and config, no weights. */
export const write = async (size: Partial<ModelConfig> = {}, vocabSize = 320): Promise<string> => {
  const texts = episodes().flatMap((e) => [e.prompt, e.program]);
  const tokenizer = BpeTrainer.train(texts, { vocabSize });
  const vocabulary = size.vocab_size ?? Object.keys(tokenizer.model.vocab).length;
  const directory = join(temporary("policy"), "tiny");
  await Effect.runPromise(
    Policy.write(directory, {
      config: config(vocabulary, size),
      card: { ...Policy.defaultCard("tiny"), licence: "none" },
      tokenizer: {
        tokenizer: JSON.parse(JSON.stringify(tokenizer)),
        config: { tokenizer_class: "PreTrainedTokenizerFast", eos_token: BpeTrainer.END_OF_TEXT },
      },
      weights: null,
    }),
  );
  return directory;
};
