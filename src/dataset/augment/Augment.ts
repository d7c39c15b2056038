/**
 * More data from a dataset's own programs: what is generated, and what is kept of it once a sandbox has judged it.
 *
 * Pure. Every generated attempt says by its origin how it was made, and nothing gets a label that no sandbox gave:
 * repairs and variants carry over the labels of the programs that they repeat, everything else is verified or has none.
 */
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import * as Random from "../../random/Random.ts";
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

export interface Options {
  readonly kinds: ReadonlyArray<Kind>;
  /** New records of each kind for a task, at most. */
  readonly perTask: number;
  readonly seed: number;
  /** Where new names come from: those that the dataset's own programs use, or others. */
  readonly names: "dataset" | "fresh";
}

export interface Generated {
  /** To be judged: mutants, renamed and reformatted programs, cuts, without labels. */
  readonly programs: ReadonlyArray<Attempt>;
  /** Repairs, with the labels of their passing programs. */
  readonly repairs: ReadonlyArray<Attempt>;
  /** New tasks with copies of attempts. */
  readonly variants: ReadonlyArray<Statements.Variant>;
  /** Training tasks that nothing was made of: they have no passing attempt. */
  readonly without: number;
}

const byTask = ({ attempts }: Source): ReadonlyMap<string, ReadonlyArray<Attempt>> => {
  const groups = new Map<string, Array<Attempt>>();
  for (const attempt of attempts) {
    const group = groups.get(attempt.taskId);
    if (group === undefined) groups.set(attempt.taskId, [attempt]);
    else group.push(attempt);
  }
  return groups;
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
  kind: "mutants" | "renames" | "reformats" | "cuts",
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
const poolsOf = (
  { tasks }: Source,
  groups: ReturnType<typeof byTask>,
): ReadonlyMap<string, ReadonlyArray<string>> => {
  const programs = new Map<Task["language"], Array<{ program: string; keep: ReadonlyArray<string> }>>();
  for (const task of tasks) {
    if (task.split !== "train") continue;
    const keep = Renames.kept(task);
    const own = passingOf(groups.get(task.id) ?? []).map(({ program }) => ({ program, keep }));
    const list = programs.get(task.language) ?? [];
    programs.set(task.language, list);
    if (list.length < POOL_PROGRAMS) list.push(...own);
  }
  return new Map([...programs].map(([language, list]) => [language, Renames.poolOf(language, list)]));
};

/**
 * What is made of a dataset's training tasks. The same dataset, options and seed give the same records, and what is
 * made of a task depends on the others by the names that they use alone.
 */
export const generate = (source: Source, options: Options): Generated => {
  const groups = byTask(source);
  const programs: Array<Attempt> = [];
  const repairs: Array<Attempt> = [];
  const variants: Array<Statements.Variant> = [];
  const asked = new Set(options.kinds);
  const pools =
    asked.has("renames") && options.names === "dataset" ? poolsOf(source, groups) : new Map<string, never>();
  let without = 0;
  for (const task of source.tasks) {
    if (task.split !== "train") continue;
    const random = Random.make(options.seed).split(`augment/${task.id}`);
    const attempts = groups.get(task.id) ?? [];
    const passing = passingOf(attempts);
    if (passing.length === 0) without += 1;
    const seen = new Set(attempts.map(({ program }) => program));
    for (const kind of ["mutants", "renames", "reformats", "cuts"] as const) {
      if (!asked.has(kind)) continue;
      const own = random.split(kind);
      const lists = own
        .shuffle(passing)
        .map((from, i) =>
          drafts(
            kind,
            task,
            from.program,
            own.split(i),
            options.perTask,
            pools.get(task.language) ?? [],
          ).flatMap(([origin, program]) =>
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
    if (asked.has("repairs"))
      repairs.push(...Repairs.repairs(task.language, attempts, random.split("repairs"), options.perTask));
    if (asked.has("statements"))
      variants.push(...Statements.variants(task, attempts, random.split("statements"), options.perTask));
  }
  return { programs, repairs, variants, without };
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
