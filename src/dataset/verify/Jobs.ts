/**
 * What a verification of a dataset has to run: pure, before anything is spent.
 *
 * Equal programs of a task are one job. References come first: where a task's own reference fails, the labels of its
 * attempts say little.
 */
import { createHash } from "node:crypto";
import type { Attempt } from "../../domain/Attempt.ts";
import type { Task } from "../../domain/Task.ts";
import * as Random from "../../random/Random.ts";
import type { Records } from "../DatasetReader.ts";

export interface Source {
  readonly tasks: Records<Task>;
  readonly attempts: Records<Attempt>;
}

export interface Selection {
  readonly what: "attempts" | "references" | "both";
  /** Only attempts without a label. */
  readonly unlabelled: boolean;
  /** Attempts drawn, without replacement, for an estimate; null: all. */
  readonly sample: number | null;
  readonly seed: number;
}

/** One program to run: where it is, rather than its text. */
export interface Job {
  readonly key: string;
  /** Index into the tasks. */
  readonly task: number;
  /** Index into the attempts; null: the task's reference. */
  readonly attempt: number | null;
}

export interface Plan {
  readonly jobs: ReadonlyArray<Job>;
  /** Attempts that were asked for: those that the estimate and the agreement are about. */
  readonly chosen: ReadonlySet<number>;
  /** Attempts and references whose program another job has already. */
  readonly repeats: number;
}

/** A program of a task: equal ones share a verdict. 32 hexadecimal digits. */
export const key = (taskId: string, program: string): string =>
  createHash("sha256").update(`${taskId}\n${program}`, "utf8").digest("hex").slice(0, 32);

/** `n` of `length` indices, without replacement and in order (Floyd's algorithm: no memory for the others). */
const draw = (length: number, n: number, random: Random.Random): ReadonlySet<number> => {
  const taken = new Set<number>();
  for (let j = Math.max(0, length - n); j < length; j++) {
    const at = random.int(j + 1);
    taken.add(taken.has(at) ? j : at);
  }
  return taken;
};

const chosenOf = (attempts: Records<Attempt>, selection: Selection): ReadonlySet<number> => {
  if (selection.what === "references") return new Set();
  const eligible: Array<number> = [];
  let index = 0;
  for (const { outcome } of attempts) {
    if (!selection.unlabelled || outcome === undefined) eligible.push(index);
    index += 1;
  }
  if (selection.sample === null) return new Set(eligible);
  const random = Random.make(selection.seed).split("verify/sample");
  return new Set([...draw(eligible.length, selection.sample, random)].map((at) => eligible[at]));
};

/** The jobs of a selection, in the order in which they run. */
export const plan = ({ tasks, attempts }: Source, selection: Selection): Plan => {
  const jobs: Array<Job> = [];
  const seen = new Set<string>();
  const taskAt = new Map<string, number>();
  let repeats = 0;
  const add = (job: Job): void => {
    if (seen.has(job.key)) repeats += 1;
    else {
      seen.add(job.key);
      jobs.push(job);
    }
  };
  const chosen = chosenOf(attempts, selection);
  // Of a sample, the references of its own tasks: an estimate should not cost a run of every task.
  const wanted = selection.sample === null ? null : new Set([...chosen].map((at) => attempts.at(at).taskId));
  let index = 0;
  for (const { id, reference } of tasks) {
    taskAt.set(id, index);
    if (selection.what !== "attempts" && reference !== undefined && (wanted?.has(id) ?? true)) {
      add({ key: key(id, reference), task: index, attempt: null });
    }
    index += 1;
  }
  index = 0;
  for (const { taskId, program } of attempts) {
    const task = taskAt.get(taskId);
    if (chosen.has(index) && task !== undefined) add({ key: key(taskId, program), task, attempt: index });
    index += 1;
  }
  return { jobs, chosen, repeats };
};

/** The text of a job's program. */
export const programOf = ({ tasks, attempts }: Source, job: Job): string =>
  job.attempt === null ? (tasks.at(job.task).reference ?? "") : attempts.at(job.attempt).program;
