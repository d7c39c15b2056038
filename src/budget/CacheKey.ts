/**
 * Keys of programs: everything that a verdict depends on, and nothing else.
 *
 * Program text (exact, or its normal form), task id, language, entry point, tests, limits, and the sandbox's identity (engine, image,
 * judge version). Statement, split and reference solution do not change a verdict and are left out.
 *
 * Runs share verdicts by these keys (store/SharedVerdicts.ts), and so do versions of Drydock: whoever changes what goes
 * into a key, the normal form (syntax/Normalise.ts) included, gives it a new number.
 */
import { createHash } from "node:crypto";
import type { Task } from "../domain/Task.ts";
import * as Normalise from "../syntax/Normalise.ts";

/** JSON with keys in order, so that equal values have equal texts. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`);
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
};

const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");

const taskHashes = new WeakMap<Task, string>();

/** Hash of what a task puts into a verdict; kept, as a task has many programs. */
const taskHash = (task: Task): string => {
  let hash = taskHashes.get(task);
  if (hash === undefined) {
    const { id, language, entryPoint, tests, limits } = task;
    hash = sha256(canonical({ id, language, entryPoint, tests, limits }));
    taskHashes.set(task, hash);
  }
  return hash;
};

/** Of the program as it is written: 64 hexadecimal digits. `sandbox` is the sandbox's `identity`. */
export const exact = (task: Task, program: string, sandbox: string): string =>
  sha256(canonical(["verdict-1", taskHash(task), sandbox, sha256(program)]));

/**
 * The same for programs that differ only in comments, spacing and names of their own, and so cannot differ in what
 * running them shows: 64 hexadecimal digits.
 */
export const normalised = (task: Task, program: string, sandbox: string): string => {
  const form = Normalise.program(task.language, program, { keep: [task.entryPoint] });
  return sha256(canonical(["verdict-2", taskHash(task), sandbox, sha256(form)]));
};
