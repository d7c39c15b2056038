/**
 * Chat messages to a prompt, by the model's own Jinja template.
 *
 * The template is the model's (tokenizer_config.json or chat_template.jinja) and is rendered by @huggingface/jinja,
 * an interpreter without access to anything but what it is given here, in a process with limits. As transformers' apply_chat_template does
 * it: messages, add_generation_prompt and the control tokens' text. The text holds its control tokens already, so
 * nothing is to be put in front of it when it is encoded.
 */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { PolicyError } from "../PolicyError.ts";
import * as TemplateProcess from "./TemplateProcess.ts";
import type { Tokenizer } from "./Tokenizer.ts";

/** Ordinary templates take milliseconds; the first one waits for its process too. */
const LIMITS: TemplateProcess.Limits = { seconds: 10, megabytes: 256 };

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** The prompt's text. Fails where there is no template, or where it refuses the messages (their order, a role). */
export type Render = (
  tokenizer: Pick<Tokenizer, "directory" | "chatTemplate" | "specialText">,
  messages: ReadonlyArray<Message>,
  options: { readonly addGenerationPrompt: boolean },
) => Effect.Effect<string, PolicyError>;

/** A renderer whose process is kept for the next chat, as long as the scope is open. */
export const make = (limits = LIMITS): Effect.Effect<Render, never, Scope.Scope> =>
  Effect.map(
    TemplateProcess.make(limits),
    (run): Render =>
      Effect.fnUntraced(function* ({ chatTemplate, directory, specialText }, messages, options) {
        if (chatTemplate === null) {
          return yield* new PolicyError({
            path: directory,
            reason:
              "the model has no chat template: it is a base model, or the template was not copied with it.",
            remedy:
              "Give it plain prompts (completions instead of chat), or put the template of its family into chat_template.jinja in this directory.",
          });
        }
        const special = Object.entries(specialText).filter(([, text]) => text !== null);
        const variables = {
          ...Object.fromEntries(special),
          messages: messages.map(({ role, content }) => ({ role, content })),
          add_generation_prompt: options.addGenerationPrompt,
        };
        return yield* run({ template: chatTemplate, variables }).pipe(
          Effect.mapError((problem) => {
            const roles = [...new Set(messages.map(({ role }) => role))].join(", ");
            return new PolicyError({
              path: directory,
              reason: `the chat template ${problem} (roles ${roles}).`,
              remedy: "Change the messages, or correct the template.",
            });
          }),
        );
      }),
  );

/** One chat, by a renderer of its own. */
export const render = (...chat: Parameters<Render>): Effect.Effect<string, PolicyError> =>
  Effect.scoped(Effect.flatMap(make(), (once) => once(...chat)));
