/**
 * How much of an evaluated task a training task holds: n-grams of words that two statements share, and n-grams of
 * tokens that two solutions share in their normal form, each as a share of the larger of the two (with repeats
 * counted), and the longest run that both have.
 *
 * The share is of the larger, not of the evaluated task's own: a pipeline of five steps that begins with the two of an
 * evaluated one holds all of it, and is another task.
 */
import type { Task } from "../domain/Task.ts";
import * as Normalise from "../syntax/Normalise.ts";
import * as MinHash from "./curate/MinHash.ts";
import { normalise } from "./Statement.ts";

/** What is looked at of a task; its tests, which may be large, need not be held. */
export type Problem = Pick<Task, "id" | "language" | "statement" | "reference">;

export const problemOf = ({ id, language, statement, reference }: Task): Problem => ({
  id,
  language,
  statement,
  ...(reference === undefined ? {} : { reference }),
});

export interface Options {
  /** Words an n-gram of statements, tokens one of solutions. */
  readonly words: number;
  readonly tokens: number;
  /** A pair is told from these shares on: of the statement and of the solution, or of the statement alone. */
  readonly leastStatement: number;
  readonly leastSolution: number;
  readonly statementAlone: number;
  /** Solutions of a task beside its reference: programs that pass. Asked for tasks of which enough is shared. */
  readonly solutions: (taskId: string) => ReadonlyArray<string>;
}

/** Five words: MBPP's statements have fifteen, and with ten one word changed leaves next to nothing shared. */
export const OPTIONS: Options = {
  words: 5,
  tokens: 5,
  leastStatement: 0.5,
  leastSolution: 0.8,
  statementAlone: 0.8,
  solutions: () => [],
};

export interface Shared {
  /** n-grams in both, as a share of the larger's. */
  readonly share: number;
  /** The longest run of words or tokens in both, and its length. */
  readonly run: string;
  readonly length: number;
}

export interface Pair {
  readonly evaluated: Problem;
  readonly trained: Problem;
  readonly statement: Shared;
  /** null where one of the two has no solution. */
  readonly solution: Shared | null;
}

const words = (task: Problem): ReadonlyArray<string> => {
  const text = normalise(task.statement);
  return text === "" ? [] : text.split(" ");
};

/** Hashes of n-grams, the second of a kind another than the first, so that sets count repeats. */
const grams = (items: ReadonlyArray<string>, size: number): MinHash.HashSet => {
  const times = new Map<number, number>();
  return MinHash.setOf(
    MinHash.shingles(items, size).map((hash) => {
      const time = times.get(hash) ?? 0;
      times.set(hash, time + 1);
      return time === 0 ? hash : MinHash.hashText(String(time), hash);
    }),
  );
};

const common = (a: MinHash.HashSet, b: MinHash.HashSet): number => {
  let i = 0;
  let j = 0;
  let both = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      both++;
      i++;
      j++;
    } else if (a[i] < b[j]) i++;
    else j++;
  }
  return both;
};

const share = (both: number, a: number, b: number): number =>
  Math.max(a, b) === 0 ? 0 : both / Math.max(a, b);

/** Longer lists are compared by their beginnings. */
const LONGEST = 2000;

/** The longest run of items that two lists share. */
export const longestRun = (
  one: ReadonlyArray<string>,
  other: ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const a = one.slice(0, LONGEST);
  const b = other.slice(0, LONGEST);
  let before = new Uint32Array(b.length + 1);
  let best = 0;
  let end = 0;
  for (let i = 1; i <= a.length; i++) {
    const row = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      if (a[i - 1] !== b[j - 1]) continue;
      row[j] = before[j - 1] + 1;
      if (row[j] > best) {
        best = row[j];
        end = i;
      }
    }
    before = row;
  }
  return a.slice(end - best, end);
};

interface Program {
  readonly tokens: ReadonlyArray<string>;
  readonly grams: MinHash.HashSet;
}

