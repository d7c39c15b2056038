/**
 * What becomes of each record of an import: the format's tasks and attempts checked and written, and everything that is
 * kept out counted.
 */
import * as Fs from "node:fs";
import * as Effect from "effect/Effect";
import type { Language, Split, Task } from "../../domain/Task.ts";
import { DatasetError } from "../DatasetError.ts";
import type { DatasetWriter } from "../DatasetWriter.ts";
import type * as Base from "./Base.ts";
import * as Checks from "./Checks.ts";
import type * as Format from "./Format.ts";
import * as Inputs from "./Inputs.ts";
import * as Problem from "./Problem.ts";
import type { Item } from "./Source.ts";

export interface Settings {
  /** The dataset directory that is written. */
  readonly out: string;
  /** What a problem does: end the import, with nothing written; or leave the record out. */
  readonly onError: "stop" | "skip";
  /** Default: as the source says. */
  readonly split?: Split;
  /** Tasks of these alone. */
  readonly languages?: ReadonlyArray<Language>;
}

export interface Services<E> {
  readonly syntax: Checks.Syntax;
  /** Absent: formats whose answers a sandbox gives are refused. */
  readonly answer?: Format.Answer<E>;
}

export interface Tally {
  readonly problems: Problem.Tally;
  /** What is of no use here and no fault of the source, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

export interface Intake<E> {
  readonly take: (item: Item, context: Format.Context) => Effect.Effect<void, DatasetError | E>;
  readonly tally: () => Tally;
  readonly problemCount: () => number;
}

const KEPT_OUT = "an attempt at a task that was kept out";

/** What ends an import at a problem. Only a killed import can be resumed: nothing is left of this one. */
const stopped = (out: string, problem: Problem.Problem): Effect.Effect<never, DatasetError> => {
  const { line, ...place } = problem.place;
  const remedy = problem.remedy ?? "Correct it, or fetch the file again.";
  const error = new DatasetError({
    path: Problem.placeText(place),
    ...(line === undefined ? {} : { line }),
    reason: `${problem.kind}: ${Inputs.sentence(problem.reason)}`,
    remedy: `${remedy} Or leave such records out with --on-error skip. Nothing was imported.`,
  });
  return Effect.andThen(discard(out), Effect.fail(error));
};

/** Throws away what an import has written so far. */
export const discard = (out: string): Effect.Effect<void> =>
  Effect.sync(() => Fs.rmSync(`${out}.partial`, { recursive: true, force: true }));

/** `before`: what an interrupted import had counted. */
export const make = <E>({
  settings,
  format,
  base,
  writer,
  services,
  before,
}: {
  readonly settings: Settings;
  readonly format: Format.Format;
  readonly base: Base.Base | undefined;
  readonly writer: DatasetWriter;
  readonly services: Services<E>;
  readonly before: Tally | undefined;
}): Intake<E> => {
  let problems: Problem.Tally = before?.problems ?? {};
  const leftOut: Record<string, number> = { ...before?.leftOut };

  const problem = (found: Problem.Problem): Effect.Effect<void, DatasetError> => {
    if (settings.onError === "stop") return stopped(settings.out, found);
    problems = Problem.count(problems, found);
    return Effect.void;
  };
  const leave = (reason: string): void => {
    leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  };

  /** Writes one task; false where it is kept out. */
  const writeTask = Effect.fnUntraced(function* (task: Task, place: Problem.Place) {
    if (settings.languages !== undefined && !settings.languages.includes(task.language)) {
      leave(`a task in ${task.language}`);
      return false;
    }
    if (writer.hasTask(task.id)) {
      if (format.repeatsTasks === true || base?.task(task.id) !== undefined) return true;
      yield* problem({ kind: "duplicate task", place, reason: `the task "${task.id}" occurs twice` });
      return false;
    }
    const flaw = Checks.taskFlaw(task, services.syntax);
    if (flaw !== undefined) {
      yield* problem({ ...flaw, place });
      return false;
    }
    yield* writer.task(settings.split === undefined ? task : { ...task, split: settings.split });
    return true;
  });

  const take = Effect.fnUntraced(function* (item: Item, context: Format.Context) {
    if (item._tag === "Flawed") return yield* problem(item.problem);
    const { place } = item;
    const made = format.read(item.value, context);
    for (const flaw of made.flaws ?? []) yield* problem({ ...flaw, place });
    for (const reason of made.leftOut ?? []) leave(reason);
    const keptOut = new Set<string>();
    for (const task of made.tasks ?? []) {
      if (!(yield* writeTask(task, place))) keptOut.add(task.id);
    }
    for (const one of made.unanswered ?? []) {
      if (services.answer === undefined) {
        return yield* new DatasetError({
          path: format.name,
          reason:
            "what to expect of its tests is what their reference solutions answer, and there is no sandbox to run these.",
          remedy: "`drydock sandbox doctor` says what the Docker sandbox lacks.",
        });
      }
      const answered = yield* services.answer(one);
      if ("kind" in answered) yield* problem({ ...answered, place });
      else yield* writeTask(answered, place);
    }
    for (const attempt of made.attempts ?? []) {
      // Its task may stand in this record: it is not to blame for what is told of that already.
      if (keptOut.has(attempt.taskId) && !writer.hasTask(attempt.taskId)) {
        leave(KEPT_OUT);
        continue;
      }
      const flaw = Checks.attemptFlaw(attempt, writer.hasTask(attempt.taskId));
      if (flaw !== undefined) yield* problem({ ...flaw, place });
      else yield* writer.attempt(attempt);
    }
  });

  return {
    take,
    tally: () => ({ problems, leftOut: { ...leftOut } }),
    problemCount: () => Object.values(problems).reduce((sum, { count }) => sum + count, 0),
  };
};
