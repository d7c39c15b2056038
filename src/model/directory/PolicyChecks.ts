/** Whether the parts of a policy belong together: its configuration, its tokenizer, its weights. */
import * as Effect from "effect/Effect";
import * as GenerationConfig from "./GenerationConfig.ts";
import * as ModelConfig from "../ModelConfig.ts";
import { PolicyError } from "../PolicyError.ts";
import type { Tokenizer } from "../tokenizer/Tokenizer.ts";

/**
 * Rows that a model may have beyond its tokenizer's ids: 127, for a vocabulary padded to a multiple of 128, and of a
 * large one a 64th, up to 1023 (Qwen2.5 has 271, its 7B 399). More is another model's tokenizer.
 */
const padding = (rows: number): number => Math.max(127, Math.min(1023, Math.floor(rows / 64)));

/** Fails where the tokenizer and the model's shape disagree. */
export const tokenizer = (
  directory: string,
  config: ModelConfig.ModelConfig,
  found: Tokenizer,
  ends: ReadonlyArray<number>,
): Effect.Effect<void, PolicyError> => {
  const fail = (reason: string) =>
    Effect.fail(
      new PolicyError({
        path: directory,
        reason: `the tokenizer and the weights disagree: ${reason}.`,
        remedy: "Take tokenizer.json, tokenizer_config.json, config.json and the weights from one model.",
      }),
    );
  if (found.size > config.vocab_size || found.size < config.vocab_size - padding(config.vocab_size)) {
    return fail(`tokenizer.json has ${found.size} tokens, config.json's vocab_size is ${config.vocab_size}`);
  }
  // An instruction-tuned model's tokenizer may name the end of a turn, its config.json the end of a text.
  if (!ends.includes(found.eos)) {
    return fail(
      `the end-of-sequence token is ${found.eos} in tokenizer_config.json, ${ends.join(", ")} in config.json and ${GenerationConfig.FILE}`,
    );
  }
  const beyond = ends.find((id) => id >= config.vocab_size);
  if (beyond !== undefined) {
    return fail(`the end token ${beyond} is beyond config.json's vocab_size of ${config.vocab_size}`);
  }
  if (found.bos !== null && config.bos_token_id !== null && found.bos !== config.bos_token_id) {
    return fail(
      `the beginning-of-sequence token is ${found.bos} in tokenizer_config.json, ${config.bos_token_id} in config.json`,
    );
  }
  return Effect.void;
};

/** Fails at the first tensor that is missing or of another shape, and says how many there are. */
export const shapes = (
  file: string,
  config: ModelConfig.ModelConfig,
  found: ReadonlyMap<string, { readonly shape: ReadonlyArray<number> }>,
): Effect.Effect<void, PolicyError> => {
  const wrong = ModelConfig.tensorShapes(config).filter(
    ({ name, shape }) => found.get(name)?.shape.join() !== shape.join(),
  );
  const first = wrong[0];
  if (first === undefined) return Effect.void;
  const actual = found.get(first.name);
  return Effect.fail(
    new PolicyError({
      path: file,
      reason:
        `tensor "${first.name}" is ${actual === undefined ? "missing" : `of shape [${actual.shape.join(", ")}]`}, ` +
        `config.json expects [${first.shape.join(", ")}]` +
        `${wrong.length > 1 ? ` (and ${wrong.length - 1} more do not fit)` : ""}.`,
      remedy: "Take config.json and model.safetensors from one model, or import the policy again.",
    }),
  );
};
