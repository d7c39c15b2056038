/**
 * More data from a dataset's own programs: what is generated, and what is kept of it once a sandbox has judged it.
 *
 * Pure. Every generated attempt says by its origin how it was made, and nothing gets a label that no sandbox gave:
 * repairs and variants carry over the labels of the programs that they repeat, everything else is verified or has none.
 */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import * as Random from "../../random/Random.ts";
import * as Groups from "../curate/Groups.ts";
import type { Source } from "../verify/Jobs.ts";
import * as Labels from "../verify/Labels.ts";
import type { Answer } from "../verify/VerdictLog.ts";
import * as Cuts from "./Cuts.ts";
import * as Mutants from "./Mutants.ts";
import * as Renames from "./Renames.ts";
import * as Repairs from "./Repairs.ts";
import * as Statements from "./Statements.ts";

export const kinds = ["mutants", "renames", "reformats", "repairs", "cuts", "statements"] as const;
export type Kind = (typeof kinds)[number];

/** Those whose programs are to be judged. */
export const PROGRAM_KINDS = [
  "mutants",
  "renames",
  "reformats",
  "cuts",
] as const satisfies ReadonlyArray<Kind>;

export interface Options {
  readonly kinds: ReadonlyArray<Kind>;
  /** New records of each kind for a task, at most. */
  readonly perTask: number;
  readonly seed: number;
  /** Where new names come from: those that the dataset's own programs use, or others. */
  readonly names: "dataset" | "fresh";
}

export interface Generated extends Omit<OfTask, "passing"> {
  /** Training tasks that nothing was made of: they have no passing attempt. */
  readonly without: number;
}

/** A task's attempts. */
type AttemptsOf = (taskId: string) => ReadonlyArray<Attempt>;

const byTask = ({ attempts }: Source): AttemptsOf => {
  const groups = Groups.byTask(
    Groups.each(attempts, ({ taskId }) => taskId),
    attempts.length,
  );
  return (taskId) => Array.from(groups.of(taskId), (number) => attempts.at(number));
};

/** Takes of each list in turn, up to `count`. */
const inTurn = <A>(lists: ReadonlyArray<ReadonlyArray<A>>, count: number): ReadonlyArray<A> => {
  const taken: Array<A> = [];
  for (let turn = 0; taken.length < count && lists.some(({ length }) => length > turn); turn++) {
    for (const list of lists) {
      const item = list[turn];
      if (item !== undefined && taken.length < count) taken.push(item);
    }
  }
  return taken;
};

type Draft = readonly [origin: string, program: string];

const drafts = (
  kind: (typeof PROGRAM_KINDS)[number],
  task: Task,
  program: string,
  random: Random.Random,
  n: number,
  pool: ReadonlyArray<string>,
): ReadonlyArray<Draft> => {
  switch (kind) {
    case "mutants":
      return Mutants.mutants(task.language, program, random, n).map((m) => [
        `augment:mutant/${m.kind}`,
        m.program,
      ]);
    case "renames":
      return Renames.renamings(task, program, random, n, pool).map((p) => ["augment:renamed", p]);
    case "reformats":
      return Renames.reformattings(task, program, random, n).map((p) => ["augment:reformatted", p]);
    case "cuts":
      return Cuts.cuts(task.language, program, random, n).map((c) => [`augment:cut/${c.kind}`, c.program]);
  }
};

/** The distinct passing programs of a task. */
const passingOf = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Attempt> => [
  ...new Map(attempts.filter(({ outcome }) => outcome === "Passed").map((a) => [a.program, a])).values(),
];

/** Programs that a pool of names is taken from. */
const POOL_PROGRAMS = 2000;

/** The names that the passing programs of training tasks use, by language. */
const poolsOf = ({ tasks }: Source, attemptsOf: AttemptsOf): ReadonlyMap<string, ReadonlyArray<string>> => {
  const programs = new Map<Task["language"], Array<{ program: string; keep: ReadonlyArray<string> }>>();
  for (const task of tasks) {
    if (task.split !== "train") continue;
    const list = programs.get(task.language) ?? [];
    programs.set(task.language, list);
    if (list.length >= POOL_PROGRAMS) continue;
    const keep = Renames.kept(task);
    list.push(...passingOf(attemptsOf(task.id)).map(({ program }) => ({ program, keep })));
  }
  return new Map([...programs].map(([language, list]) => [language, Renames.poolOf(language, list)]));
};

