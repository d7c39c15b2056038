/**
 * Statement variants: the same problem in another frame of words.
 *
 * A variant is a task of its own with the tests of the first, `meta.variantOf` naming it, so that splits and the
 * check of contamination take them for one problem.
 */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import type { Random } from "../../random/Random.ts";

const NAMES: Readonly<Record<Task["language"], string>> = {
  javascript: "JavaScript",
  python: "Python",
  cpp: "C++",
};

/** A statement without the words that only frame it: "Write a function to …", "Write a python function which …". */
const bare = (statement: string): string =>
  statement
    .trim()
    .replace(/^write an? (?:python |javascript |c\+\+ )?(?:function|program) (?:to|that|which) /i, "");

const lower = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text[0]?.toLowerCase() + text.slice(1) : text;

interface Template {
  readonly name: string;
  readonly write: (task: Task) => string;
}

/** In a fixed order; each keeps every word that says what is asked. */
export const templates: ReadonlyArray<Template> = [
  { name: "task", write: ({ statement }) => `Task: ${statement.trim()}` },
  {
    name: "language",
    write: ({ statement, language }) => `In ${NAMES[language]}: ${lower(bare(statement))}`,
  },
  {
    name: "name",
    write: ({ statement, entryPoint, tests }) =>
      tests.kind === "stdio"
        ? `Write a program. ${statement.trim()}`
        : `${statement.trim()} Call the function ${entryPoint}.`,
  },
  { name: "please", write: ({ statement }) => `Please ${lower(bare(statement))}` },
  { name: "solve", write: ({ statement }) => `Solve this problem. ${statement.trim()}` },
];

export interface Variant {
  readonly task: Task;
  readonly attempts: ReadonlyArray<Attempt>;
}

/**
 * Up to `count` variants of a task, with copies of its attempts: their labels hold, as tests and limits are the same.
 */
export const variants = (
  task: Task,
  attempts: ReadonlyArray<Attempt>,
  random: Random,
  count: number,
): ReadonlyArray<Variant> => {
  const seen = new Set([task.statement]);
  const found: Array<Variant> = [];
  for (const { name, write } of random.shuffle(templates)) {
    if (found.length >= count) break;
    const statement = write(task);
    if (seen.has(statement)) continue;
    seen.add(statement);
    const id = `${task.id}/variant-${name}`;
    const of = typeof task.meta?.["variantOf"] === "string" ? task.meta["variantOf"] : task.id;
    found.push({
      task: { ...task, id, statement, meta: { ...task.meta, variantOf: of, template: name } },
      attempts: attempts.map((attempt) => ({ ...attempt, taskId: id })),
    });
  }
  return found;
};
