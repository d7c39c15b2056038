/** How a task becomes a prompt for a policy, and a program the completion that is trained on. */
import type { PromptTemplate } from "../config/RunConfig.ts";
import type { Task } from "../domain/Task.ts";
import * as MbppPrompt from "./MbppPrompt.ts";

/** The prompt's text. `shots` are the worked examples of a few-shot template. */
export const render = (template: PromptTemplate, task: Task, shots: ReadonlyArray<Task>): string => {
  switch (template) {
    case "mbpp-3-shot":
      return MbppPrompt.render(task, shots);
    case "mbpp-0-shot":
      return MbppPrompt.render(task, []);
    case "plain":
      return `${task.statement}\n`;
  }
};

/** The text after the prompt: the program and what ends it. */
export const completion = (template: PromptTemplate, program: string): string =>
  template === "plain" ? program : `${program.trimEnd()}\n${MbppPrompt.STOP}`;
