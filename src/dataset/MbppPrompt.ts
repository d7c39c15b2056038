/**
 * MBPP's few-shot prompt, as in Austin et al., "Program Synthesis with Large Language Models" (2021), section 3:
 * three solved problems (task ids 2, 3 and 4), then the problem itself, up to `[BEGIN]`.
 */
import type { Task } from "../domain/Task.ts";

/** Task numbers of the standard three shots. */
export const SHOT_IDS: ReadonlyArray<number> = [2, 3, 4];

/** Where a completion ends. */
export const STOP = "[DONE]";

const ask = (task: Task): string => {
  const tests = task.tests.kind === "assert" ? task.tests.asserts : [];
  return `You are an expert Python programmer, and here is your task: ${task.statement} Your code should pass these tests:\n\n${tests.join("\n")}\n[BEGIN]\n`;
};

/** The prompt: `shots` with their reference solutions, then `task`. The completion is a program, then `[DONE]`. */
export const render = (task: Task, shots: ReadonlyArray<Task>): string =>
  [...shots.map((shot) => `${ask(shot)}${(shot.reference ?? "").trimEnd()}\n${STOP}`), ask(task)].join(
    "\n\n",
  );
