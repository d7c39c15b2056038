/** `drydock policy inspect DIR`: everything about one policy, after checking it. */
import * as Effect from "effect/Effect";
import * as Argument from "effect/cli/Argument";
import * as Command from "effect/cli/Command";
import type { ModelConfig } from "../model/ModelConfig.ts";
import * as Policy from "../model/directory/Policy.ts";
import * as Room from "../model/files/Room.ts";
import { json, print, table } from "./Output.ts";
import * as PolicyFacts from "./PolicyFacts.ts";

const shape = (c: ModelConfig): string =>
  `${c.num_hidden_layers} × ${c.hidden_size}, ${c.num_attention_heads} heads on ${c.num_key_value_heads} of ${c.head_dim}, inner ${c.intermediate_size}`;

const rope = ({ rope_theta: theta, rope_scaling: scaling }: ModelConfig): string =>
  `theta ${theta}, ${scaling === null ? "not scaled" : `${scaling.rope_type} scaling by ${scaling.factor}`}`;

const valueHeads = ({ heads, tilt }: PolicyFacts.Facts): string =>
  heads === null
    ? "none"
    : `${heads.critics} critics${heads.layerNorm ? " with LayerNorm" : ""}, tilt ${tilt}`;

export const inspect = Command.make(
  "inspect",
  { directory: Argument.String("directory").pipe(Argument.withDescription("A policy directory")), json },
  Effect.fn(function* (options) {
    const policy = yield* Policy.read(options.directory, { weights: "optional" });
    const { card, config } = policy;
    const facts = PolicyFacts.of(policy);
    const { memory } = facts;
    yield* print(options.json, { card, config, facts }, () =>
      table(
        ["field", "value"],
        [
          ["name", card.name],
          ["licence", card.licence],
          ["provenance", card.provenance],
          ["architecture", facts.architecture],
          ["layers × width", shape(config)],
          ["parameters", `${PolicyFacts.count(facts.parameters)} in ${facts.tensors} tensors`],
          ["weights", PolicyFacts.stored(facts)],
          ["on disk", Room.size(facts.bytes)],
          [
            "in memory",
            `${Room.size(memory.float32)} as float32, ${Room.size(memory.bfloat16)} as bfloat16; ${Room.size(memory.cache)} a sequence of full length`,
          ],
          ["positions", String(config.max_position_embeddings)],
          ["rotary", rope(config)],
          ["vocabulary", `${config.vocab_size} rows, ${policy.tokenizer.size} tokens`],
          ["end tokens", facts.endTokens.map(({ id, text }) => `${text ?? ""} (${id})`).join(", ")],
          ["chat template", facts.chatTemplate ? "yes" : "no"],
          ["prompt", card.prompt],
          ["value heads", valueHeads(facts)],
          ...Object.entries(card.figures).map(([key, value]) => [key, JSON.stringify(value)]),
        ],
      ),
    );
  }),
).pipe(
  Command.withDescription("Show what a policy directory holds, after checking it"),
  Command.withExamples([
    { command: "drydock policy inspect policies/js-compose", description: "The shipped policy" },
  ]),
);
