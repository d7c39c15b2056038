/** How a task becomes a prompt for a policy, and a program the completion that is trained on. */
import type { Task } from "../domain/Task.ts";
import * as MbppPrompt from "./MbppPrompt.ts";

/** Templates that a configuration may name. */
export type Template = "plain" | "mbpp-3-shot" | "mbpp-0-shot";

/** The prompt's text. `shots` are the worked examples of a few-shot template. */
export const render = (template: string, task: Task, shots: ReadonlyArray<Task>): string => {
  switch (template) {
    case "mbpp-3-shot":
      return MbppPrompt.render(task, shots);
    case "mbpp-0-shot":
      return MbppPrompt.render(task, []);
    default:
      return `${task.statement}\n`;
  }
};

/** The text after the prompt: the program and what ends it. */
export const completion = (template: string, program: string): string =>
  template.startsWith("mbpp") ? `${program.trimEnd()}\n[DONE]` : program;
