import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as ChatTemplate from "../../src/model/ChatTemplate.ts";
import * as Tokenizer from "../../src/model/Tokenizer.ts";
import golden from "./golden/chat-templates.json" with { type: "json" };
import * as TinyPolicy from "./TinyPolicy.ts";

const specialText = { ...golden.special, pad_token: null };
const templates: Readonly<Record<string, string>> = golden.templates;
const tokenizerOf = (name: string) => ({
  directory: "policies/x",
  chatTemplate: templates[name] ?? null,
  specialText,
});

describe("ChatTemplate", () => {
  for (const { name, messages, addGenerationPrompt, text } of golden.cases) {
    it.effect(
      `renders ${name} as transformers does (${messages.length} messages, prompt ${addGenerationPrompt})`,
      () =>
        Effect.gen(function* () {
          assert.equal(
            yield* ChatTemplate.render(tokenizerOf(name), messages, { addGenerationPrompt }),
            text,
          );
        }),
    );
  }

  it.effect("says what to do where there is no template, or where it refuses the messages", () =>
    Effect.gen(function* () {
      const options = { addGenerationPrompt: true };
      const none = yield* Effect.flip(ChatTemplate.render(tokenizerOf("none"), [], options));
      assert.match(none.message, /^policies\/x: the model has no chat template.*chat_template\.jinja/);
      const messages = [{ role: "judge", content: "Hm." }];
      const refused = yield* Effect.flip(ChatTemplate.render(tokenizerOf("llama3"), messages, options));
      assert.match(refused.message, /roles judge.*Only user and assistant roles are supported, found judge/);
    }),
  );

  it.effect("takes the default of several named templates", () =>
    Effect.gen(function* () {
      const { tokenizer, config } = TinyPolicy.tokenizer;
      const make = (chat_template: unknown) =>
        Tokenizer.make({ tokenizer, config: { ...config, chat_template } }, "tiny");
      const tools = { name: "tool_use", template: "tools" };
      const { chatTemplate } = yield* make([tools, { name: "default", template: "plain" }]);
      assert.equal(chatTemplate, "plain");
      assert.equal((yield* make([tools])).chatTemplate, "tools");
      assert.isNull((yield* make(null)).chatTemplate);
      const error = yield* Effect.flip(make([tools, { name: "rag", template: "" }]));
      assert.match(
        error.message,
        /tiny\/tokenizer_config\.json: chat_template holds the templates tool_use, rag/,
      );
    }),
  );
});
