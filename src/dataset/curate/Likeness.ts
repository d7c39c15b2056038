/** What "the same" means for statements and programs, at three levels. */
import type { Task } from "../../domain/Task.ts";
import * as Normalise from "../../syntax/Normalise.ts";
import { normalise } from "../Statement.ts";
import * as MinHash from "./MinHash.ts";

/**
 * `exact`: the same text. `normalised`: programs but for comments, spacing and own names, statements but for
 * everything except letters and digits. `near`: those, and what shares at least a threshold of its shingles.
 */
export type Level = "exact" | "normalised" | "near";
export const LEVELS = ["exact", "normalised", "near"] as const;

/** Tokens a shingle of programs, words a shingle of statements. */
const PROGRAM_SHINGLE = 5;
const STATEMENT_SHINGLE = 3;

type Setting = Pick<Task, "language" | "entryPoint" | "tests">;

/** Names that tests call a program by. */
export const kept = ({ entryPoint, tests }: Setting): ReadonlyArray<string> =>
  tests.kind === "stdio" ? [] : [entryPoint];

export const programKey = (level: Level, task: Setting, program: string): string =>
  level === "exact" ? program : Normalise.program(task.language, program, { keep: kept(task) });

export const programTokens = (task: Setting, program: string): ReadonlyArray<string> =>
  Normalise.tokens(task.language, program, { keep: kept(task) });

export const programSet = (task: Setting, program: string): MinHash.HashSet =>
  MinHash.setOf(MinHash.shingles(programTokens(task, program), PROGRAM_SHINGLE));

export const statementKey = (level: Level, statement: string): string =>
  level === "exact" ? statement : normalise(statement);

export const words = (statement: string): ReadonlyArray<string> => {
  const text = normalise(statement);
  return text === "" ? [] : text.split(" ");
};

export const statementSet = (statement: string): MinHash.HashSet =>
  MinHash.setOf(MinHash.shingles(words(statement), STATEMENT_SHINGLE));
