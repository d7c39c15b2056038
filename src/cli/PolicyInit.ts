/** `drydock policy init DIR`: a directory to train a small policy from scratch in: its size, and a tokenizer. */
import * as Path from "node:path";
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import * as Flag from "effect/cli/Flag";
import * as Dataset from "../dataset/Dataset.ts";
import * as Prompt from "../dataset/Prompt.ts";
import * as BpeTrainer from "../model/tokenizer/BpeTrainer.ts";
import type { ModelConfig } from "../model/ModelConfig.ts";
import * as Policy from "../model/directory/Policy.ts";
import { json, print } from "./Output.ts";

interface Size {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly positions: number;
}

/** A Llama of this size, embeddings tied, one key-value head a query head. */
const modelConfig = (size: Size, vocabulary: number, eos: number): ModelConfig => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: vocabulary,
  hidden_size: size.width,
  intermediate_size: size.inner,
  num_hidden_layers: size.layers,
  num_attention_heads: size.heads,
  num_key_value_heads: size.heads,
  head_dim: size.width / size.heads,
  max_position_embeddings: size.positions,
  rope_theta: 10000,
  rope_scaling: null,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.02,
  bos_token_id: null,
  eos_token_id: eos,
  pad_token_id: null,
});

const int = (name: string, value: number, description: string) =>
  Flag.Int(name).pipe(Flag.withDescription(description), Flag.withDefault(value));

export const init = Command.make(
  "init",
  {
    directory: Argument.String("directory").pipe(Argument.withDescription("Policy directory to write")),
    dataset: Flag.String("dataset").pipe(
      Flag.withDescription("Dataset whose corpus for pre-training the tokenizer is trained on"),
      Flag.withDefault("datasets/js-compose"),
    ),
    vocabulary: int("vocabulary", 1024, "Tokens of the byte-level BPE"),
    width: int("width", 160, "Width of the model; a multiple of twice the heads"),
    layers: int("layers", 4, "Layers"),
    heads: int("heads", 5, "Attention heads"),
    inner: int("inner", 432, "Width of the SwiGLU's inner layer"),
    positions: int("positions", 256, "Longest sequence in tokens"),
    json,
  },
  Effect.fn(function* (options) {
    const { tasks, attempts } = yield* Dataset.load(options.dataset, { part: "pretrain" });
    const byId = new Map(tasks.map((task) => [task.id, task]));
    const texts = attempts.flatMap(({ taskId, program }) => {
      const task = byId.get(taskId);
      return task === undefined ? [] : [Prompt.render("plain", task, []), program];
    });
    const trained = BpeTrainer.train(texts, { vocabSize: options.vocabulary });
    const eos = trained.added_tokens.find(({ content }) => content === BpeTrainer.END_OF_TEXT)?.id ?? 0;
    const size = Math.max(eos, ...Object.values(trained.model.vocab)) + 1;
    const name = Path.basename(Path.resolve(options.directory));
    yield* Policy.write(options.directory, {
      config: modelConfig(options, size, eos),
      card: {
        ...Policy.defaultCard(name),
        licence: "Apache-2.0",
        stop: ["\n"],
        provenance: `not trained yet; tokenizer from the corpus of ${options.dataset}`,
      },
      tokenizer: {
        tokenizer: { ...trained },
        config: {
          tokenizer_class: "PreTrainedTokenizerFast",
          eos_token: BpeTrainer.END_OF_TEXT,
          // Else " !==" loses its space in decoding.
          clean_up_tokenization_spaces: false,
        },
      },
      weights: null,
    });
    yield* print(
      options.json,
      { directory: options.directory, vocabulary: size, texts: texts.length },
      () =>
        `Wrote ${options.directory}: ${size} tokens from ${texts.length} texts. Train it with a configuration whose policy has "init": "random".`,
    );
  }),
).pipe(
  Command.withDescription("Make a directory to train a small policy from scratch in"),
  Command.withExamples([
    { command: "drydock policy init policies/mine", description: "The shipped policy's size" },
  ]),
);
