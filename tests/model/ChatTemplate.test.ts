import { assert, describe, it } from "@effect/vitest";
import * as Effect from "effect/Effect";
import * as ChatTemplate from "../../src/model/tokenizer/ChatTemplate.ts";
import * as Tokenizer from "../../src/model/tokenizer/Tokenizer.ts";
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
      assert.match(
        refused.message,
        /Only user and assistant roles are supported, found judge \(roles judge\)\. Change/,
      );
    }),
  );

  const LIMITS = { seconds: 3, megabytes: 64 };
  const doubled = (filter: string) =>
    `{% set ns = namespace(s='a,a,a,a,') %}{% for i in range(25) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s${filter} }}`;
  for (const [what, template, expected] of [
    [
      "a loop within a loop",
      "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
      /^policies\/x: the chat template took longer than 3 s to render \(roles user\)\./,
    ],
    ["a list of a billion numbers", "{% for i in range(1000000000) %}{% endfor %}", /more than 64 MB/],
    ["a text that doubles, in capitals", doubled(" | upper | length"), /more than 64 MB/],
    ["a text that doubles, in parts", doubled(".split(',') | length"), /longer than 3 s|more than 64 MB/],
    ["a long answer", doubled(""), /it wrote 268435456 characters, expected at most 16777216/],
    ["a long complaint", "{{ raise_exception('a' ~ 'bc' * 100) }}", /does not render/],
  ] as const) {
    it.live(
      `a hostile template is stopped, and the next one is rendered: ${what}`,
      () =>
        Effect.gen(function* () {
          const render = yield* ChatTemplate.make(LIMITS);
          const of = (chatTemplate: string) =>
            render({ ...tokenizerOf("none"), chatTemplate }, [{ role: "user", content: "Hi" }], {
              addGenerationPrompt: true,
            });
          assert.match((yield* Effect.flip(of(template))).message, expected);
          assert.equal(yield* of("{{ messages[0].content }}!"), "Hi!");
        }),
      20_000,
    );
  }

  it.live(
    "chats that are asked for at once are rendered one after the other; one that is given up stops",
    () =>
      Effect.gen(function* () {
        const render = yield* ChatTemplate.make(LIMITS);
        const of = (chatTemplate: string) =>
          render({ ...tokenizerOf("none"), chatTemplate }, [], { addGenerationPrompt: true });
        const numbers = Array.from({ length: 20 }, (_, i) => String(i));
        const [first] = yield* Effect.all(
          [
            Effect.forEach(numbers, of, { concurrency: "unbounded" }),
            of("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}").pipe(
              Effect.timeoutOption("100 millis"),
            ),
          ],
          { concurrency: "unbounded" },
        );
        assert.deepEqual(first, numbers);
        assert.equal(yield* of("after"), "after");
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