/** What is made of one training task. */
export interface OfTask {
  /** To be judged: mutants, renamed and reformatted programs, cuts, without labels. */
  readonly programs: ReadonlyArray<Attempt>;
  /** Repairs, with the labels of their passing programs. */
  readonly repairs: ReadonlyArray<Attempt>;
  /** New tasks with copies of attempts. */
  readonly variants: ReadonlyArray<Statements.Variant>;
  /** Distinct passing programs that the task has. */
  readonly passing: number;
}

/** Makes the kinds that are asked for, training task by training task; each kind is the same whatever others are made. */
export type Maker = (asked: ReadonlyArray<Kind>) => Iterable<OfTask>;

/**
 * What is made of a dataset's training tasks. The same dataset, options and seed give the same records, and what is
 * made of a task depends on the others by the names that they use alone.
 */
export const maker = (source: Source, options: Options): Maker => {
  const attemptsOf = byTask(source);
  const pools =
    options.kinds.includes("renames") && options.names === "dataset"
      ? poolsOf(source, attemptsOf)
      : new Map<string, never>();
  return function* (asked) {
    for (const task of source.tasks) {
      if (task.split === "train") yield ofTask(task, attemptsOf(task.id), asked, options, pools);
    }
  };
};

const ofTask = (
  task: Task,
  attempts: ReadonlyArray<Attempt>,
  asked: ReadonlyArray<Kind>,
  options: Options,
  pools: ReadonlyMap<string, ReadonlyArray<string>>,
): OfTask => {
  const random = Random.make(options.seed).split(`augment/${task.id}`);
  const passing = passingOf(attempts);
  const seen = new Set(attempts.map(({ program }) => program));
  const programs: Array<Attempt> = [];
  for (const kind of PROGRAM_KINDS) {
    if (!asked.includes(kind)) continue;
    const own = random.split(kind);
    const pool = pools.get(task.language) ?? [];
    const lists = own
      .shuffle(passing)
      .map((from, i) =>
        drafts(kind, task, from.program, own.split(i), options.perTask, pool).flatMap(([origin, program]) =>
          seen.has(program) ? [] : [{ taskId: task.id, program, origin, meta: { of: from.origin } }],
        ),
      );
    // Two programs can have one mutant: it is made once.
    for (const attempt of inTurn(lists, options.perTask)) {
      if (seen.has(attempt.program)) continue;
      seen.add(attempt.program);
      programs.push(attempt);
    }
  }
  return {
    programs,
    repairs: asked.includes("repairs")
      ? Repairs.repairs(task.language, attempts, random.split("repairs"), options.perTask)
      : [],
    variants: asked.includes("statements")
      ? Statements.variants(task, attempts, random.split("statements"), options.perTask)
      : [],
    passing: passing.length,
  };
};

/** All that is made, in memory. */
export const generate = (source: Source, options: Options): Generated => {
  const made = [...maker(source, options)(options.kinds)];
  return {
    programs: made.flatMap(({ programs }) => programs),
    repairs: made.flatMap(({ repairs }) => repairs),
    variants: made.flatMap(({ variants }) => variants),
    without: made.filter(({ passing }) => passing === 0).length,
  };
};

/** What becomes of a generated program. */
export type Settled =
  | { readonly kept: Attempt }
  | { readonly dropped: "equivalent" | "changed-meaning" | "fault" | "unverified" };

/**
 * A mutant that fails is a negative; one that passes all the same is a positive of another origin, or dropped. A
 * renamed program that does not pass is dropped: the renaming changed what it does. A cut is whatever it is.
 */
export const settle = (
  attempt: Attempt,
  answer: Answer | undefined,
  options: { readonly equivalents: "keep" | "drop" },
): Settled => {
  if (answer === undefined) return { dropped: "unverified" };
  if ("fault" in answer) return { dropped: "fault" };
  const labelled = Labels.labelled(attempt, answer.verdict);
  const passed = answer.verdict.outcome === "Passed";
  if (attempt.origin.startsWith("augment:mutant/") && passed) {
    if (options.equivalents === "drop") return { dropped: "equivalent" };
    const origin = attempt.origin.replace("augment:mutant/", "augment:mutant-equivalent/");
    return { kept: { ...labelled, origin } };
  }
  if (/^augment:(?:renamed|reformatted)/.test(attempt.origin) && !passed)
    return { dropped: "changed-meaning" };
  return { kept: labelled };
};