/** Solutions in their normal form, made when they are first asked for, and held no longer than their task. */
const solutionsOf = (options: Options) => {
  const known = new WeakMap<Problem, ReadonlyArray<Program>>();
  return (task: Problem): ReadonlyArray<Program> => {
    const there = known.get(task);
    if (there !== undefined) return there;
    const programs = new Set([
      ...(task.reference === undefined ? [] : [task.reference]),
      ...options.solutions(task.id),
    ]);
    const made = [...programs].map((program): Program => {
      const tokens = Normalise.tokens(task.language, program);
      return { tokens, grams: grams(tokens, options.tokens) };
    });
    known.set(task, made);
    return made;
  };
};

interface Best {
  readonly share: number;
  readonly a: Program;
  readonly b: Program;
}

const bestOf = (some: ReadonlyArray<Program>, others: ReadonlyArray<Program>): Best | null => {
  let best: Best | null = null;
  for (const a of some) {
    for (const b of others) {
      const value = share(common(a.grams, b.grams), a.grams.length, b.grams.length);
      if (best === null || value > best.share) best = { share: value, a, b };
    }
  }
  return best;
};

const shared = (value: number, a: ReadonlyArray<string>, b: ReadonlyArray<string>): Shared => {
  const run = longestRun(a, b);
  return { share: value, run: run.join(" "), length: run.length };
};

const withRuns = (evaluated: Problem, trained: Problem, statement: number, best: Best | null): Pair => ({
  evaluated,
  trained,
  statement: shared(statement, words(evaluated), words(trained)),
  solution: best === null ? null : shared(best.share, best.a.tokens, best.b.tokens),
});

/** What two tasks share. */
export const compare = (trained: Problem, evaluated: Problem, options: Options = OPTIONS): Pair => {
  const a = grams(words(evaluated), options.words);
  const b = grams(words(trained), options.words);
  const solutions = solutionsOf(options);
  const best =
    evaluated.language === trained.language ? bestOf(solutions(evaluated), solutions(trained)) : null;
  return withRuns(evaluated, trained, share(common(a, b), a.length, b.length), best);
};

/**
 * Pairs that share enough. An index of the evaluated statements' n-grams is held; the training tasks are gone through
 * once, and only what shares enough of a statement has its solutions looked at.
 *
 * Who shares a part of n n-grams has one of any n less that part plus one of them: the rarest are asked for, as those
 * that every task has ("write a function to find") would name all (prefix filtering: Chaudhuri et al. 2006).
 */
export const pairs = (
  trainTasks: Iterable<Problem>,
  evalTasks: ReadonlyArray<Problem>,
  options: Options = OPTIONS,
): ReadonlyArray<Pair> => {
  const index = new Map<number, Array<number>>();
  const sets = evalTasks.map((task, number) => {
    const set = grams(words(task), options.words);
    for (const hash of set) {
      const places = index.get(hash);
      if (places === undefined) index.set(hash, [number]);
      else places.push(number);
    }
    return set;
  });
  const solutions = solutionsOf(options);
  const least = Math.min(options.leastStatement, options.statementAlone);
  const out: Array<Pair> = [];
  for (const trained of trainTasks) {
    const set = grams(words(trained), options.words);
    const rarest = Array.from(set, (hash) => index.get(hash) ?? [])
      .sort((a, b) => a.length - b.length)
      .slice(0, set.length - Math.max(1, Math.ceil(least * set.length - 1e-9)) + 1);
    for (const number of [...new Set(rarest.flat())].sort((a, b) => a - b)) {
      const statement = share(common(set, sets[number]), set.length, sets[number].length);
      if (statement < least) continue;
      const evaluated = evalTasks[number];
      const best =
        evaluated.language === trained.language ? bestOf(solutions(evaluated), solutions(trained)) : null;
      const both = statement >= options.leastStatement && (best?.share ?? 0) >= options.leastSolution;
      if (both || statement >= options.statementAlone)
        out.push(withRuns(evaluated, trained, statement, best));
    }
  }
  return out;
};
