/**
 * Divides tasks into training, validation and test.
 *
 * What belongs together stays on one side: tasks of equal or nearly equal statements, and, where asked, tasks that
 * agree in a fact of their `meta` (a contest, a source problem). Groups are shuffled by the seed and each goes where
 * most is missing, so that the sizes are as asked up to the size of a group.
 */
import type { Split, Task } from "../../domain/Task.ts";
import * as Random from "../../random/Random.ts";
import { Keys } from "../Keys.ts";
import * as Likeness from "./Likeness.ts";
import * as MinHash from "./MinHash.ts";

export interface Options {
  /** Shares of the tasks; those of all three, which sum to 1. */
  readonly shares: Readonly<Record<Split, number>>;
  readonly seed: number;
  /** A key of `meta`: tasks of one value stay together. */
  readonly group?: string;
  /** Tasks with statements at least so similar stay together; 1: equal ones only. */
  readonly threshold: number;
}

export interface Result {
  /** The place of each task, in their order. */
  readonly splitOf: (number: number) => Split;
  readonly groups: number;
  /** The tasks that are in a group with others. */
  readonly together: number;
}

const SPLITS = ["train", "validation", "test"] as const;

/** What is looked at of a task. */
export type Subject = Pick<Task, "statement" | "meta">;

/** Groups of tasks that must not be parted, as numbers of their first members. */
export const groups = (
  tasks: Iterable<Subject>,
  options: Pick<Options, "group" | "threshold">,
): ReadonlyArray<number> => {
  const parent: Array<number> = [];
  const find = (number: number): number => {
    let root = number;
    while (parent[root] !== root) root = parent[root];
    for (let at = number; at !== root; ) {
      const next = parent[at];
      parent[at] = root;
      at = next;
    }
    return root;
  };
  const join = (a: number, b: number): void => {
    const [one, other] = [find(a), find(b)];
    parent[Math.max(one, other)] = Math.min(one, other);
  };
  const firstOf = new Keys();
  const joinBy = (key: string, number: number): void => {
    const first = firstOf.add(key, number);
    if (first !== undefined) join(first, number);
  };
  const index = options.threshold < 1 ? MinHash.index(options.threshold) : undefined;
  for (const task of tasks) {
    const number = parent.length;
    parent.push(number);
    joinBy(`s${Likeness.statementKey("normalised", task.statement)}`, number);
    const fact = options.group === undefined ? undefined : task.meta?.[options.group];
    if (fact !== undefined) joinBy(`g${JSON.stringify(fact)}`, number);
    if (index === undefined) continue;
    const set = Likeness.statementSet(task.statement);
    for (const { id } of index.near(set)) join(id, number);
    index.add(number, set);
  }
  return parent.map((_, number) => find(number));
};

/** The tasks are gone through once; of each some bytes are held, and its statement's shingles. */
export const split = (tasks: Iterable<Subject>, options: Options): Result => {
  const roots = groups(tasks, options);
  const sizes = new Uint32Array(roots.length);
  for (const root of roots) sizes[root]++;
  const firsts = roots.filter((root, number) => root === number);
  const order = Random.make(options.seed).split("dataset-split").shuffle(firsts);
  // The large groups first: later ones fill what they leave.
  order.sort((a, b) => sizes[b] - sizes[a]);
  const missing = { train: 0, validation: 0, test: 0 };
  for (const name of SPLITS) missing[name] = options.shares[name] * roots.length;
  const places = new Uint8Array(roots.length);
  const open = SPLITS.filter((name) => options.shares[name] > 0);
  for (const root of order) {
    const place = open.reduce((best, name) => (missing[name] > missing[best] ? name : best));
    missing[place] -= sizes[root];
    places[root] = SPLITS.indexOf(place);
  }
  return {
    splitOf: (number) => SPLITS[places[roots[number]]],
    groups: firsts.length,
    together: sizes.reduce((sum, size) => sum + (size > 1 ? size : 0), 0),
  };
};
