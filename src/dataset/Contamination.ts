/**
 * Contamination: a run that trains on a task which it evaluates measures nothing, and is refused.
 *
 * Two tasks are the same where their ids are equal, or their statements once letters, digits and their order
 * are all that counts.
 */
import * as Effect from "effect/Effect";
import * as Schema from "effect/Schema";
import type { Task } from "../domain/Task.ts";

export class Contaminated extends Schema.TaggedError<Contaminated>()("Contaminated", {
  /** How many evaluated tasks are trained on. */
  count: Schema.Int,
  reason: Schema.String,
  remedy: Schema.String,
}) {
  override get message(): string {
    return `${this.reason} ${this.remedy}`;
  }
}

/** Letters and digits of a statement, lower case, one space between words. */
export const normalise = (statement: string): string =>
  statement
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

export interface Overlap {
  readonly evaluated: Task;
  readonly trained: Task;
  readonly by: "id" | "statement";
}

/** Pairs of an evaluated task and the training task that it equals. */
export const overlap = (
  trainTasks: ReadonlyArray<Task>,
  evalTasks: ReadonlyArray<Task>,
): ReadonlyArray<Overlap> => {
  const ids = new Map(trainTasks.map((task) => [task.id, task]));
  const statements = new Map(trainTasks.map((task) => [normalise(task.statement), task]));
  return evalTasks.flatMap((evaluated): ReadonlyArray<Overlap> => {
    const same = ids.get(evaluated.id);
    if (same !== undefined) return [{ evaluated, trained: same, by: "id" }];
    const alike = statements.get(normalise(evaluated.statement));
    return alike === undefined ? [] : [{ evaluated, trained: alike, by: "statement" }];
  });
};

/** Fails where a task is both trained on and evaluated. */
export const check = (
  trainTasks: ReadonlyArray<Task>,
  evalTasks: ReadonlyArray<Task>,
): Effect.Effect<void, Contaminated> =>
  Effect.suspend(() => {
    const pairs = overlap(trainTasks, evalTasks);
    if (pairs.length === 0) return Effect.void;
    const some = pairs
      .slice(0, 3)
      .map(({ evaluated, trained, by }) =>
        by === "id" ? evaluated.id : `${evaluated.id} (its statement equals that of ${trained.id})`,
      );
    const more = pairs.length > some.length ? ` and ${pairs.length - some.length} more` : "";
    return Effect.fail(
      new Contaminated({
        count: pairs.length,
        reason: `The run would train on ${pairs.length} of the ${evalTasks.length} tasks that it evaluates: ${some.join(", ")}${more}.`,
        remedy: "Evaluate another split, or take these tasks out of the training data.",
      }),
    );
  });
