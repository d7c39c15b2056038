/**
 * Chat messages to a prompt, by the model's own Jinja template.
 *
 * The template is the model's (tokenizer_config.json or chat_template.jinja) and is rendered by @huggingface/jinja,
 * an interpreter without access to anything but what it is given here. As transformers' apply_chat_template does
 * it: messages, add_generation_prompt and the control tokens' text. The text holds its control tokens already, so
 * nothing is to be put in front of it when it is encoded.
 */
import * as Effect from "effect/Effect";
import { PolicyError } from "./PolicyError.ts";
import type { Tokenizer } from "./Tokenizer.ts";

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** The prompt's text. Fails where there is no template, or where it refuses the messages (their order, a role). */
export const render = (
  tokenizer: Pick<Tokenizer, "directory" | "chatTemplate" | "specialText">,
  messages: ReadonlyArray<Message>,
  options: { readonly addGenerationPrompt: boolean },
): Effect.Effect<string, PolicyError> =>
  Effect.gen(function* () {
    const { chatTemplate, directory } = tokenizer;
    if (chatTemplate === null) {
      return yield* new PolicyError({
        path: directory,
        reason: "the model has no chat template: it is a base model, or the template was not copied with it.",
        remedy:
          "Give it plain prompts (completions instead of chat), or put the template of its family into chat_template.jinja in this directory.",
      });
    }
    return yield* Effect.tryPromise({
      // Loaded here because most commands render no template.
      try: async () => {
        const { Template } = await import("@huggingface/jinja");
        const special = Object.entries(tokenizer.specialText).filter(([, text]) => text !== null);
        return new Template(chatTemplate).render({
          ...Object.fromEntries(special),
          messages: messages.map(({ role, content }) => ({ role, content })),
          add_generation_prompt: options.addGenerationPrompt,
        });
      },
      catch: (cause) =>
        new PolicyError({
          path: directory,
          reason: `the chat template does not render these messages (roles ${messages.map(({ role }) => role).join(", ")}): ${cause instanceof Error ? cause.message : String(cause)}.`,
          remedy: "Change the messages, or correct the template.",
        }),
    });
  });
