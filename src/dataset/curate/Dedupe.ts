/**
 * Removes what a dataset has twice: tasks with one statement, and programs that are the same attempt at a task.
 *
 * Attempts are looked at task by task, so that memory is that of the largest task's attempts and some bytes for
 * each of the others. Of equal programs a labelled one stays, a sandbox's label before a dataset's. Equal programs
 * with different outcomes are reported. Near-duplicates of different outcomes are not duplicates: a near miss beside
 * its repair is what a critic learns from.
 */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import { Keys } from "../Keys.ts";
import * as Groups from "./Groups.ts";
import * as Likeness from "./Likeness.ts";
import * as MinHash from "./MinHash.ts";

/** Records by number, as a reader of datasets has them. */
export interface List<A> extends Iterable<A> {
  readonly length: number;
  readonly at: (index: number) => A;
}

export interface Options {
  readonly level: Likeness.Level;
  /** Least Jaccard similarity of near-duplicates. */
  readonly threshold: number;
  /** Of the hash functions. */
  readonly seed: number;
}

export interface TaskPair {
  readonly kept: string;
  readonly removed: string;
  readonly similarity: number;
}

export interface Tasks {
  /** For each removed task's id, that of the task it repeats. */
  readonly removed: ReadonlyMap<string, string>;
  readonly pairs: ReadonlyArray<TaskPair>;
}

/** Tasks in one language whose statements (and with equal ones, entry points) are the same. The first stays. */
export const tasks = (all: List<Task>, options: Options): Tasks => {
  const byKey = new Keys();
  const pairs: Array<TaskPair> = [];
  const removed = new Map<string, string>();
  const indexes = new Map<string, MinHash.Index>();
  const drop = (task: Task, by: Task, similarity: number): void => {
    // What it equals may itself be gone, as a near-duplicate of one that stays.
    const kept = removed.get(by.id) ?? by.id;
    removed.set(task.id, kept);
    pairs.push({ kept, removed: task.id, similarity });
  };
  let number = -1;
  for (const task of all) {
    number++;
    const key = JSON.stringify([
      task.language,
      task.entryPoint,
      Likeness.statementKey(options.level, task.statement),
    ]);
    const same = byKey.add(key, number);
    if (same !== undefined) {
      drop(task, all.at(same), 1);
      continue;
    }
    if (options.level !== "near") continue;
    const index = indexes.get(task.language) ?? MinHash.index(options.threshold, options.seed);
    indexes.set(task.language, index);
    const set = Likeness.statementSet(task.statement);
    const near = index.near(set).find(({ id }) => all.at(id).entryPoint === task.entryPoint);
    if (near !== undefined) {
      drop(task, all.at(near.id), near.similarity);
      continue;
    }
    index.add(number, set);
  }
  return { removed, pairs };
};

export interface Conflict {
  readonly taskId: string;
  readonly program: string;
  /** What equal programs are labelled, each once. */
  readonly outcomes: ReadonlyArray<string>;
}

export interface Attempts {
  /** 1 for each attempt that stays. */
  readonly keep: Uint8Array;
  readonly removed: { readonly equal: number; readonly near: number };
  /** Equal programs that got different outcomes: how many, and the first of them. */
  readonly conflicts: { readonly count: number; readonly first: ReadonlyArray<Conflict> };
}

/** How many conflicts a report shows. */
const SHOWN = 20;

/** The higher, the sooner it stays. */
const worth = ({ outcome, labelSource }: Attempt): number =>
  outcome === undefined ? 0 : labelSource === "sandbox" ? 2 : 1;

/** Whether two outcomes say the same of a program; no outcome says nothing. */
const agree = (a: Attempt, b: Attempt): boolean =>
  a.outcome === undefined || b.outcome === undefined || (a.outcome === "Passed") === (b.outcome === "Passed");

/**
 * Which attempts stay. `taskOf` gives the task of an id, or undefined where its attempts go with it; attempts whose
 * `reasoning` differs are different. `done` is told how many attempts are behind.
 */
export const attempts = (
  all: List<Attempt>,
  taskOf: (id: string) => Task | undefined,
  options: Options,
  done: (count: number) => void = () => undefined,
): Attempts => {
  const keep = new Uint8Array(all.length);
  let equal = 0;
  let near = 0;
  let behind = 0;
  let conflictCount = 0;
  const first: Array<Conflict> = [];
  const groups = Groups.byTask(
    Groups.each(all, ({ taskId }) => taskId),
    all.length,
  );
  for (let group = 0; group < groups.size; group++) {
    const numbers = groups.at(group);
    behind += numbers.length;
    const { taskId } = all.at(numbers[0]);
    const task = taskOf(taskId);
    if (task !== undefined) {
      const classes = new Map<string, Array<{ readonly number: number; readonly attempt: Attempt }>>();
      for (const number of numbers) {
        const attempt = all.at(number);
        const key = JSON.stringify([
          attempt.reasoning ?? "",
          Likeness.programKey(options.level, task, attempt.program),
        ]);
        const members = classes.get(key);
        if (members === undefined) classes.set(key, [{ number, attempt }]);
        else members.push({ number, attempt });
      }
      const best = [...classes.values()].map((members) => {
        const outcomes = [...new Set(members.flatMap(({ attempt }) => attempt.outcome ?? []))];
        if (outcomes.length > 1) {
          conflictCount++;
          if (first.length < SHOWN) first.push({ taskId, program: members[0].attempt.program, outcomes });
        }
        equal += members.length - 1;
        return members.reduce((one, next) => (worth(next.attempt) > worth(one.attempt) ? next : one));
      });
      if (options.level !== "near") for (const { number } of best) keep[number] = 1;
      else {
        // The most telling labels first, so that what stays never has to be taken back.
        const order = best.sort((a, b) => worth(b.attempt) - worth(a.attempt) || a.number - b.number);
        const index = MinHash.index(options.threshold, options.seed);
        for (const [place, { number, attempt }] of order.entries()) {
          const set = Likeness.programSet(task, attempt.program);
          const twin = index
            .near(set)
            .some(
              ({ id }) =>
                agree(order[id].attempt, attempt) &&
                (order[id].attempt.reasoning ?? "") === (attempt.reasoning ?? ""),
            );
          if (twin) near++;
          else {
            keep[number] = 1;
            index.add(place, set);
          }
        }
      }
    }
    done(behind);
  }
  return { keep, removed: { equal, near }, conflicts: { count: conflictCount, first } };
};

/** Removed tasks whose tests are those of the task that stays: their attempts, labels and all, hold for it, too. */
export const moved = (
  taskOf: (id: string) => Task,
  removed: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> =>
  new Map(
    [...removed].filter(([from, to]) => {
      const [one, other] = [taskOf(from), taskOf(to)];
      return JSON.stringify([one.tests, one.limits]) === JSON.stringify([other.tests, other.limits]);
    }),
  );

export function* filtered<A>(items: Iterable<A>, keep: (item: A) => boolean): Iterable<A> {
  for (const item of items) if (keep(item)) yield item;
}

/** The records whose number is kept, in order. */
export function* chosen<A>(items: List<A>, keep: (index: number) => boolean): Iterable<A> {
  for (let index = 0; index < items.length; index++) if (keep(index)) yield items.at(index);
}
