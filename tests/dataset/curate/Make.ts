/** Small tasks and attempts for tests. */
import type { Attempt } from "../../../src/domain/Attempt.ts";
import type { Task } from "../../../src/domain/Task.ts";

export const task = (id: string, statement: string, more: Partial<Task> = {}): Task => ({
  id,
  source: "test",
  split: "train",
  language: "python",
  statement,
  entryPoint: "f",
  tests: { kind: "call", cases: [{ args: [1], expected: 1 }], visible: 0 },
  ...more,
});

export const attempt = (taskId: string, program: string, more: Partial<Attempt> = {}): Attempt => ({
  taskId,
  program,
  origin: "m",
  ...more,
});

export const list = <A>(items: ReadonlyArray<A>) => ({
  length: items.length,
  at: (index: number): A => items[index],
  [Symbol.iterator]: () => items[Symbol.iterator](),
});
