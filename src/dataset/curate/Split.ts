/**
 * Divides tasks into training, validation and test.
 *
 * What belongs together stays on one side: tasks of equal or nearly equal statements, and, where asked, tasks that
 * agree in a fact of their `meta` (a contest, a source problem). Groups are shuffled by the seed and each goes where
 * most is missing, so that the sizes are as asked up to the size of a group.
 */
import type { Split, Task } from "../../domain/Task.ts";
import * as Random from "../../random/Random.ts";
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
  readonly splitOf: ReadonlyMap<string, Split>;
  readonly groups: number;
  /** The tasks that are in a group with others. */
  readonly together: number;
}

const SPLITS = ["train", "validation", "test"] as const;

/** Groups of tasks that must not be parted, as numbers of their first members. */
export const groups = (
  tasks: ReadonlyArray<Task>,
  options: Pick<Options, "group" | "threshold">,
): ReadonlyArray<number> => {
  const parent = tasks.map((_, number) => number);
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
  const firstOf = new Map<string, number>();
  const joinBy = (key: string, number: number): void => {
    const first = firstOf.get(key);
    if (first === undefined) firstOf.set(key, number);
    else join(first, number);
  };
  const index = options.threshold < 1 ? MinHash.index(options.threshold) : undefined;
  for (const [number, task] of tasks.entries()) {
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

export const split = (tasks: ReadonlyArray<Task>, options: Options): Result => {
  const members = new Map<number, Array<Task>>();
  for (const [number, root] of groups(tasks, options).entries()) {
    const group = members.get(root);
    if (group === undefined) members.set(root, [tasks[number]]);
    else group.push(tasks[number]);
  }
  const order = Random.make(options.seed)
    .split("dataset-split")
    .shuffle([...members.values()]);
  // The large groups first: later ones fill what they leave.
  order.sort((a, b) => b.length - a.length);
  const missing = { train: 0, validation: 0, test: 0 };
  for (const name of SPLITS) missing[name] = options.shares[name] * tasks.length;
  const splitOf = new Map<string, Split>();
  for (const group of order) {
    const open = SPLITS.filter((name) => options.shares[name] > 0);
    const place = open.reduce((best, name) => (missing[name] > missing[best] ? name : best));
    missing[place] -= group.length;
    for (const { id } of group) splitOf.set(id, place);
  }
  return {
    splitOf,
    groups: members.size,
    together: [...members.values()].reduce((sum, group) => sum + (group.length > 1 ? group.length : 0), 0),
  };
};
