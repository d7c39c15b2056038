/** The dataset that `--tasks` names: its tasks come first, and attempts find theirs by id or by statement. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { Task } from "../../domain/Task.ts";
import * as Contamination from "../Contamination.ts";
import type { DatasetError } from "../DatasetError.ts";
import * as DatasetReader from "../DatasetReader.ts";

export interface Base {
  readonly reader: DatasetReader.DatasetReader;
  readonly task: (id: string) => Task | undefined;
  /** Only letters and digits count; the first of several. */
  readonly taskWith: (statement: string) => Task | undefined;
}

export const open = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<Base, DatasetError, Scope.Scope> {
  const reader = yield* DatasetReader.open(directory);
  const byId = new Map<string, number>();
  const byStatement = new Map<string, number>();
  let index = 0;
  for (const task of reader.tasks) {
    byId.set(task.id, index);
    const text = Contamination.normalise(task.statement);
    if (!byStatement.has(text)) byStatement.set(text, index);
    index++;
  }
  const at = (found: number | undefined): Task | undefined =>
    found === undefined ? undefined : reader.tasks.at(found);
  return {
    reader,
    task: (id) => at(byId.get(id)),
    taskWith: (statement) => at(byStatement.get(Contamination.normalise(statement))),
  };
});
